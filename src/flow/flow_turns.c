/*
 * Turns. In one pass of the event loop, everything small is moved as it comes, but bulk only up to a limit.
 * Without this, a message that arrives while dozens of bulk flows are ready would wait for a large read from
 * each of them.
 */
#include "build_config.h"

#include "base/evloop.h"
#include "flow/flow_private.h"

#include <event2/event.h>

/*
 * Bulk bytes in one pass: about as much as one pump moves. A larger value is less fair. A smaller one costs
 * more passes.
 */
#define TURN_BYTES (1024 * 1024)

static bool wait_for_next_pass(struct flow_turns *turns)
{
	static const struct timeval now = {0, 0};

	return event_pending(turns->next_pass, EV_TIMEOUT, NULL) || event_add(turns->next_pass, &now) == 0;
}

static uint64_t take_turn(struct flow *flow)
{
	uint64_t bytes = flow->bytes, queued = flow->queued;
	unsigned turn = flow->turn;

	flow_turn_leave(flow);
	flow_take_turn(flow, turn);
	return flow->bytes - bytes + (flow->queued > queued ? flow->queued - queued : 0);
}

/*
 * Flows take their turns in the order in which they became ready. If the next pass cannot be scheduled (no
 * memory), all take theirs in this one.
 */
EVENT_CALLBACK(on_next_pass, struct flow_turns, turns)
{
	struct flow *flow;
	uint64_t moved = 0;

	while ((flow = TAILQ_FIRST(&turns->waiting)) != NULL) {
		if (moved >= TURN_BYTES && wait_for_next_pass(turns))
			return;
		moved += take_turn(flow);
		flow->io->settle(flow);
	}
}

bool flow_turn_defer(struct flow *flow, enum flow_turn turn)
{
	struct flow_turns *turns = flow->io->turns;

	if (!wait_for_next_pass(turns))
		return false;
	if (!flow->turn)
		TAILQ_INSERT_TAIL(&turns->waiting, flow, turn_entry);
	flow->turn |= turn;
	return true;
}

void flow_turn_leave(struct flow *flow)
{
	if (flow->turn)
		TAILQ_REMOVE(&flow->io->turns->waiting, flow, turn_entry);
	flow->turn = 0;
}

int flow_turns_init(struct flow_turns *turns, struct event_base *base)
{
	TAILQ_INIT(&turns->waiting);
	turns->next_pass = event_new(base, -1, 0, on_next_pass, turns);
	return turns->next_pass ? 0 : -ENOMEM;
}

void flow_turns_deinit(struct flow_turns *turns)
{
	evloop_free_event(turns->next_pass);
	turns->next_pass = NULL;
}
