/*
 * What the files of the flow module share: flow.c (what to do next), flow_copy.c (the queue in the sink's
 * output buffer), flow_splice.c (the queue in a pipe), flow_turns.c (whose turn it is). A flow has at most
 * one of the two queues.
 */
#ifndef WEIR_FLOW_PRIVATE_H
#define WEIR_FLOW_PRIVATE_H

#include "flow.h"

#include <errno.h>
#include <stddef.h>

/*
 * Bytes are queued in pieces of one libevent chain each: 4 KiB with its header of 48 bytes. Larger pieces
 * would be rounded up to a power of two, and so cost up to twice their size.
 */
#define FLOW_CHAIN_SIZE    4096
#define FLOW_CHAIN_PAYLOAD (FLOW_CHAIN_SIZE - 48)

static inline bool flow_error_is_transient(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* flow.c: what has happened to a flow. */

/* Bytes were read at once: decides whether the flow is worth a pipe. */
void flow_note_bulk(struct flow *flow, size_t bytes);
/* A failure of our own (-errno): the queue is dropped, the owner will close. */
void flow_fail(struct flow *flow, int error);
/* The source gave bytes, or its last one: error 0 for FIN, -errno for a failure. */
void flow_note_read(struct flow *flow);
void flow_note_source_end(struct flow *flow, int error);
void flow_note_queued(struct flow *flow, uint64_t bytes);
/* The sink took bytes, out of the queue if from_queue. */
void flow_note_written(struct flow *flow, uint64_t bytes, bool from_queue);
/* Stops a flow that reads until the queue is short again. */
void flow_pause(struct flow *flow, enum flow_pause why);
/* The queue has become shorter: resumes, passes on the end. The caller settles. */
void flow_drained(struct flow *flow);

/* Does what the flow waited for with flow_turn_wait; the caller settles. */
void flow_take_turn(struct flow *flow, unsigned turn);

/* flow_turns.c */

/* What a bulk flow waits to do. */
enum flow_turn { TURN_READ = 1, TURN_WRITE = 2 };

/* Puts it off until the flow's turn comes. False if that cannot be: then it is to be done at once. */
bool flow_turn_wait(struct flow *flow, enum flow_turn turn);
/* Gives up a turn that is waited for, if any. */
void flow_turn_leave(struct flow *flow);

/* flow_copy.c */

/* Receives at most room bytes, sends them, queues the rest. */
void flow_copy(struct flow *flow, size_t room);
/* Sends what the sink takes and takes only that from the source: for when there is no memory for a queue. */
void flow_pass_through(struct flow *flow);
/* Frees the output buffer with what is in it; takes a flow without one. */
void flow_copy_close(struct flow *flow);

/* flow_splice.c */

/* Moves at most room bytes through a pipe. False, and nothing was moved, if it is for flow_copy to go on. */
bool flow_splice(struct flow *flow, size_t room);
/* Moves what is in the pipe on to the sink. */
void flow_splice_push(struct flow *flow);
/* Gives the pipe back, or closes it if it still holds bytes; takes a flow without one. */
void flow_splice_close(struct flow *flow);

#endif
