#include "build_config.h"

#include "worker/acceptor_state.h"

#include "net/stream.h"
#include "relay/facade_state.h"
#include "worker/acceptor_private.h"

#include <errno.h>
#include <stdio.h>

/* What it waits for and how long is found out again; so is how busy it is. */
STATE_COVERS(struct acceptor, 176);

struct acceptor_state {
	uint64_t generation, entrance; /* numbers */
	char relay[RELAY_NAME_MAX + 1];
	uint32_t number;
	uint16_t place;
	bool draining, logged;
	uint64_t linger_until;
	int early;
};

static const struct state_field acceptor_fields[] = {
        STATE_FIELD(struct acceptor_state, generation, STATE_U64),
        STATE_FIELD(struct acceptor_state, relay, STATE_TEXT),
        STATE_FIELD(struct acceptor_state, entrance, STATE_U64),
        STATE_FIELD(struct acceptor_state, number, STATE_U32),
        STATE_FIELD(struct acceptor_state, place, STATE_U16),
        STATE_FIELD(struct acceptor_state, draining, STATE_BOOL),
        STATE_FIELD(struct acceptor_state, logged, STATE_BOOL),
        STATE_FIELD(struct acceptor_state, linger_until, STATE_U64),
        STATE_FIELD(struct acceptor_state, early, STATE_SOCKET),
        STATE_FIELDS_END,
};
static const struct state_kind acceptor_kind = STATE_KIND("acceptor", struct acceptor_state, acceptor_fields);

/* ---- saving ---- */

static void save(const struct acceptor *acceptor, struct state_writer *writer)
{
	struct acceptor_state state = {
	        .generation = acceptor->relay->generation->number,
	        .entrance = acceptor->entrance->number,
	        .number = acceptor->number,
	        .place = acceptor->place,
	        .draining = acceptor->draining,
	        .logged = acceptor->logged,
	        .linger_until = acceptor->linger_until,
	        .early = acceptor->early >= 0 ? acceptor->early : -1,
	};

	snprintf(state.relay, sizeof(state.relay), "%s", acceptor->relay->config->name);
	state_put(writer, &acceptor_kind, &state);
}

void acceptors_save(const struct acceptors *acceptors, struct state_writer *writer)
{
	const struct acceptor *acceptor;

	LIST_FOREACH (acceptor, &acceptors->list, entry)
		if (acceptor->draining || acceptor->logged)
			save(acceptor, writer);
}

/* ---- restoring ---- */

static struct acceptor *find(struct acceptors *acceptors, const struct entrance *entrance, unsigned number)
{
	struct acceptor *acceptor;

	LIST_FOREACH (acceptor, &acceptors->list, entry)
		if (acceptor->entrance == entrance && acceptor->number == number)
			return acceptor;
	return NULL;
}

/* A worker and whoever stood in for it may both have had one at this socket. */
static void merge(struct acceptor *acceptor, const struct acceptor_state *state)
{
	acceptor->logged |= state->logged;
	if (acceptor->early < 0)
		acceptor->early = state->early;
	else if (state->early >= 0)
		stream_reset(state->early);
}

static int begin(struct acceptors *acceptors, const struct acceptor_post *post,
                 const struct acceptor_state *state)
{
	struct acceptor *acceptor = acceptor_prepare(acceptors, post, state->number);

	if (!acceptor) {
		if (state->early >= 0)
			stream_reset(state->early);
		return -ENOMEM;
	}
	acceptor->draining = state->draining;
	acceptor->logged = state->logged;
	acceptor->linger_until = state->linger_until;
	acceptor->early = state->early;
	acceptor_begin(acceptor);
	return 0;
}

static int restore(const struct acceptor_restoring *restoring, const struct acceptor_post *post,
                   const struct acceptor_state *state)
{
	unsigned whose = entrance_whose(post->entrance, state->number);
	struct acceptors *acceptors = restoring->acceptors_of(restoring->arg, whose);
	struct acceptor *same = find(acceptors, post->entrance, state->number);

	if (!same)
		return begin(acceptors, post, state);
	merge(same, state);
	return 0;
}

static int restore_next(const struct acceptor_restoring *restoring, struct state_reader *reader)
{
	struct acceptor_state state;
	struct acceptor_post post;

	if (!state_get(reader, &acceptor_kind, &state))
		return -EPROTO;
	post.place = state.place;
	post.entrance = facade_find_number(restoring->facade, state.entrance);
	post.relay = generations_find_relay(restoring->generations, state.generation, state.relay);
	if (post.relay && post.entrance && state.number < post.entrance->count)
		return restore(restoring, &post, &state);
	if (state.early >= 0)
		stream_reset(state.early);
	return state_fail(reader, "an acceptor of a relay, at a socket that is there was expected");
}

int acceptors_restore(const struct acceptor_restoring *restoring, struct state_reader *reader)
{
	int error = 0;

	while (state_is_next(reader, &acceptor_kind)) {
		int result = restore_next(restoring, reader);

		error = result ? result : error;
	}
	return error;
}
