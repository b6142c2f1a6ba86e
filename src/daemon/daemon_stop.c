/* Draining: no new clients, some time for those that are there, and the end. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>

/* How often to check while draining whether all pairs have ended. */
#define DRAIN_POLL_MS 20

void daemon_order_all(struct daemon *daemon, enum worker_order order)
{
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_order(daemon->workers[i], order);
}

void daemon_stop(struct daemon *daemon)
{
	daemon->phase = STOPPING;
	bulletin_say(daemon->bulletin, service_stopping);
	if (daemon->base)
		event_base_loopbreak(daemon->base);
}

static void go_on_draining(struct daemon *daemon)
{
	const struct timeval again = clock_timeval(DRAIN_POLL_MS);

	if (daemon->phase != DRAINING || daemon->undrained > 0)
		return;
	if (slots_used(&daemon->slots) == 0 || event_add(daemon->drain_timer, &again) < 0)
		daemon_stop(daemon);
}

EVENT_CALLBACK(on_drain_timer, struct daemon, daemon)
{
	go_on_draining(daemon);
}

/*
 * Resets all pairs, once no worker accepts any more: the slots that pairs give back would otherwise let in
 * clients that wait at another worker, only to be reset.
 */
static void end_draining(struct daemon *daemon)
{
	daemon->time_is_up = true;
	daemon_order_all(daemon, daemon->undrained > 0 ? WORKER_HALT : WORKER_SHUTDOWN);
}

EVENT_CALLBACK(on_drain_deadline, struct daemon, daemon)
{
	log_warning("%" PRIu64 " pairs are still there after drain_timeout: resetting them",
	            slots_used(&daemon->slots));
	end_draining(daemon);
}

static void drain(struct daemon *daemon, const char *signal_name)
{
	uint64_t timeout = daemon->config->global.drain_timeout;
	const struct timeval deadline = clock_timeval(timeout);

	daemon->phase = DRAINING;
	daemon_give_up_reload(daemon);
	stand_ins_stop(daemon->stand_ins);
	log_notice("%s: no new clients; %" PRIu64 " pairs, and the clients that wait, have %" PRIu64
	           " ms to end",
	           signal_name, slots_used(&daemon->slots), timeout);
	http_drain(daemon->http);
	facade_shut(&daemon->facade);
	daemon_order_all(daemon, WORKER_DRAIN);
	daemon->drain_until = clock_ms() + timeout;
	if (timeout == 0 || event_add(daemon->drain_deadline, &deadline) < 0)
		end_draining(daemon);
	bulletin_say(daemon->bulletin, service_stopping);
}

void daemon_terminate(struct daemon *daemon, const char *signal_name)
{
	if (daemon->phase == RUNNING) {
		drain(daemon, signal_name);
		return;
	}
	log_notice("%s %s: stopping at once", signal_name,
	           daemon->phase == STARTING ? "during the start" : "again");
	daemon_stop(daemon);
}

void daemon_take_drained(struct daemon *daemon)
{
	daemon->undrained--;
	if (daemon->undrained == 0 && daemon->time_is_up)
		daemon_order_all(daemon, WORKER_SHUTDOWN);
	go_on_draining(daemon);
}

int daemon_init_stopping(struct daemon *daemon)
{
	daemon->drain_timer = event_new(daemon->base, -1, 0, on_drain_timer, daemon);
	daemon->drain_deadline = event_new(daemon->base, -1, 0, on_drain_deadline, daemon);
	if (!daemon->drain_timer || !daemon->drain_deadline)
		return -ENOMEM;
	return 0;
}
