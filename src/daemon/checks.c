/*
 *   waits for its time ──► queued ──► connecting ──► connected, failed, or too late: noted
 *          ▲                              │                      │
 *          │                              └── something is short: no result
 *          └─────────────────────────────────────┴───────────────┘
 */
#include "build_config.h"

#include "daemon/checks.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/timers.h"

#include <errno.h>
#include <event2/event.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/* So many are under way at a time, and so many begin before other events are served. */
#define UNDER_WAY_MAX 64
#define BATCH         20
/* Of those under way, so many may be of addresses that did not answer last time: the others do not wait. */
#define SILENT_MAX 48
/* When there was no memory to check all. */
#define RETRY_MS 1000

struct check {
	struct timer timer; /* the first member: when the next one is due, or this one has taken too long */
	struct checks *checks;
	struct health *health; /* a reference */
	struct check_rules rules;
	unsigned round;          /* in which it was wanted last */
	uint64_t began;          /* clock_ms */
	int fd;                  /* while it is under way, or -1 */
	bool bound;              /* fd cannot be its own peer */
	struct event *connected; /* while it is under way */
	bool silent;             /* it did not answer last time */
	bool queued;
	TAILQ_ENTRY(check) queue_entry;
	TAILQ_ENTRY(check) entry;
};

TAILQ_HEAD(check_list, check);

struct checks {
	struct event_base *base;
	struct local_ports *ports;
	struct timers timers;
	struct check_list all;
	struct check_list queue[2];          /* those that are due, first come first served; by silent */
	struct event *more;                  /* while there are such that may begin in the next pass */
	const struct generation *generation; /* followed */
	struct event *follow;                /* it again, as something was short */
	void *by_health;                     /* tsearch(3) */
	unsigned round;
	unsigned under_way[2]; /* by silent */
	uint64_t spread;       /* how often spread was called */
	uint64_t drawn;        /* the same for chance */
};

/* The next one of numbers that are spread evenly. (The multiplier is 2^64 over the golden ratio.) */
static uint64_t spread(struct checks *checks, uint64_t range)
{
	uint64_t part = ++checks->spread * 0x9e3779b97f4a7c15 >> 32;

	return range / UINT32_MAX * part + range % UINT32_MAX * part / UINT32_MAX;
}

/* There is memory for a timer that was set before. */
static void wait_until(struct check *check, uint64_t due)
{
	(void)timers_set(&check->checks->timers, &check->timer, due);
}

/*
 * A tenth of the interval is left to chance, so that checks do not come together in time, and none is in step
 * with what its target does.
 */
static void wait_for_next(struct check *check)
{
	uint64_t tenth = check->rules.interval / 10;
	uint64_t chance = hash_mix(++check->checks->drawn) % (tenth + 1);

	wait_until(check, check->began + check->rules.interval - tenth / 2 + chance);
}

/* ---- one check ---- */

/* The one that may begin now, or NULL. */
static struct check *find_next(const struct checks *checks)
{
	if (checks->under_way[false] + checks->under_way[true] >= UNDER_WAY_MAX)
		return NULL;
	if (!TAILQ_EMPTY(&checks->queue[false]))
		return TAILQ_FIRST(&checks->queue[false]);
	return checks->under_way[true] < SILENT_MAX ? TAILQ_FIRST(&checks->queue[true]) : NULL;
}

static void go_on(struct checks *checks)
{
	static const struct timeval next_pass = {0, 0};

	if (find_next(checks))
		(void)event_add(checks->more, &next_pass); /* there is memory for it */
}

/* Nothing is left of what is under way. */
static void let_go(struct check *check)
{
	struct checks *checks = check->checks;

	evloop_free_event(check->connected);
	check->connected = NULL;
	if (check->fd < 0)
		return;
	close(check->fd); /* resets */
	check->fd = -1;
	checks->under_way[check->silent]--;
	go_on(checks);
}

/* A shortage says nothing about the target. Neither does EAGAIN of unix(7): its backlog is full. */
static void end(struct check *check, int error)
{
	let_go(check);
	check->silent = error == -ETIMEDOUT;
	if (error != -EAGAIN && !socket_error_is_shortage(error))
		health_note_check(check->health, error);
	wait_for_next(check);
}

/* 0, -errno, or -EINPROGRESS. */
static int look(const struct check *check)
{
	int error = socket_connect_result(check->fd);

	if (!error && !check->bound && socket_is_its_own_peer(check->fd, health_endpoint(check->health)))
		return -ECONNREFUSED; /* nothing else listens there */
	return error;
}

EVENT_CALLBACK(on_connected, struct check, check)
{
	int error = look(check);

	if (error != -EINPROGRESS)
		end(check, error);
}

/* Waits for an event only if connect(2) has not settled it, as it does on this machine. */
static int connect_to(struct check *check)
{
	struct checks *checks = check->checks;
	int error;

	check->fd = socket_connect(health_endpoint(check->health), &check->rules.tuning, checks->ports,
	                           &check->bound);
	if (check->fd < 0) {
		error = check->fd;
		check->fd = -1;
		return error;
	}
	checks->under_way[check->silent]++;
	error = look(check);
	if (error != -EINPROGRESS)
		return error;
	check->connected = event_new(checks->base, check->fd, EV_WRITE | EV_PERSIST, on_connected, check);
	if (!check->connected || event_add(check->connected, NULL) < 0)
		return -ENOMEM;
	return -EINPROGRESS;
}

static void begin(struct check *check)
{
	int error;

	check->began = clock_ms();
	error = connect_to(check);
	if (error == -EINPROGRESS)
		wait_until(check, check->began + check->rules.timeout);
	else
		end(check, error);
}

/* ---- all ---- */

static void leave_queue(struct check *check)
{
	if (check->queued)
		TAILQ_REMOVE(&check->checks->queue[check->silent], check, queue_entry);
	check->queued = false;
}

EVENT_CALLBACK(on_more, struct checks, checks)
{
	for (int i = 0; i < BATCH; i++) {
		struct check *check = find_next(checks);

		if (!check)
			return;
		leave_queue(check);
		begin(check);
	}
	go_on(checks);
}

/* When it has taken too long, it is looked at once more: weir may have been stopped. */
static void on_timer(struct timer *timer)
{
	struct check *check = (struct check *)timer;
	struct checks *checks = check->checks;

	if (check->fd >= 0) {
		int error = look(check);

		end(check, error == -EINPROGRESS ? -ETIMEDOUT : error);
		return;
	}
	check->queued = true;
	TAILQ_INSERT_TAIL(&checks->queue[check->silent], check, queue_entry);
	go_on(checks);
}

/* ---- which ---- */

static int compare(const void *left, const void *right)
{
	const struct check *a = left, *b = right;
	uintptr_t one = (uintptr_t)a->health, other = (uintptr_t)b->health;

	return one < other ? -1 : one > other;
}

static void forget(struct check *check)
{
	struct checks *checks = check->checks;

	timers_stop(&checks->timers, &check->timer);
	leave_queue(check);
	let_go(check);
	tdelete(check, &checks->by_health, compare);
	TAILQ_REMOVE(&checks->all, check, entry);
	health_put(check->health);
	free(check);
}

static struct check *add(struct checks *checks, struct health *health, const struct check_rules *rules)
{
	struct check *check = calloc(1, sizeof(*check));

	if (!check)
		return NULL;
	*check = (struct check){.checks = checks, .health = health_get(health), .rules = *rules, .fd = -1};
	TAILQ_INSERT_TAIL(&checks->all, check, entry);
	if (tsearch(check, &checks->by_health, compare) &&
	    timers_set(&checks->timers, &check->timer, clock_ms() + spread(checks, rules->interval)) == 0)
		return check;
	forget(check);
	return NULL;
}

static struct check *find(const struct checks *checks, struct health *health)
{
	const struct check wanted = {.health = health};
	struct check *const *found = tfind(&wanted, &checks->by_health, compare);

	return found ? *found : NULL;
}

/* If it would wait for longer than the new interval, it is spread over that anew. */
static void set_rules(struct check *check, const struct check_rules *rules)
{
	const uint64_t now = clock_ms();
	const bool waits = check->fd < 0 && !check->queued;

	check->rules = *rules;
	if (waits && timer_due(&check->timer) > now + rules->interval + rules->interval / 10)
		wait_until(check, now + spread(check->checks, rules->interval));
}

int checks_want(struct checks *checks, struct health *health, const struct check_rules *rules)
{
	struct check *check = find(checks, health);

	if (check)
		set_rules(check, rules);
	else
		check = add(checks, health, rules);
	if (!check)
		return -ENOMEM;
	check->round = checks->round;
	return 0;
}

void checks_begin(struct checks *checks)
{
	checks->round++;
}

void checks_end(struct checks *checks)
{
	struct check *check = TAILQ_FIRST(&checks->all), *next;

	for (; check; check = next) {
		next = TAILQ_NEXT(check, entry);
		if (check->round != checks->round)
			forget(check);
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
	        .rules = {config->check_interval, config->check_timeout, relay->target_tuning},
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

static int init_events(struct checks *checks)
{
	int error;

	checks->more = event_new(checks->base, -1, 0, on_more, checks);
	checks->follow = event_new(checks->base, -1, 0, on_follow, checks);
	error = evloop_reserve_timer(checks->more);
	return error ? error : evloop_reserve_timer(checks->follow);
}

struct checks *checks_new(struct event_base *base, struct local_ports *ports)
{
	struct checks *checks = calloc(1, sizeof(*checks));

	if (!checks)
		return NULL;
	checks->base = base;
	checks->ports = ports;
	TAILQ_INIT(&checks->all);
	TAILQ_INIT(&checks->queue[false]);
	TAILQ_INIT(&checks->queue[true]);
	if (timers_init(&checks->timers, base, on_timer) == 0 && init_events(checks) == 0)
		return checks;
	checks_free(checks);
	return NULL;
}

void checks_free(struct checks *checks)
{
	if (!checks)
		return;
	while (!TAILQ_EMPTY(&checks->all))
		forget(TAILQ_FIRST(&checks->all));
	timers_deinit(&checks->timers);
	evloop_free_event(checks->more);
	evloop_free_event(checks->follow);
	free(checks);
}
