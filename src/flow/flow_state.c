/* A flow, and the parts of its queue in the order in which they are written, as records. */
#include "build_config.h"

#include "flow/flow_state.h"

#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

#include <unistd.h>

struct flow_state {
	struct flow flow; /* without what it points to; pause is only set at last */
	struct flow_pauses pauses;
	bool bulk, may_splice, started, offered, starved, spoke, more;
};

/*
 * A new field of struct flow has to be saved here, unless it is found out again: events and turns are, from
 * the rest.
 */
STATE_COVERS(struct flow, 168);
STATE_COVERS(struct flow_pauses, 32);

#define FLOW_FIELD(member, type) STATE_NAMED(#member, struct flow_state, flow.member, type)

static const struct state_field flow_fields[] = {
        FLOW_FIELD(bytes, STATE_U64),
        FLOW_FIELD(last_read_us, STATE_U64),
        FLOW_FIELD(last_progress, STATE_U64),
        FLOW_FIELD(queued, STATE_U64),
        FLOW_FIELD(held, STATE_U64),
        FLOW_FIELD(peak, STATE_U64),
        FLOW_FIELD(dropped, STATE_U64),
        FLOW_FIELD(ended, STATE_U64),
        FLOW_FIELD(sink_size, STATE_U32),
        FLOW_FIELD(source_error, STATE_INT),
        FLOW_FIELD(sink_error, STATE_INT),
        FLOW_FIELD(fault, STATE_INT),
        FLOW_FIELD(source, STATE_U8),
        FLOW_FIELD(sink, STATE_U8),
        FLOW_FIELD(pause, STATE_U8),
        FLOW_FIELD(bulk_reads, STATE_U8),
        FLOW_FIELD(starved_times, STATE_U8),
        STATE_FIELD(struct flow_state, bulk, STATE_BOOL),
        STATE_FIELD(struct flow_state, may_splice, STATE_BOOL),
        STATE_FIELD(struct flow_state, started, STATE_BOOL),
        STATE_FIELD(struct flow_state, offered, STATE_BOOL),
        STATE_FIELD(struct flow_state, starved, STATE_BOOL),
        STATE_FIELD(struct flow_state, spoke, STATE_BOOL),
        STATE_FIELD(struct flow_state, more, STATE_BOOL),
        STATE_NAMED("pauses", struct flow_state, pauses.count, STATE_U64),
        STATE_NAMED("paused_ms", struct flow_state, pauses.total_ms, STATE_U64),
        STATE_NAMED("longest_pause_ms", struct flow_state, pauses.longest_ms, STATE_U64),
        STATE_NAMED("paused_since", struct flow_state, pauses.since, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind flow_kind = STATE_KIND("flow", struct flow_state, flow_fields);

/* Bytes that were copied. Those that follow a pipe are the tail. */
struct queue_state {
	uint64_t bytes;
};

static const struct state_field queue_fields[] = {
        STATE_FIELD(struct queue_state, bytes, STATE_BYTES),
        STATE_FIELDS_END,
};
static const struct state_kind queue_kind = STATE_KIND("queue", struct queue_state, queue_fields);

struct pipe_state {
	int in, out;
	uint64_t length;
};

static const struct state_field pipe_fields[] = {
        STATE_FIELD(struct pipe_state, in, STATE_PIPE),
        STATE_FIELD(struct pipe_state, out, STATE_PIPE),
        STATE_FIELD(struct pipe_state, length, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind pipe_kind = STATE_KIND("pipe", struct pipe_state, pipe_fields);

/* ---- saving ---- */

static void save_piece(void *writer, const void *data, size_t size)
{
	state_put_bytes(writer, data, size);
}

static void save_buffer(const struct flow *flow, bool tail, struct state_writer *writer)
{
	const struct queue_state state = {
	        .bytes = tail ? flow_buffer_tail(flow->buffer) : flow_buffer_head(flow->buffer),
	};

	if (state.bytes == 0)
		return;
	state_put(writer, &queue_kind, &state);
	flow_buffer_each(flow->buffer, tail, save_piece, writer);
}

static void save_queue(const struct flow *flow, struct state_writer *writer)
{
	if (flow->buffer)
		save_buffer(flow, false, writer);
	for (const struct pipe *pipe = flow->pipes; pipe; pipe = pipe->next) {
		const struct pipe_state state = {.in = pipe->in, .out = pipe->out, .length = pipe->length};

		state_put(writer, &pipe_kind, &state);
	}
	if (flow->buffer)
		save_buffer(flow, true, writer);
}

void flow_save(const struct flow *flow, struct state_writer *writer)
{
	struct flow_state state = {
	        .flow = *flow,
	        .bulk = flow->bulk,
	        .may_splice = flow->may_splice,
	        .started = flow->started,
	        .offered = flow->offered,
	        .starved = flow->starved,
	        .spoke = flow->spoke,
	        .more = flow->more,
	};

	if (flow->pauses)
		state.pauses = *flow->pauses;
	state_put(writer, &flow_kind, &state);
	if (flow->limited)
		flow_rate_save(flow, writer);
	save_queue(flow, writer);
}

/* ---- restoring ---- */

static bool is_possible(const struct flow_state *state)
{
	const struct flow *flow = &state->flow;

	return flow->source <= SOURCE_FAILED && flow->sink <= SINK_FAILED && flow->pause <= PAUSE_RATE &&
	       flow->starved_times <= FLOW_STARVED_TIMES_MAX;
}

/* All but what is pointed to, and the pause. */
static void take_fields(struct flow *flow, const struct flow_restoring *with, const struct flow_state *state)
{
	const struct flow_io *io = flow->io;
	const struct flow_limits *limits = flow->limits;

	*flow = state->flow;
	flow->io = io;
	flow->limits = limits;
	flow->pause = PAUSE_NONE;
	flow->queued = flow->held = 0;
	flow->bulk = state->bulk;
	flow->started = state->started;
	flow->offered = state->offered;
	flow->starved = state->starved;
	flow->spoke = state->spoke;
	flow->more = state->more;
	flow_attach(flow, with->source_fd, with->sink_fd, with->readable, state->may_splice);
}

/* In a rehearsal there are no bytes, only their number. */
static int restore_bytes(struct flow *flow, struct state_reader *reader)
{
	struct queue_state state;
	const void *bytes;
	size_t size;

	if (!state_get(reader, &queue_kind, &state))
		return -EPROTO;
	bytes = state_bytes(reader, &size);
	flow->queued += state.bytes;
	return bytes ? flow_queue_append(flow, bytes, size) : 0;
}

static int restore_pipe(struct flow *flow, struct state_reader *reader)
{
	struct pipe **last = &flow->pipes;
	struct pipe_state state;

	if (!flow->io->pipes || !state_get(reader, &pipe_kind, &state))
		return -EPROTO;
	if (state.in < 0 || state.out < 0) {
		close(state.in);
		close(state.out);
		return -EPROTO;
	}
	while (*last)
		last = &(*last)->next;
	*last = pipe_pool_adopt(flow->io->pipes, state.in, state.out, state.length);
	if (!*last)
		return -ENOMEM;
	flow->queued += state.length;
	return 0;
}

static int restore_queue(struct flow *flow, uint64_t held, struct state_reader *reader)
{
	int error = 0;

	while (!error && (state_is_next(reader, &queue_kind) || state_is_next(reader, &pipe_kind)))
		error = state_is_next(reader, &pipe_kind) ? restore_pipe(flow, reader)
		                                          : restore_bytes(flow, reader);
	flow_memory_take_again(flow, held);
	return error;
}

/* Its rate comes first: what is known of pauses is part of that. */
static int restore_parts(struct flow *flow, const struct flow_restoring *with, const struct flow_state *state,
                         struct state_reader *reader)
{
	int error = flow_rate_restore(flow, with->own_rate, with->rate_of_all, reader);

	if (!error && state->flow.pause == PAUSE_RATE && !flow->limited)
		error = -EPROTO;
	if (!error)
		error = flow_pause_restore(flow, state->flow.pause, &state->pauses);
	if (!error)
		error = restore_queue(flow, state->flow.held, reader);
	return !error && flow->queued != state->flow.queued ? -EPROTO : error;
}

int flow_restore(struct flow *flow, const struct flow_restoring *with, struct state_reader *reader)
{
	struct flow_state state;
	int error = -EPROTO;

	if (state_get(reader, &flow_kind, &state) && is_possible(&state)) {
		take_fields(flow, with, &state);
		error = restore_parts(flow, with, &state, reader);
	}
	if (error)
		flow_fail(flow, error);
	else
		flow_derive_events(flow);
	return error ? error : flow->fault;
}
