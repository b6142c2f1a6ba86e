/*
 * Messages from any thread to the one that runs an event base. Nothing is allocated on the way, so posting
 * cannot fail: the sender owns a message until it was delivered, and one that is posted again before that
 * arrives once.
 */
#ifndef WEIR_MAILBOX_H
#define WEIR_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct event;
struct event_base;

/* Part of what it carries; zeroed at first. */
struct message {
	struct message *next; /* private */
	_Atomic bool posted;  /* private: is in a mailbox */
};

struct mailbox {
	/* private: an eventfd(2), the event that waits for it, and the messages, newest first */
	int fd; /* -1: not open */
	struct event *event;
	struct message *_Atomic newest;
	void (*deliver)(void *arg, struct message *message);
	void *arg;
};

/*
 * Lets deliver run on the base's thread for each message, in the order in which they were posted. When it
 * runs the message may be posted again. 0 or -errno; mailbox_close in any case.
 */
int mailbox_open(struct mailbox *mailbox, struct event_base *base,
                 void (*deliver)(void *arg, struct message *message), void *arg);
/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct message *message);
/* Delivers nothing any more, but may still be posted to. */
void mailbox_stop(struct mailbox *mailbox);
/* Takes one that was never opened, if its fd is -1. */
void mailbox_close(struct mailbox *mailbox);

#endif
