#include "build_config.h"

#include "base/mailbox.h"

#include "base/evloop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Takes all messages out, oldest first. */
static struct message *take_all(struct mailbox *mailbox)
{
	struct message *newest = atomic_exchange(&mailbox->newest, NULL), *oldest = NULL;

	while (newest) {
		struct message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void mailbox_take(struct mailbox *mailbox)
{
	struct message *message, *next;

	for (message = take_all(mailbox); message; message = next) {
		next = message->next;
		/*
		 * From here on the message is the sender's again. deliver sees everything that was written
		 * before a post that found the message still in the mailbox.
		 */
		(void)atomic_exchange(&message->posted, false);
		mailbox->deliver(mailbox->arg, message);
	}
}

EVENT_CALLBACK(on_posted, struct mailbox, mailbox)
{
	uint64_t count;

	if (read(mailbox->fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		return;
	mailbox_take(mailbox);
}

int mailbox_open(struct mailbox *mailbox, struct event_base *base,
                 void (*deliver)(void *arg, struct message *message), void *arg)
{
	mailbox->deliver = deliver;
	mailbox->arg = arg;
	mailbox->event = NULL;
	atomic_init(&mailbox->newest, NULL);
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->fd < 0)
		return -errno;
	mailbox->event = event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_posted, mailbox);
	return mailbox->event && event_add(mailbox->event, NULL) == 0 ? 0 : -ENOMEM;
}

void mailbox_post(struct mailbox *mailbox, struct message *message)
{
	const uint64_t one = 1;

	if (atomic_exchange(&message->posted, true))
		return;
	message->next = atomic_load(&mailbox->newest);
	while (!atomic_compare_exchange_weak(&mailbox->newest, &message->next, message))
		;
	/* This fails only when the counter is full, and then the mailbox is readable anyway. */
	if (write(mailbox->fd, &one, sizeof(one)) < 0)
		return;
}

void mailbox_stop(struct mailbox *mailbox)
{
	evloop_free_event(mailbox->event);
	mailbox->event = NULL;
}

void mailbox_close(struct mailbox *mailbox)
{
	mailbox_stop(mailbox);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	mailbox->fd = -1;
}
