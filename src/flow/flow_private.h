/*
 * What the files of the flow module share.
 *
 *   flow.c         what to do next; accounts for what was moved
 *   flow_copy.c    moves bytes through user space
 *   flow_buffer.c  the part of the queue that is in the sink's output buffer
 *   flow_splice.c  the part of the queue that is in a pipe
 *   flow_queue.c   both parts of the queue together
 *   flow_bulk.c    which flows are worth a pipe
 *   flow_memory.c  how much may be queued
 *   flow_turns.c   whose turn it is
 *   flow_report.c  the dump's record
 *
 * Copy, buffer and splice are leaves: they know descriptors and no flow, and report what they moved.
 */
#ifndef WEIR_FLOW_PRIVATE_H
#define WEIR_FLOW_PRIVATE_H

#include "flow/flow.h"

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Bytes are queued in pieces of one libevent chain each: 4 KiB with its header of 48 bytes. Larger pieces
 * would be rounded up to a power of two, and so cost up to twice their size.
 */
#define FLOW_CHAIN_SIZE    4096
#define FLOW_CHAIN_PAYLOAD (FLOW_CHAIN_SIZE - 48)

/* What one end of a flow said when bytes were moved from it or to it. */
enum flow_said {
	SAID_NOTHING, /* all went well, or it was not asked */
	SAID_NOT_NOW, /* the source has no more for now, the sink takes no more for now */
	SAID_END,     /* the source has sent FIN */
	SAID_FAILED,  /* reset or error */
};

struct flow_answer {
	enum flow_said said;
	int error; /* -errno of SAID_FAILED */
};

/* What a call of net/stream.h that moved no bytes says of its end. */
static inline struct flow_answer flow_answer(ssize_t result)
{
	if (result == 0)
		return (struct flow_answer){.said = SAID_END};
	if (result == -EAGAIN)
		return (struct flow_answer){.said = SAID_NOT_NOW};
	return (struct flow_answer){.said = SAID_FAILED, .error = (int)result};
}

/*
 * What a leaf has moved. What was received and not sent belongs in the queue; what was sent beyond that came
 * out of it.
 */
struct flow_move {
	size_t received, sent; /* bytes */
	struct flow_answer source, sink;
	int fault; /* -errno of a failure of our own: the stream has a hole now, the pair must be closed */
};

/* flow.c: does what the flow waited for with flow_turn_defer; the caller settles. */
void flow_take_turn(struct flow *flow, unsigned turn);

/* flow_queue.c */

/* Gives back what is empty of the queue, and the memory for it. */
void flow_queue_trim(struct flow *flow);
/* Whatever is still queued is dropped and counted. */
void flow_queue_close(struct flow *flow);

/* flow_bulk.c */

/* So much was read at once. */
void flow_bulk_note(struct flow *flow, size_t bytes);
/* Bulk flows take a pipe, where one is to be had; its bytes go before those of the buffer. */
bool flow_wants_pipe(const struct flow *flow);
/*
 * splice(2) moved nothing. It can report an end or a reset too early, before an urgent byte, or the pipe may
 * have no slot left. So recv(2) must be asked. An error is gone from the socket now, so it is kept.
 */
void flow_splice_failed(struct flow *flow, const struct flow_answer *source);

/* flow_memory.c */

/* How many bytes may be read now, at most so many; the memory for them is claimed. */
uint64_t flow_memory_claim(struct flow *flow, uint64_t most);
/* Gives back what the queue does not need. */
void flow_memory_return(struct flow *flow);
/*
 * The queue at or below which a paused source is resumed. It shrinks with the free memory like the high
 * watermark does.
 */
uint64_t flow_memory_low(const struct flow *flow);

/* flow_turns.c */

/* What a bulk flow waits to do. */
enum flow_turn { TURN_READ = 1, TURN_WRITE = 2 };

/* Puts it off until the flow's turn comes. False if that cannot be: then it is to be done at once. */
bool flow_turn_defer(struct flow *flow, enum flow_turn turn);
/* Gives up a turn that is waited for, if any. */
void flow_turn_leave(struct flow *flow);

/* flow_copy.c */

/*
 * Receives at most room bytes into scratch and, unless sink is -1, sends them. What was not sent is in
 * scratch after what was.
 */
struct flow_move flow_copy(int source, int sink, unsigned char *scratch, size_t room);
/*
 * Sends what the sink takes and takes only that from the source: for when there is no memory for a queue.
 * Nothing is left in scratch, whose size is given.
 */
struct flow_move flow_pass_through(int source, int sink, unsigned char *scratch, size_t size);
/* Receives at most size bytes and drops them. */
struct flow_move flow_take_away(int source, unsigned char *scratch, size_t size);

/* flow_buffer.c */

/*
 * An empty output buffer on the sink, which libevent does not write yet; NULL: no memory. From
 * flow_buffer_write on, written is called after every write, and failed, with the reason in errno, when
 * writing fails; either may close the buffer.
 */
struct bufferevent *flow_buffer_open(struct event_base *base, int sink,
                                     void (*written)(struct bufferevent *buffer, void *arg),
                                     void (*failed)(struct bufferevent *buffer, short what, void *arg),
                                     void *arg);
/* 0 or -ENOMEM, and then it is undefined how much was appended. */
int flow_buffer_append(struct bufferevent *buffer, const unsigned char *data, size_t length);
/* Lets libevent write; may be called again. 0 or -ENOMEM. */
int flow_buffer_write(struct bufferevent *buffer);
/* bytes */
size_t flow_buffer_length(struct bufferevent *buffer);
/* Frees the buffer with what is in it; takes NULL. */
void flow_buffer_close(struct bufferevent *buffer);

/* flow_splice.c */

/*
 * Moves at most room bytes from the source into the pipe and, if that was empty, on to the sink. When nothing
 * was received nothing is known of the source: SAID_NOT_NOW may mean that the pipe is full, SAID_END that an
 * urgent byte is next, SAID_FAILED with -EINVAL or -ENOMEM that splice(2) does not serve.
 */
struct flow_move flow_splice(int source, struct pipe *pipe, int sink, size_t room);
/* Moves what is in the pipe on to the sink. */
struct flow_move flow_splice_push(struct pipe *pipe, int sink);

#endif
