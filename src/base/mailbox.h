/*
 * Messages from any thread to the one that runs an event base. Posting allocates nothing, so it cannot fail.
 * The sender owns a message and keeps it alive until it is delivered. A message that is posted again before
 * that arrives once.
 */
#ifndef WEIR_MAILBOX_H
#define WEIR_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct event;
struct event_base;

/* Embedded in whatever the message carries. Must start zeroed. */
struct message {
	struct message *next; /* private */
	_Atomic bool posted;  /* private: it is in a mailbox */
};

/* Whether it was posted and is not yet being delivered. */
static inline bool message_is_posted(const struct message *message)
{
	return atomic_load(&message->posted);
}

struct mailbox {
	/* private: an eventfd(2), the event that waits for it, and the messages, newest first */
	int fd; /* -1: not open */
	struct event *event;
	struct message *_Atomic newest;
	void (*deliver)(void *arg, struct message *message);
	void *arg;
};

/*
 * Makes deliver run on the base's thread for each message, in the order of posting. From then on the
 * message may be posted again. Returns 0 or -errno. Call mailbox_close in either case.
 */
int mailbox_open(struct mailbox *mailbox, struct event_base *base,
                 void (*deliver)(void *arg, struct message *message), void *arg);
/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct message *message);
/* Delivers what is in it now, instead of the base. Also takes a mailbox that was never opened. */
void mailbox_take(struct mailbox *mailbox);
/* Nothing is delivered any more, but posting is still allowed. */
void mailbox_stop(struct mailbox *mailbox);
/* Also takes a mailbox that was never opened, if it is zeroed and its fd is -1. */
void mailbox_close(struct mailbox *mailbox);

#endif
