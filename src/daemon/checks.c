#include "build_config.h"

#include "daemon/checks.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* When there was no memory to check all. */
#define RETRY_MS 1000

struct followed {
	struct check check; /* with a reference to its health */
	unsigned round;     /* in which it was wanted last */
	TAILQ_ENTRY(followed) entry;
};

struct checks {
	struct check_turns turns;
	TAILQ_HEAD(, followed) all;
	void *by_health; /* tsearch(3) */
	unsigned round;
	const struct generation *generation; /* followed */
	struct event *follow;                /* it again, as something was short */
};

static int compare(const void *left, const void *right)
{
	const struct followed *a = left, *b = right;
	uintptr_t one = (uintptr_t)a->check.health, other = (uintptr_t)b->check.health;

	return one < other ? -1 : one > other;
}

static void forget(struct checks *checks, struct followed *followed)
{
	check_stop(&followed->check);
	tdelete(followed, &checks->by_health, compare);
	TAILQ_REMOVE(&checks->all, followed, entry);
	health_put(followed->check.health);
	free(followed);
}

static struct followed *add(struct checks *checks, struct health *health, const struct check_rules *rules)
{
	struct followed *followed = calloc(1, sizeof(*followed));

	if (!followed)
		return NULL;
	TAILQ_INSERT_TAIL(&checks->all, followed, entry);
	if (check_start(&followed->check, &checks->turns, health_get(health), rules) == 0 &&
	    tsearch(followed, &checks->by_health, compare))
		return followed;
	forget(checks, followed);
	return NULL;
}

static struct followed *find(const struct checks *checks, struct health *health)
{
	const struct followed wanted = {.check.health = health};
	struct followed *const *found = tfind(&wanted, &checks->by_health, compare);

	return found ? *found : NULL;
}

int checks_want(struct checks *checks, struct health *health, const struct check_rules *rules)
{
	struct followed *followed = find(checks, health);

	if (followed)
		check_set_rules(&followed->check, rules);
	else
		followed = add(checks, health, rules);
	if (!followed)
		return -ENOMEM;
	followed->round = checks->round;
	return 0;
}

void checks_begin(struct checks *checks)
{
	checks->round++;
}

void checks_end(struct checks *checks)
{
	struct followed *followed = TAILQ_FIRST(&checks->all), *next;

	for (; followed; followed = next) {
		next = TAILQ_NEXT(followed, entry);
		if (followed->round != checks->round)
			forget(checks, followed);
	}
}

struct wanting {
	struct checks *checks;
	const struct relay *relay;
	struct check_rules rules;
	int error;
};

static void want_address(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct wanting *wanting = arg;
	const struct relay *relay = wanting->relay;
	int error;

	(void)target;
	(void)backup;
	if (!health || loops_lead_back(relay->generation->loops, relay->number, health_endpoint(health)))
		return;
	error = checks_want(wanting->checks, health, &wanting->rules);
	wanting->error = error ? error : wanting->error;
}

static int want_relay(struct checks *checks, const struct relay *relay)
{
	const struct config_relay *config = relay->config;
	struct wanting wanting = {
	        .checks = checks,
	        .relay = relay,
	        .rules = {config->check_interval, config->check_timeout, relay->target_tuning,
	                  config->send_proxy},
	};

	if (config->check_interval > 0)
		targets_each_health(relay->targets, want_address, &wanting);
	return wanting.error;
}

void checks_follow(struct checks *checks, const struct generation *generation)
{
	const struct timeval later = clock_timeval(RETRY_MS);
	int error = 0;

	checks->generation = generation;
	checks_begin(checks);
	for (size_t i = 0; i < generation->relay_count; i++) {
		int result = want_relay(checks, generation->relays[i]);

		error = result ? result : error;
	}
	checks_end(checks);
	if (!error)
		return;
	log_error("cannot check all targets: %s", strerror(-error));
	(void)event_add(checks->follow, &later); /* there is memory for it */
}

EVENT_CALLBACK(on_follow, struct checks, checks)
{
	checks_follow(checks, checks->generation);
}

/* ---- life ---- */

struct checks *checks_new(struct event_base *base, struct local_ports *ports)
{
	struct checks *checks = calloc(1, sizeof(*checks));

	if (!checks)
		return NULL;
	TAILQ_INIT(&checks->all);
	checks->follow = event_new(base, -1, 0, on_follow, checks);
	if (check_turns_init(&checks->turns, base, ports) == 0 && evloop_reserve_timer(checks->follow) == 0)
		return checks;
	checks_free(checks);
	return NULL;
}

void checks_free(struct checks *checks)
{
	if (!checks)
		return;
	while (!TAILQ_EMPTY(&checks->all))
		forget(checks, TAILQ_FIRST(&checks->all));
	check_turns_deinit(&checks->turns);
	evloop_free_event(checks->follow);
	free(checks);
}
