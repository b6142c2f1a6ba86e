#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define LAST_WORDS_MS 100
#define RETRY_MS      100
#define RETRIES       100 /* in a row */

/* libevent ends the process behind a message of its level "error". */
static void on_message(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR) {
		log_error("libevent: %s", text);
		log_stop(LAST_WORDS_MS);
	} else if (severity == EVENT_LOG_WARN) {
		log_warning("libevent: %s", text);
	} else {
		log_debug("libevent: %s", text);
	}
}

void evloop_init(void)
{
	event_set_log_callback(on_message);
}

struct event_base *evloop_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

/* Only EVENT_NOEPOLL and EVENT_NOPOLL in the environment lead to select(2). */
uint64_t evloop_max_fds(void)
{
	struct event_base *base = evloop_new();
	bool selects = base && strcmp(event_base_get_method(base), "select") == 0;

	if (base)
		event_base_free(base);
	return selects ? FD_SETSIZE : UINT64_MAX;
}

/* Open connections are reset, and who watches over the service starts it again. */
static void give_up(void)
{
	log_error("cannot wait for events any more (above): ending at once");
	log_stop(LAST_WORDS_MS);
	_exit(EXIT_FAILURE);
}

void evloop_run(struct event_base *base)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	unsigned failures = 0;
	uint64_t began = clock_ms();

	/* libevent has said why. */
	while (event_base_dispatch(base) < 0) {
		failures = clock_ms() - began < RETRY_MS ? failures + 1 : 1;
		if (failures == RETRIES)
			give_up();
		nanosleep(&pause, NULL);
		began = clock_ms();
	}
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *mailbox = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		return;
	mailbox->deliver(mailbox->arg);
}

int mailbox_open(struct mailbox *mailbox, struct event_base *base, void (*deliver)(void *arg), void *arg)
{
	mailbox->deliver = deliver;
	mailbox->arg = arg;
	mailbox->event = NULL;
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->fd < 0)
		return -errno;
	mailbox->event = event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_woken, mailbox);
	return mailbox->event && event_add(mailbox->event, NULL) == 0 ? 0 : -ENOMEM;
}

void mailbox_wake(const struct mailbox *mailbox)
{
	const uint64_t one = 1;

	/* It can only fail when the counter is full, and then the mailbox is readable anyway. */
	if (write(mailbox->fd, &one, sizeof(one)) < 0)
		return;
}

void mailbox_stop(struct mailbox *mailbox)
{
	if (mailbox->event)
		event_free(mailbox->event);
	mailbox->event = NULL;
}

void mailbox_close(struct mailbox *mailbox)
{
	mailbox_stop(mailbox);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	mailbox->fd = -1;
}
