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

static void add_place(struct adoption *adoption, const struct acceptor_post *post)
{
	adoption->places[adoption->count++] = (struct adoption_place){.post = *post};
	facade_enter(post->entrance);
}

static void add_places(struct adoption *adoption, struct relay *relay)
{
	const struct entrances *entrances = &relay->entrances;

	for (size_t i = 0; i < entrances->count; i++) {
		const struct acceptor_post post = {relay, entrances->list[i], entrances->places[i]};

		if (!post.entrance->refuses)
			add_place(adoption, &post);
	}
}

/* The lists must not be moved once they are filled. */
static void list_places(struct adoption *adoption)
{
	const struct generation *generation = adoption->generation;

	for (size_t i = 0; i < generation->relay_count; i++)
		add_places(adoption, generation->relays[i]);
	qsort(adoption->places, adoption->count, sizeof(*adoption->places), compare);
	for (size_t i = 0; i < adoption->count; i++)
		LIST_INIT(&adoption->places[i].acceptors);
}

static int prepare(const struct adoption *adoption, struct adoption_place *place, struct acceptors *acceptors)
{
	const struct entrance *entrance = place->post.entrance;
	unsigned number = entrance_first(entrance, adoption->worker);

	for (; number < entrance->count; number += entrance->workers) {
		struct acceptor *acceptor = acceptor_prepare(acceptors, &place->post, number);

		if (!acceptor)
			return -ENOMEM;
		LIST_INSERT_HEAD(&place->acceptors, acceptor, entry);
	}
	return 0;
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
	if (!error)
		list_places(adoption);
	for (size_t i = 0; !error && i < adoption->count; i++)
		error = prepare(adoption, &adoption->places[i], acceptors);
	if (!error)
		return adoption;
	adoption_free(adoption);
	return NULL;
}

static void drop(struct acceptor *acceptor)
{
	LIST_REMOVE(acceptor, entry);
	acceptor_free(acceptor);
}

static void drop_all(struct adoption_place *place)
{
	struct acceptor *acceptor;

	while ((acceptor = LIST_FIRST(&place->acceptors)))
		drop(acceptor);
}

/* Somebody else accepts on that socket. */
static void drop_number(struct adoption_place *place, unsigned number)
{
	struct acceptor *acceptor;

	LIST_FOREACH (acceptor, &place->acceptors, entry)
		if (acceptor->number == number)
			break;
	if (acceptor)
		drop(acceptor);
}

void adoption_free(struct adoption *adoption)
{
	if (!adoption)
		return;
	for (size_t i = 0; i < adoption->count; i++) {
		drop_all(&adoption->places[i]);
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
	drop_number(place, acceptor->number);
	acceptor_set_post(acceptor, &place->post);
}

static void begin_all(struct adoption_place *place)
{
	struct acceptor *acceptor;

	while ((acceptor = LIST_FIRST(&place->acceptors))) {
		LIST_REMOVE(acceptor, entry);
		acceptor_begin(acceptor);
	}
}

void adoption_carry_out(struct adoption *adoption, struct acceptors *acceptors)
{
	struct acceptor *acceptor, *next;

	for (acceptor = LIST_FIRST(&acceptors->list); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, entry);
		carry_over(adoption, acceptor);
	}
	for (size_t i = 0; i < adoption->count; i++)
		begin_all(&adoption->places[i]);
}

/* ---- standing in ---- */

/* On how many sockets somebody accepts already: on all, or on none. */
static void note_manned(const struct adoption *adoption, const struct acceptors *acceptors, unsigned whose)
{
	const struct acceptor *acceptor;

	for (size_t i = 0; i < adoption->count; i++)
		adoption->places[i].manned = 0;
	LIST_FOREACH (acceptor, &acceptors->list, entry) {
		struct adoption_place *place = find_place(adoption, acceptor);

		if (place && acceptor->whose == whose)
			place->manned++;
	}
}

static int man(struct acceptors *acceptors, const struct adoption_place *place, unsigned whose)
{
	const struct entrance *entrance = place->post.entrance;
	unsigned number = entrance_first(entrance, whose);

	for (; number < entrance->count; number += entrance->workers)
		if (!acceptor_new(acceptors, &place->post, number))
			return -ENOMEM;
	return 0;
}

int adoption_stand_in(struct adoption *adoption, struct acceptors *acceptors, unsigned whose)
{
	int error = 0;

	note_manned(adoption, acceptors, whose);
	for (size_t i = 0; !error && i < adoption->count; i++)
		if (adoption->places[i].manned == 0)
			error = man(acceptors, &adoption->places[i], whose);
	return error;
}
