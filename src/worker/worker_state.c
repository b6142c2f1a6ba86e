/* What a worker hands over to a program that takes over, and gets from the one before. */
#include "build_config.h"

#include "worker/worker_private.h"

#include "relay/standing_state.h"

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
	if (place.file >= 0)
		close(place.file);
	worker->saved.round = place.round;
	worker->saved.error = error;
	worker_answer(worker, &worker->saved, WORKER_SAVED);
	if (place.purpose == STATE_CARRY)
		parking_wait(parking, place.round);
}

/* ---- restoring ---- */

int workers_restore(struct workers_restoring *restoring, struct state_reader *reader)
{
	struct standings *standings = restoring->workers[0]->context->standings;
	struct worker_state state;

	if (!state_get(reader, &worker_kind, &state))
		return -EPROTO;
	return tallies_restore(standings, reader);
}
