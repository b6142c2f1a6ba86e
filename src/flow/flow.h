/*
 * One direction of a pair: bytes from a source socket to a sink socket.
 *
 *   source readable ─► pump: claim memory for what the queue has room for, move that much on,
 *                      queue what the sink does not take at once
 *   queue at high   ─► the source is paused: the kernel's window closes, the sender waits
 *   queue at low    ─► the source is resumed
 *   source ended    ─► when the queue is empty: shutdown(sink, SHUT_WR)
 *
 *                 ┌─ splice ─► pipe ───────────┐ first
 *   source socket ┤                            ├─► sink socket
 *                 └─ recv ───► output buffer ──┘ when the pipe is empty
 *
 * Invariants, at every moment outside this module:
 *   queued is what is in the pipe, the older bytes, and in the output buffer; either exists exactly while it
 *     holds bytes, and nothing goes into the pipe while the buffer does
 *   queued <= limits->high, and the queue's memory <= held, which is counted in the budget
 *   the source is paused exactly from the moment at which the queue reaches high, or memory leaves no room
 *     for it, to the one at which it is down to low
 *   events are added exactly while the state of the flow asks for them; derive_events in flow.c is the only
 *     place that adds and removes them
 *   a flow never frees itself: after every event that it acts on it calls settle, whose owner may
 *
 * When the budget has nothing left, a flow without a queue still moves: it sends what it can while the bytes
 * stay in the source's kernel buffer (MSG_PEEK of recv(2)), and takes from there only what was sent. So no
 * flow ever waits for memory.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "config/settings.h"
#include "flow/budget.h"
#include "report/records.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct bufferevent;
struct flow;
struct pipe;
struct pipe_pool;

TAILQ_HEAD(flow_list, flow);

/* The bulk flows of a worker that wait for their turn. */
struct flow_turns {
	struct flow_list waiting;
	struct event *next_pass;
};

/* 0 or -ENOMEM */
int flow_turns_init(struct flow_turns *turns, struct event_base *base);
void flow_turns_deinit(struct flow_turns *turns);

/* What all flows of one worker share. Borrowed; must outlive the flows. */
struct flow_io {
	struct event_base *base;
	struct budget *budget;
	struct pipe_pool *pipes; /* NULL: flows do not splice */
	struct flow_turns *turns;
	unsigned char *scratch; /* where every read that is not spliced lands first */
	/* Bytes; also the most that one pump copies, so that a bulk flow does not hold up its neighbours. */
	size_t scratch_size;
	void (*settle)(
	        struct flow *flow); /* called last, after every event that a flow acts on; may free it */
};

enum flow_source {
	SOURCE_OPEN,
	SOURCE_DOOMED, /* its peer has failed: unread bytes are still delivered, then it is SOURCE_FAILED */
	SOURCE_ENDED,  /* FIN seen */
	SOURCE_FAILED, /* reset or error seen, or a doomed source was read empty */
};
enum flow_sink { SINK_OPEN, SINK_ENDED, SINK_FAILED }; /* FIN passed on; reset or error seen, or cut */

/* Why a source is paused. */
enum flow_pause {
	PAUSE_NONE,   /* it is not */
	PAUSE_HIGH,   /* the queue has reached the high watermark */
	PAUSE_MEMORY, /* memory_max leaves no room */
};

struct flow {
	const struct flow_io *io;
	const struct flow_limits *limits;
	void *owner;
	struct event *readable; /* on the source; memory of the owner, event_get_struct_event_size() bytes */
	struct event *writable; /* on the sink, while weir itself waits for it, otherwise NULL */
	struct pipe *pipe;      /* while bytes are queued in it, otherwise NULL */
	struct bufferevent
	        *buffer;        /* on the sink, while bytes are queued in its output buffer, otherwise NULL */
	int source_fd, sink_fd; /* of the owner, who closes them after flow_deinit */
	int source_error, sink_error; /* -errno of SOURCE_FAILED and SINK_FAILED, where known */
	int fault; /* -errno of a failure of our own (no memory, no event); the owner must close */
	enum flow_source source;
	enum flow_sink sink;
	bool started;
	bool readable_added; /* the event is */
	bool writable_added;
	enum flow_pause pause;
	bool may_splice;
	bool bulk; /* moves enough for a pipe */
	unsigned char bulk_reads;
	unsigned char turn; /* what it waits to do when its turn comes; bits of enum flow_turn */
	TAILQ_ENTRY(flow) turn_entry;

	uint64_t queued, peak; /* bytes */
	uint64_t held;         /* bytes of the budget */
	uint64_t bytes;        /* written to the sink */
	uint64_t dropped;      /* read and never written, because the sink failed */
	uint64_t pauses, paused_ms, longest_pause_ms;
	uint64_t paused_since;  /* clock_ms */
	uint64_t ended;         /* clock_ms at which the source ended or failed, or 0 */
	uint64_t last_read;     /* clock_ms of the last byte from the source */
	uint64_t last_progress; /* clock_ms of the last byte that the sink took, or when the queue began */
};

void flow_init(struct flow *flow, const struct flow_io *io, const struct flow_limits *limits, bool may_splice,
               void *owner);
/* Connects the flow to its sockets. readable as in the struct. */
void flow_attach(struct flow *flow, int source_fd, int sink_fd, struct event *readable);
/* Begins to read. */
void flow_start(struct flow *flow);
/* The sink has failed (-errno): stops at once, drops and counts the queue. */
void flow_sink_failed(struct flow *flow, int error);
/*
 * The source has failed (-errno), which its own reading has not found out: what is still unread is delivered,
 * but the end is no clean one.
 */
void flow_source_failed(struct flow *flow, int error);
/*
 * Takes and drops some of what the source still sends to a sink that has failed. It counts as no activity.
 * True if there was anything.
 */
bool flow_discard(struct flow *flow);
/* Everything that came from the source is with the sink's kernel, or dropped, and no more will come. */
bool flow_finished(const struct flow *flow);
/* Bytes wait for the sink: in a queue, or with the source for want of memory. */
bool flow_has_backlog(const struct flow *flow);
/* Reading is wanted: started, both ends open, not paused, no fault. */
bool flow_reads(const struct flow *flow);
/* Removes events and the queue; the sockets are left open. Takes a zeroed flow. */
void flow_deinit(struct flow *flow);

/* Adds what the flow has moved and how it was paused until now, a pause that lasts included. */
void flow_count(const struct flow *flow, enum direction direction, uint64_t now, struct counters *counters);
/* The dump's record, without the kernel's queues; sink_side is which peer the sink is. */
void flow_describe(const struct flow *flow, uint64_t now, enum limited_by sink_side,
                   struct flow_record *record);

/*
 * What a queue of so many bytes costs at most, in bytes that the allocator is asked for: libevent's chains
 * with their headers, partly filled ones included. Exposed for the tests, which hold it against the real
 * allocations.
 */
uint64_t flow_queue_cost(uint64_t queued);

#endif
