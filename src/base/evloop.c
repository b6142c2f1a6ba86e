#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define LAST_WORDS_MS 100
#define RETRY_MS      100
#define RETRIES       100 /* in a row */

/* libevent ends the process after a message at its level "error". */
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

void evloop_set_timer(struct event *timer, uint64_t milliseconds)
{
	const struct timeval delay = clock_timeval(milliseconds);

	if (event_add(timer, &delay) < 0)
		event_active(timer, EV_TIMEOUT, 0);
}

/* The place of a timeout that it had once stays. */
int evloop_reserve_timer(struct event *timer)
{
	static const struct timeval later = {.tv_sec = 3600};

	if (!timer || event_add(timer, &later) < 0)
		return -ENOMEM;
	event_del(timer);
	return 0;
}

void evloop_free_event(struct event *event)
{
	if (event)
		event_free(event);
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

/* libevent uses select(2) only if EVENT_NOEPOLL and EVENT_NOPOLL are in the environment. */
uint64_t evloop_max_fds(void)
{
	struct event_base *base = evloop_new();
	bool selects = base && strcmp(event_base_get_method(base), "select") == 0;

	if (base)
		event_base_free(base);
	return selects ? FD_SETSIZE : UINT64_MAX;
}

/* Open connections are reset. Whatever supervises the service starts it again. */
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

	/* libevent has logged the reason. */
	while (event_base_dispatch(base) < 0) {
		failures = clock_ms() - began < RETRY_MS ? failures + 1 : 1;
		if (failures == RETRIES)
			give_up();
		nanosleep(&pause, NULL);
		began = clock_ms();
	}
}
