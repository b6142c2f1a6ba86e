/*
 * What the files of the flow module share.
 *
 *   flow.c         what to do next; accounts for what was moved
 *   flow_end.c     what follows from ends and failures
 *   flow_copy.c    moves bytes through user space
 *   flow_buffer.c  the parts of the queue that are in the buffers of a bufferevent on the sink
 *   flow_splice.c  moves bytes into a pipe and out of it
 *   flow_pipes.c   the pipes of a flow
 *   flow_queue.c   the parts of the queue together
 *   flow_bulk.c    which flows are worth a pipe
 *   flow_memory.c  how much may be queued
 *   flow_pause.c   how often and how long a source was paused
 *   flow_rate.c    how much may be read in a second
 *   flow_room.c    how much may be written
 *   flow_wait.c    waits until the sink takes more
 *   flow_turns.c   whose turn it is
 *   flow_report.c  the dump's record
 *   flow_state.c   for the program that takes over
 *
 * Copy, buffer and splice are leaves. They know descriptors but no flow, and report what they moved.
 */
#ifndef WEIR_FLOW_PRIVATE_H
#define WEIR_FLOW_PRIVATE_H

#include "flow/flow.h"
#include "report/state.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

/* What a chain has room for besides its header. */
#define FLOW_CHAIN_PAYLOAD (FLOW_CHAIN_SIZE - 48)

/* What one end of a flow said when bytes were moved from it or to it. */
enum flow_said {
	SAID_NOTHING, /* all went well, or this end was not asked */
	SAID_NOT_NOW, /* the source has no more for now, or the sink takes no more for now */
	SAID_END,     /* the source has sent FIN */
	SAID_FAILED,  /* reset or error */
};

struct flow_answer {
	enum flow_said said;
	int error; /* -errno of SAID_FAILED */
};

/* What a call of net/stream.h that moved no bytes says about its end. */
static inline struct flow_answer flow_answer(ssize_t result)
{
	if (result == 0)
		return (struct flow_answer){.said = SAID_END};
	if (result == -EAGAIN)
		return (struct flow_answer){.said = SAID_NOT_NOW};
	return (struct flow_answer){.said = SAID_FAILED, .error = (int)result};
}

/*
 * What a leaf has moved. If more was received than sent, the rest belongs in the queue. If more was sent than
 * received, the rest came out of the queue.
 */
struct flow_move {
	size_t received, sent; /* bytes */
	struct flow_answer source, sink;
	int fault; /* -errno of a failure of our own: the stream is broken, so the pair must be closed */
};

/* More may come from the source. */
static inline bool flow_has_source(const struct flow *flow)
{
	return flow->source == SOURCE_OPEN || flow->source == SOURCE_DOOMED;
}

/* It is paused until the sink has taken more. */
static inline bool flow_waits_for_sink(const struct flow *flow)
{
	return flow->pause == PAUSE_HIGH || flow->pause == PAUSE_MEMORY;
}

/* flow.c */

/* The only place that adds and removes events of a running flow. */
void flow_derive_events(struct flow *flow);
/* The source may have something to read. Settles. */
void flow_source_readable(struct flow *flow);
/* Does what the flow put off with flow_turn_defer. The caller settles. */
void flow_take_turn(struct flow *flow, unsigned turn);
/* The sink is writable. Settles. */
void flow_sink_writable(struct flow *flow);
/* A starved sink was left alone for long enough. Settles. */
void flow_wait_over(struct flow *flow);

/* flow_end.c */

/* Something of our own has failed (-errno). Drops the queue. The owner will close the pair. */
void flow_fail(struct flow *flow, int error);
/* The source has said that it has ended, or failed (-errno). */
void flow_source_ended(struct flow *flow, int error);
/* A clean end is passed on after the last byte. The owner decides what a failed end means. */
void flow_pass_on_end(struct flow *flow);

/* flow_wait.c */

#define FLOW_STARVED_TIMES_MAX 7

/* Waits until the sink is writable, or, if it is starved, for a while. 0 or -ENOMEM. */
int flow_wait_begin(struct flow *flow);
void flow_wait_end(struct flow *flow);
/* The sink was writable and took nothing: it is starved. */
void flow_wait_longer(struct flow *flow);
/* Frees the event, which is not added. */
void flow_wait_deinit(struct flow *flow);

/* flow_pipes.c */

/* bytes */
uint64_t flow_pipes_length(const struct flow *flow);
/*
 * Moves at most take bytes from the source into the newest pipe, or into another one if that is full and
 * worth it, and at most give bytes from there on to the sink. The answers are those of flow_splice; without a
 * pipe the source says nothing.
 */
struct flow_move flow_pipes_fill(struct flow *flow, size_t take, size_t give);
/* Gives back the empty ones. */
void flow_pipes_trim(struct flow *flow);
/* Gives back all. What is still in them is dropped. */
void flow_pipes_close(struct flow *flow);

/* flow_queue.c */

/* The oldest bytes are in a pipe. */
bool flow_queue_begins_in_pipe(const struct flow *flow);
/* The newest bytes are in the buffer, after the pipes. */
bool flow_queue_ends_in_tail(const struct flow *flow);
/* Bytes in all parts together. */
uint64_t flow_queue_length(const struct flow *flow);
/*
 * Adds bytes to it. 0 or -ENOMEM: the pair is lost then too. It must not go on with a hole in its stream.
 */
int flow_queue_append(struct flow *flow, const unsigned char *data, size_t length);
/* Sends at most give of the oldest bytes, from one part of the queue. */
struct flow_move flow_queue_push(struct flow *flow, size_t give);
/* Gives back the empty parts of the queue, and the memory that the queue no longer needs. */
void flow_queue_trim(struct flow *flow);
/* Drops and counts whatever is still queued. */
void flow_queue_close(struct flow *flow);

/* flow_bulk.c */

/* Notes that this many bytes were read at once. They are not in queued yet. */
void flow_bulk_note(struct flow *flow, size_t bytes);
/* A bulk flow takes a pipe if one is available, but not while there is a tail, which is written last. */
bool flow_wants_pipe(const struct flow *flow);
/*
 * splice(2) moved nothing, or there was no pipe. It can report an end or a reset too early, before an urgent
 * byte, or the pipe may have no slot left. Therefore recv(2) must be asked. An error is gone from the socket
 * now, so it is kept.
 */
void flow_splice_failed(struct flow *flow, const struct flow_answer *source);

/* flow_memory.c */

/* How many bytes may be read now, up to most. The memory for them is claimed. */
uint64_t flow_memory_claim(struct flow *flow, uint64_t most);
/* Gives back what the queue does not need. */
void flow_memory_return(struct flow *flow);
/* Of a flow that holds nothing: it holds this, and what the queue takes, even if there is less. */
void flow_memory_take_again(struct flow *flow, uint64_t held);
/*
 * The length in bytes at or below which a paused source is resumed. Like the bound on the queue, it shrinks
 * with the free memory.
 */
uint64_t flow_memory_low(const struct flow *flow);

/* flow_pause.c */

/* It must not be paused. */
void flow_pause_begin(struct flow *flow, enum flow_pause why);
/* It must be paused. */
void flow_pause_end(struct flow *flow);
/* It was paused for this, or not, and has had these pauses. 0 or -ENOMEM. */
int flow_pause_restore(struct flow *flow, enum flow_pause why, const struct flow_pauses *pauses);

/* flow_rate.c: for flows that are limited */

/* Before a read: how much it may take. 0: the source was paused. */
uint64_t flow_rate_begin(struct flow *flow);
/* So many bytes were read. */
void flow_rate_spend(struct flow *flow, uint64_t bytes);
/* After a read of so many bytes at most. The source may be paused then, but not if it was already. */
void flow_rate_end(struct flow *flow, uint64_t asked);
/* It does not want to read for now, so that others need not wait for it. */
void flow_rate_rest(struct flow *flow);

/* Saves what a limit has to do with it. */
void flow_rate_save(const struct flow *flow, struct state_writer *writer);
/* If it was limited: takes that. Limits as for flow_limit_rate. 0, -ENOMEM, or -EPROTO. */
int flow_rate_restore(struct flow *flow, const _Atomic uint64_t *own, struct rate *of_all,
                      struct state_reader *reader);

/* flow_room.c */

/* How many bytes may be written to the sink now, and how many once an event has said that it is writable. */
size_t flow_sink_room(const struct flow *flow);
size_t flow_sink_step(const struct flow *flow);
/* How many more, after such a write, to a sink whose size was set; 0 for any other. */
size_t flow_sink_more(const struct flow *flow);

/* flow_turns.c */

/* What a bulk flow will do when its turn comes. */
enum flow_turn { TURN_READ = 1, TURN_WRITE = 2 };

/* Puts the work off until the flow's turn comes. False if that is impossible: do it at once then. */
bool flow_turn_defer(struct flow *flow, enum flow_turn turn);
/* Gives up the turn that the flow is waiting for, if any. */
void flow_turn_leave(struct flow *flow);

/* flow_copy.c */

/*
 * Receives at most take bytes into scratch and sends at most give of them. In scratch, the bytes that were
 * not sent follow those that were.
 */
struct flow_move flow_copy(int source, int sink, unsigned char *scratch, size_t take, size_t give);
/*
 * Sends what the sink takes, at most give bytes, and takes only that from the source. Used when there is no
 * memory for a queue. scratch has size bytes; nothing of use is left in it.
 */
struct flow_move flow_pass_through(int source, int sink, unsigned char *scratch, size_t size, size_t give);
/* Receives at most size bytes and drops them. */
struct flow_move flow_take_away(int source, unsigned char *scratch, size_t size);

/* flow_buffer.c */

/*
 * The buffers of a bufferevent on the sink. The head is its output buffer, which is written. The tail is what
 * comes after the flow's pipes. It is in the input buffer, which nothing is ever read into, and becomes the
 * head without a copy. The bufferevent itself neither reads nor writes: libevent does not say when a sink
 * that is writable takes nothing.
 *
 * Both are empty at first. NULL when out of memory.
 */
struct bufferevent *flow_buffer_open(struct event_base *base, int sink);
/* 0 or -ENOMEM. After -ENOMEM it is undefined how much was appended. */
int flow_buffer_append(struct bufferevent *buffer, bool to_tail, const unsigned char *data, size_t length);
/* If the head is empty, the tail becomes the head: no pipe may be left. 0 or -ENOMEM. */
int flow_buffer_turn_over(struct bufferevent *buffer);
/* Sends at most give bytes of the head, which is turned over first. */
struct flow_move flow_buffer_push(struct bufferevent *buffer, int sink, size_t give);
/* bytes */
size_t flow_buffer_head(struct bufferevent *buffer);
size_t flow_buffer_tail(struct bufferevent *buffer);
/* Calls visit for the bytes of a part, piece by piece. */
typedef void flow_buffer_visit(void *arg, const void *data, size_t size);
void flow_buffer_each(struct bufferevent *buffer, bool of_tail, flow_buffer_visit *visit, void *arg);
/* Frees the buffer and what is in it. Takes NULL. */
void flow_buffer_close(struct bufferevent *buffer);

/* flow_splice.c */

/*
 * Moves at most take bytes from the source into the pipe and at most give bytes from there on to the sink. If
 * nothing was received, nothing is known about the source. SAID_NOT_NOW may mean that the pipe is full.
 * SAID_END may mean that an urgent byte is next. SAID_FAILED with -EINVAL or -ENOMEM means that splice(2)
 * cannot be used.
 */
struct flow_move flow_splice(int source, struct pipe *pipe, int sink, size_t take, size_t give);
/* Moves what is in the pipe on to the sink, at most give bytes. */
struct flow_move flow_splice_push(struct pipe *pipe, int sink, size_t give);

#endif
