#include "build_config.h"

#include "worker/adoption.h"

#include "worker/acceptor_private.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct adoption_place *a = left, *b = right;
	uintptr_t one = (uintptr_t)a->entrance, other = (uintptr_t)b->entrance;

	return one < other ? -1 : one > other;
}

/* ---- making ---- */

static int add_place(struct adoption *adoption, struct acceptors *acceptors, struct relay *relay,
                     struct entrance *entrance)
{
	struct adoption_place *place = &adoption->places[adoption->count++];

	*place = (struct adoption_place){.entrance = entrance, .relay = relay};
	facade_enter(entrance);
	if (entrance_fd(entrance, adoption->worker) < 0)
		return 0;
	place->acceptor = acceptor_prepare(acceptors, relay, entrance, adoption->worker);
	return place->acceptor ? 0 : -ENOMEM;
}

static int add_places(struct adoption *adoption, struct acceptors *acceptors, struct relay *relay)
{
	int error = 0;

	for (size_t i = 0; !error && i < relay->entrances.count; i++)
		if (!relay->entrances.list[i]->refuses)
			error = add_place(adoption, acceptors, relay, relay->entrances.list[i]);
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
		facade_leave(adoption->places[i].entrance);
	}
	free(adoption->places);
	generation_put(adoption->generation);
	free(adoption);
}

/* ---- carrying out ---- */

static void carry_over(const struct adoption *adoption, struct acceptor *acceptor)
{
	const struct adoption_place wanted = {.entrance = acceptor->entrance};
	struct adoption_place *place =
	        bsearch(&wanted, adoption->places, adoption->count, sizeof(wanted), compare);

	if (!place) {
		acceptor_drain(acceptor);
		return;
	}
	if (acceptor->whose == adoption->worker)
		drop_acceptor(place);
	acceptor_set_relay(acceptor, place->relay);
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
