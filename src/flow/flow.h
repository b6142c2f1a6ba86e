/*
 * One direction of a pair: bytes from a source socket to a sink socket.
 *
 *   source readable ─► pump: claim memory for what the queue has room for, move that much on,
 *                      queue what the sink does not take at once
 *   queue at high   ─► the source is paused: the kernel's window closes, the sender waits
 *   queue at low    ─► the source is resumed
 *   source ended    ─► when the queue is empty: shutdown(sink, SHUT_WR)
 *
 *                 ┌─ splice ─────────► pipes ─┐
 *   source socket ┤                           ├─► sink socket, the oldest bytes first
 *                 └─ recv ───► head or tail ──┘
 *
 * Invariants, at every moment outside this module:
 *   queued is the bytes in the head, the pipes and the tail, which are written in this order; each exists
 *     exactly while it holds bytes. What is copied goes into the tail if there are pipes, otherwise into the
 *     head. What is spliced goes into the newest pipe, and nothing is spliced while there is a tail. When the
 *     pipes are empty, the tail becomes the head. Head and tail are the buffers of one bufferevent
 *   queued <= limits->high, and the queue's memory <= held, which is counted in the budget
 *   the source is paused exactly from when the queue reaches high, or memory leaves no room for it, until
 *     the queue is down to low (while memory is short, to the lower mark of flow_memory_low); a flow that is
 *     paused without a queue goes on when its sink can be written. One with a limit is also paused from when
 *     it has read as much as it may until it may read more
 *   events are added exactly while the state of the flow needs them; flow_derive_events is the only
 *     place that adds and removes them
 *   a flow never frees itself: it calls settle after every event that it acts on, and settle may free it
 *
 * When the budget has nothing left, a flow without a queue still moves. It sends what it can while the bytes
 * stay in the source's kernel buffer (MSG_PEEK of recv(2)), and takes from there only what was sent. No flow
 * ever has to wait for memory.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "base/bell.h"
#include "base/rate.h"
#include "base/timers.h"
#include "config/settings.h"
#include "flow/budget.h"
#include "report/records.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct bufferevent;
struct flow;
struct pipe;
struct pipe_pool;

/*
 * Bytes are queued in pieces of one libevent chain each: 4 KiB, including a header of 48 bytes. Larger pieces
 * would be rounded up to a power of two and could cost up to twice their size.
 */
#define FLOW_CHAIN_SIZE 4096

TAILQ_HEAD(flow_list, flow);

/* The bulk flows of a worker that are waiting for their turn. */
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
	struct timers *rates;     /* of flows with a limit; they fire flow_rate_due */
	_Atomic uint64_t *paused; /* how many flows are. Only this worker writes it */
	struct bell *bell;        /* rung when a flow is paused or resumed; NULL: nobody waits for that */
	unsigned char *scratch;   /* every read that is not spliced lands here first */
	/* Bytes; also the most that one pump copies, so that a bulk flow does not hold up its neighbours. */
	size_t scratch_size;
	bool hushed; /* no source is read for now; see flow_heed_hush */
	void (*settle)(
	        struct flow *flow); /* called last, after every event that a flow acts on; may free it */
};

enum __attribute__((packed)) flow_source {
	SOURCE_OPEN,
	SOURCE_DOOMED, /* its peer has failed: unread bytes are still delivered, then it is SOURCE_FAILED */
	SOURCE_ENDED,  /* FIN seen */
	SOURCE_FAILED, /* reset or error seen, or a doomed source was read empty */
};
/* FIN passed on; reset or error seen, or cut */
enum __attribute__((packed)) flow_sink { SINK_OPEN, SINK_ENDED, SINK_FAILED };

/* Why a source is paused. */
enum __attribute__((packed)) flow_pause {
	PAUSE_NONE,   /* it is not */
	PAUSE_HIGH,   /* the queue has reached the high watermark */
	PAUSE_MEMORY, /* memory_max leaves no room */
	PAUSE_RATE,   /* it has moved as much as it may; until the next portion is due */
};

/* What is counted of a flow's pauses. */
struct flow_pauses {
	uint64_t count, total_ms, longest_ms; /* the last one only once it is over */
	uint64_t since;                       /* clock_ms at which the last one began */
};

struct flow {
	const struct flow_io *io;
	const struct flow_limits *limits;
	struct event *readable; /* on the source; the owner's memory, event_get_struct_event_size() bytes */
	struct event *writable; /* on the sink, while bytes wait for it; otherwise NULL */
	struct pipe *pipes;     /* those in which bytes are queued, oldest first */
	struct bufferevent *buffer; /* on the sink, while bytes are queued in its buffers; otherwise NULL */
	int source_fd, sink_fd;     /* borrowed; the owner closes them after flow_stop */
	/*
	 * Bytes that may be unacknowledged in the sink's kernel buffer, where its size was set; else 0.
	 * (SO_SNDBUF is an int.)
	 */
	uint32_t sink_size;
	int source_error, sink_error; /* -errno of SOURCE_FAILED and SINK_FAILED, where known */
	int fault; /* -errno of a failure of our own (no memory, no event); the owner must close */
	enum flow_source source;
	enum flow_sink sink;
	enum flow_pause pause;
	unsigned char bulk_reads;
	unsigned char starved_times; /* how often in a row, at most */
	unsigned char turn;          /* what it will do when its turn comes; bits of enum flow_turn */
	bool bulk : 1;               /* moves enough to be worth a pipe */
	bool may_splice : 1;
	bool started : 1;
	bool readable_added : 1; /* whether the event is added */
	bool writable_added : 1;
	bool limited : 1; /* it has a limit on its rate, or had one; pauses is part of what that takes */
	bool offered : 1; /* the sink was writable, and nothing was written to it since */
	bool starved : 1; /* it took nothing then: the kernel has no memory for it. writable is a timer */
	bool spoke : 1;   /* a byte has come from the source; for the owner, who clears it */
	bool cut : 1;  /* memory is so short that its last read could take less than half of what it would */
	bool more : 1; /* the last read of the source need not have emptied it */
	unsigned char unused_bits : 5; /* a new one takes one of these, and has to be in flow_state.c */
	TAILQ_ENTRY(flow) turn_entry;
	struct flow_pauses *pauses; /* NULL before the first */

	uint64_t queued, peak;  /* bytes */
	uint64_t held;          /* bytes of the budget */
	uint64_t bytes;         /* written to the sink */
	uint64_t dropped;       /* read and never written, because the sink failed */
	uint64_t ended;         /* clock_ms at which the source ended or failed, or 0 */
	uint64_t last_read_us;  /* clock_us of the last byte from the source */
	uint64_t last_progress; /* clock_ms of the last byte that the sink took, or when the queue began */
};

void flow_init(struct flow *flow, const struct flow_io *io, const struct flow_limits *limits);
/* Connects the flow to its sockets. readable as in the struct. may_splice: bulk goes through pipes. */
void flow_attach(struct flow *flow, int source_fd, int sink_fd, struct event *readable, bool may_splice);
/* The size of the sink's kernel buffer was set, so no more is written than it has room for. */
void flow_bound_sink(struct flow *flow);
/*
 * From now on the flow reads no more bytes a second than these limits say: its own, and one that others
 * share. (0: none.) Both are borrowed, and may change at any time; this is called again then. If there is no
 * memory, it is a fault.
 */
void flow_limit_rate(struct flow *flow, const _Atomic uint64_t *own, struct rate *of_all);
/* For timers_init of flow_io.rates. */
void flow_rate_due(struct timer *timer);
/* Bytes that a flow with a limit costs more than one without. */
uint64_t flow_rate_cost(void);
/* Begins to read. */
void flow_start(struct flow *flow);
/* The sink has failed (-errno). Stops at once; drops and counts the queue. */
void flow_sink_failed(struct flow *flow, int error);
/*
 * The source has failed (-errno), which normal reading has not found. What is still unread is delivered, but
 * the end is not a clean one.
 */
void flow_source_failed(struct flow *flow, int error);
/*
 * Takes and drops some of what the source still sends to a sink that has failed. This does not count as
 * activity. True if there was anything.
 */
bool flow_discard(struct flow *flow);
/* All that came from the source is in the sink's kernel buffer or was dropped, and no more will come. */
bool flow_finished(const struct flow *flow);
/* Bytes wait for the sink: in a queue, or still with the source because memory is short. */
bool flow_has_backlog(const struct flow *flow);
/* The same as the next, of a flow with a limit. */
uint64_t flow_rate_held_until(const struct flow *flow);
/*
 * Until when (clock_ms) the source may have had more to say, and was not read because of a limit. 0: never.
 * That is no backlog.
 */
static inline uint64_t flow_held_until(const struct flow *flow)
{
	return flow->limited ? flow_rate_held_until(flow) : 0;
}
/* Nothing has ended or failed, nothing is queued, and the source is not paused. */
static inline bool flow_runs(const struct flow *flow)
{
	return flow->source == SOURCE_OPEN && flow->sink == SINK_OPEN && !flow->pause && flow->queued == 0 &&
	       flow->fault == 0;
}
/* The flow wants to read: it is started, both ends are open, it is not paused, and there is no fault. */
bool flow_reads(const struct flow *flow);
/* io->hushed has changed. That is no pause, and nobody else notices: it lasts for a moment. */
void flow_heed_hush(struct flow *flow);
/* Removes the events and the queue. The sockets stay open. A zeroed flow is fine. */
void flow_stop(struct flow *flow);
/* Stops the flow, if that was not done. Nothing is known of its pauses any more. */
void flow_deinit(struct flow *flow);

/* All its pauses, as of now (clock_ms), including one that still lasts. */
struct flow_pauses flow_pauses_until(const struct flow *flow, uint64_t now);

/* Adds what the flow has moved and how long it was paused until now, including a pause that still lasts. */
void flow_count(const struct flow *flow, enum direction direction, uint64_t now, struct counters *counters);
/* Fills in the record for the dump, without the kernel's queues. sink_side says which peer the sink is. */
void flow_describe(const struct flow *flow, uint64_t now, enum blame sink_side, struct flow_record *record);

/*
 * The most that a queue of this many bytes can cost, in bytes asked of the allocator. It counts libevent's
 * chains with their headers, including chains that are partly filled. Exposed for the tests, which compare it
 * with the real allocations.
 */
uint64_t flow_queue_cost(uint64_t queued);

#endif
