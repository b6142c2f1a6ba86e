/* What a worker hands over to a program that takes over, and gets from the one before. */
#include "build_config.h"

#include "worker/worker_private.h"

#include "pair/pair_state.h"
#include "relay/standing_state.h"
#include "worker/acceptor_state.h"
#include "worker/handover.h"
#include "worker/handover_state.h"

#include <errno.h>
#include <unistd.h>

struct worker_state {
	uint32_t number;
};

static const struct state_field worker_fields[] = {
        STATE_FIELD(struct worker_state, number, STATE_U32),
        STATE_FIELDS_END,
};
static const struct state_kind worker_kind = STATE_KIND("worker", struct worker_state, worker_fields);

/* ---- saving ---- */

static int save(const struct worker *worker, const struct parking_place *place)
{
	const struct worker_state state = {.number = worker->number};
	struct state_writer writer;
	int error = state_writer_init(&writer, place->file, place->purpose);

	if (error)
		return error;
	state_put(&writer, &worker_kind, &state);
	tallies_save(worker->context->standings, worker->number, &writer);
	acceptors_save(&worker->acceptors, &writer);
	pair_set_save(&worker->set, &writer);
	return state_writer_finish(&writer);
}

/* The answer comes before the wait, which is for the answers of all. */
void worker_save(struct worker *worker)
{
	struct parking *parking = worker->context->parking;
	struct parking_place place;
	int entered = parking_enter(parking, worker->number, &place);
	int error = entered > 0 ? save(worker, &place) : entered;

	if (entered == 0)
		return;
	if (entered > 0) {
		close(place.file);
		parking_leave(parking);
	}
	worker->saved.round = place.round;
	worker->saved.error = error;
	worker_answer(worker, &worker->saved, WORKER_SAVED);
	if (place.purpose == STATE_CARRY)
		parking_wait(parking, place.round);
}

/* ---- restoring ---- */

/* As many workers as before have the pairs that they had. Otherwise all get some, in turn. */
static struct worker *choose(struct workers_restoring *restoring, struct worker *home)
{
	if (restoring->count == restoring->parts)
		return home;
	return restoring->workers[restoring->next++ % restoring->count];
}

/* It is counted first, as it may have ended when this returns, and was uncounted then. */
static void restore_pair(struct workers_restoring *restoring, struct worker *worker,
                         struct state_reader *reader)
{
	struct handover *handover = worker->context->handover;

	handover_pair_restored(handover, worker->number);
	if (pair_restore(&worker->set, restoring->pairs, reader) == 0)
		return;
	handover_pair_ended(handover, worker->number);
	restoring->lost++;
}

static int restore_pairs(struct workers_restoring *restoring, struct worker *home,
                         struct state_reader *reader)
{
	int error = pair_set_restore(&home->set, restoring->pairs, reader);

	while (!error && pair_is_next(reader))
		restore_pair(restoring, choose(restoring, home), reader);
	return error;
}

static struct acceptors *acceptors_of(void *arg, unsigned worker)
{
	const struct workers_restoring *restoring = arg;

	return &restoring->workers[worker]->acceptors;
}

static int restore_acceptors(struct workers_restoring *restoring, struct state_reader *reader)
{
	const struct acceptor_restoring acceptors = {
	        .facade = restoring->facade,
	        .generations = restoring->generations,
	        .acceptors_of = acceptors_of,
	        .arg = restoring,
	};

	return acceptors_restore(&acceptors, reader);
}

int workers_restore(struct workers_restoring *restoring, struct state_reader *reader)
{
	struct worker_state state;
	struct worker *home;
	int error;

	if (!state_get(reader, &worker_kind, &state))
		return -EPROTO;
	home = restoring->workers[state.number % restoring->count];
	error = tallies_restore(home->context->standings, reader);
	if (!error)
		error = restore_acceptors(restoring, reader);
	return error ? error : restore_pairs(restoring, home, reader);
}

static struct pair_set *set_of(void *arg, unsigned worker)
{
	const struct workers_restoring *restoring = arg;

	return &restoring->workers[worker]->set;
}

void workers_restored(struct workers_restoring *restoring, struct newcomers_kept *newcomers)
{
	struct handover *handover = restoring->workers[0]->context->handover;

	for (unsigned i = 0; i < restoring->count; i++)
		pair_set_continue(&restoring->workers[i]->set, restoring->pairs);
	newcomers_begin(newcomers, handover, restoring->count, set_of, restoring);
}
