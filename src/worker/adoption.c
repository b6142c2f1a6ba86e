#include "build_config.h"

#include "worker/adoption.h"

#include "worker/acceptor_private.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct adoption_place *a = left, *b = right;
	uintptr_t one = (uintptr_t)a->post.entrance, other = (uintptr_t)b->post.entrance;

	return one < other ? -1 : one > other;
}

/* ---- making ---- */

static int add_place(struct adoption *adoption, struct acceptors *acceptors, const struct acceptor_post *post)
{
	struct adoption_place *place = &adoption->places[adoption->count++];

	*place = (struct adoption_place){.post = *post};
	facade_enter(post->entrance);
	if (entrance_fd(post->entrance, adoption->worker) < 0)
		return 0;
	place->acceptor = acceptor_prepare(acceptors, post, adoption->worker);
	return place->acceptor ? 0 : -ENOMEM;
}

static int add_places(struct adoption *adoption, struct acceptors *acceptors, struct relay *relay)
{
	const struct entrances *entrances = &relay->entrances;
	int error = 0;

	for (size_t i = 0; !error && i < entrances->count; i++) {
		const struct acceptor_post post = {relay, entrances->list[i], entrances->places[i]};

		if (!post.entrance->refuses)
			error = add_place(adoption, acceptors, &post);
	}
	return error;
}

struct adoption *adoption_new(struct acceptors *acceptors, unsigned worker, struct generation *generation)
{
	struct adoption *adoption = calloc(1, sizeof(*adoption));
	int error;

	if (!adoption)
		return NULL;
	adoption->generation = generation_get(generation);
	adoption->worker = worker;
	adoption->places = calloc(generation_count_entrances(generation), sizeof(*adoption->places));
	error = adoption->places ? 0 : -ENOMEM;
	for (size_t i = 0; !error && i < generation->relay_count; i++)
		error = add_places(adoption, acceptors, generation->relays[i]);
	if (error) {
		adoption_free(adoption);
		return NULL;
	}
	qsort(adoption->places, adoption->count, sizeof(*adoption->places), compare);
	return adoption;
}

static void drop_acceptor(struct adoption_place *place)
{
	if (place->acceptor)
		acceptor_free(place->acceptor);
	place->acceptor = NULL;
}

void adoption_free(struct adoption *adoption)
{
	if (!adoption)
		return;
	for (size_t i = 0; i < adoption->count; i++) {
		drop_acceptor(&adoption->places[i]);
		facade_leave(adoption->places[i].post.entrance);
	}
	free(adoption->places);
	generation_put(adoption->generation);
	free(adoption);
}

/* ---- carrying out ---- */

static struct adoption_place *find_place(const struct adoption *adoption, const struct acceptor *acceptor)
{
	const struct adoption_place wanted = {.post.entrance = acceptor->entrance};

	return bsearch(&wanted, adoption->places, adoption->count, sizeof(wanted), compare);
}

static void carry_over(const struct adoption *adoption, struct acceptor *acceptor)
{
	struct adoption_place *place = find_place(adoption, acceptor);

	if (!place) {
		acceptor_drain(acceptor);
		return;
	}
	if (acceptor->whose == adoption->worker)
		drop_acceptor(place);
	acceptor_set_post(acceptor, &place->post);
}

void adoption_carry_out(struct adoption *adoption, struct acceptors *acceptors)
{
	struct acceptor *acceptor, *next;

	for (acceptor = LIST_FIRST(&acceptors->list); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, entry);
		carry_over(adoption, acceptor);
	}
	for (size_t i = 0; i < adoption->count; i++)
		if (adoption->places[i].acceptor) {
			acceptor_begin(adoption->places[i].acceptor);
			adoption->places[i].acceptor = NULL; /* consumed */
		}
}

/* ---- standing in ---- */

/* Where somebody accepts already. */
static void note_manned(const struct adoption *adoption, const struct acceptors *acceptors, unsigned whose)
{
	const struct acceptor *acceptor;

	for (size_t i = 0; i < adoption->count; i++)
		adoption->places[i].manned = false;
	LIST_FOREACH (acceptor, &acceptors->list, entry) {
		struct adoption_place *place = find_place(adoption, acceptor);

		if (place && acceptor->whose == whose)
			place->manned = true;
	}
}

int adoption_stand_in(struct adoption *adoption, struct acceptors *acceptors, unsigned whose)
{
	int error = 0;

	note_manned(adoption, acceptors, whose);
	for (size_t i = 0; !error && i < adoption->count; i++) {
		const struct adoption_place *place = &adoption->places[i];

		if (!place->manned && entrance_fd(place->post.entrance, whose) >= 0)
			error = acceptor_new(acceptors, &place->post, whose) ? 0 : -ENOMEM;
	}
	return error;
}
