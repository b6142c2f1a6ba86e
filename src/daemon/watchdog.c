/*
 *   ask every worker ──► half the interval ──► all have answered ──► pet, and ask again
 *                                                │      ▲
 *                                        not yet ▼      │
 *                                      an eighth of the interval
 */
#include "build_config.h"

#include "daemon/watchdog.h"

#include "base/evloop.h"
#include "base/number.h"

#include <event2/event.h>
#include <stdlib.h>

struct watchdog {
	struct service *service;
	struct worker *const *workers;
	unsigned count;
	struct event *timer;
};

static void ask(struct watchdog *watchdog)
{
	for (unsigned i = 0; i < watchdog->count; i++)
		worker_order(watchdog->workers[i], WORKER_ALIVE);
}

static bool all_have_answered(const struct watchdog *watchdog)
{
	for (unsigned i = 0; i < watchdog->count; i++)
		if (!worker_has_taken(watchdog->workers[i], WORKER_ALIVE))
			return false;
	return true;
}

static void look_after(struct watchdog *watchdog, unsigned part)
{
	evloop_set_timer(watchdog->timer, max_u64(service_watchdog_ms(watchdog->service) / part, 1));
}

EVENT_CALLBACK(on_look, struct watchdog, watchdog)
{
	if (!all_have_answered(watchdog)) {
		look_after(watchdog, 8);
		return;
	}
	service_pet(watchdog->service);
	ask(watchdog);
	look_after(watchdog, 2);
}

static int begin(struct watchdog *watchdog, struct event_base *base)
{
	watchdog->timer = event_new(base, -1, 0, on_look, watchdog);
	if (!watchdog->timer)
		return -1;
	ask(watchdog);
	look_after(watchdog, 2);
	return 0;
}

struct watchdog *watchdog_new(struct event_base *base, struct service *service, struct worker *const *workers,
                              unsigned count)
{
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	if (!watchdog)
		return NULL;
	watchdog->service = service;
	watchdog->workers = workers;
	watchdog->count = count;
	if (service_watchdog_ms(service) == 0 || begin(watchdog, base) == 0)
		return watchdog;
	watchdog_free(watchdog);
	return NULL;
}

void watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	evloop_free_event(watchdog->timer);
	free(watchdog);
}
