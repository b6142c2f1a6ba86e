/*
 *   waits for its time ──► queued ──► connecting ──► connected, failed, or too late: noted
 *          ▲                            ▲ │ │                    │
 *          │       its backlog is full: │ │ └── something is short: no result
 *          │          it is tried again └─┘      │               │
 *          └─────────────────────────────────────┴───────────────┘
 */
#include "build_config.h"

#include "daemon/check.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/hash.h"
#include "base/number.h"
#include "net/proxy_send.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/resource.h>
#include <unistd.h>

/* So many are under way at a time: a part of all descriptors, but so many at least and at most. */
#define PLACES_PART 16
#define PLACES_MIN  64
#define PLACES_MAX  512
/* So many begin before other events are served. */
#define BATCH 20
/* The first check of an address comes early, so that one that is down is known soon. */
#define EARLY_MS 1000
/* While the backlog of its target is full, it is tried again after so long at first and at most. */
#define AGAIN_MIN_MS 20
#define AGAIN_MAX_MS 400

/* ---- when ---- */

/* The next one of numbers that are spread evenly. (The multiplier is 2^64 over the golden ratio.) */
static uint64_t spread(struct check_turns *turns, uint64_t range)
{
	uint64_t part = ++turns->spread * 0x9e3779b97f4a7c15 >> 32;

	return range / UINT32_MAX * part + range % UINT32_MAX * part / UINT32_MAX;
}

/* There is memory for a timer that was set before. */
static void wait_until(struct check *check, uint64_t due)
{
	(void)timers_set(&check->turns->timers, &check->timer, due);
}

/*
 * A tenth of the interval is left to chance, so that checks do not come together in time, and none is in step
 * with what its target does.
 */
static uint64_t interval_of(struct check *check)
{
	uint64_t tenth = check->rules.interval / 10;

	return check->rules.interval - tenth / 2 + hash_mix(++check->turns->drawn) % (tenth + 1);
}

/* The health keeps it for another program. */
static void wait_for(struct check *check, uint64_t due)
{
	health_set_next_check(check->health, due);
	wait_until(check, due);
}

/* Those that came early together are spread over the interval after that. */
static void wait_for_next(struct check *check)
{
	bool early = check->early;

	check->early = false;
	wait_for(check,
	         check->began + (early ? spread(check->turns, check->rules.interval) : interval_of(check)));
}

/* ---- one check ---- */

static unsigned count_places(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return PLACES_MIN;
	return (unsigned)max_u64(PLACES_MIN, min_u64(limit.rlim_cur / PLACES_PART, PLACES_MAX));
}

/*
 * The one that may begin now, or NULL. Addresses that did not answer last time get three quarters of the
 * places at most: the others do not wait for them.
 */
static struct check *find_next(const struct check_turns *turns)
{
	if (turns->under_way[false] + turns->under_way[true] >= turns->places)
		return NULL;
	if (!TAILQ_EMPTY(&turns->queue[false]))
		return TAILQ_FIRST(&turns->queue[false]);
	return turns->under_way[true] < turns->places / 4 * 3 ? TAILQ_FIRST(&turns->queue[true]) : NULL;
}

static void go_on(struct check_turns *turns)
{
	static const struct timeval next_pass = {0, 0};

	if (find_next(turns))
		(void)event_add(turns->more, &next_pass); /* there is memory for it */
}

/* Nothing is left of what is under way. */
static void let_go(struct check *check)
{
	struct check_turns *turns = check->turns;

	evloop_free_event(check->connected);
	check->connected = NULL;
	if (check->fd < 0)
		return;
	close(check->fd); /* resets */
	check->fd = -1;
	turns->under_way[check->silent]--;
	go_on(turns);
}

/* A shortage says nothing about the target. */
static void end(struct check *check, int error)
{
	let_go(check);
	check->silent = error == -ETIMEDOUT;
	if (!socket_error_is_shortage(error))
		health_note_check(check->health, error);
	wait_for_next(check);
}

/* 0, -errno, or -EINPROGRESS. To be called until it is one of the first two. */
static int look(const struct check *check)
{
	int error = socket_connect_result(check->fd);

	if (!error && !check->bound && socket_is_its_own_peer(check->fd, health_endpoint(check->health)))
		return -ECONNREFUSED; /* nothing else listens there */
	if (error || check->rules.send_proxy == SEND_PROXY_OFF)
		return error;
	return proxy_send_own(check->fd, (enum proxy_version)check->rules.send_proxy);
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
	struct check_turns *turns = check->turns;
	int error;

	check->fd = socket_connect(health_endpoint(check->health), &check->rules.tuning, turns->ports,
	                           &check->bound);
	if (check->fd < 0) {
		error = check->fd;
		check->fd = -1;
		return error;
	}
	turns->under_way[check->silent]++;
	error = look(check);
	if (error != -EINPROGRESS)
		return error;
	check->connected = event_new(turns->base, check->fd, EV_WRITE | EV_PERSIST, on_connected, check);
	if (!check->connected || event_add(check->connected, NULL) < 0)
		return -ENOMEM;
	return -EINPROGRESS;
}

static uint64_t too_late(const struct check *check)
{
	return check->began + check->rules.timeout;
}

/* A busy target may have a full backlog (EAGAIN of unix(7)), but not for as long as a check may take. */
static void try(struct check *check)
{
	int error = connect_to(check);

	check->retries = error == -EAGAIN && clock_ms() < too_late(check);
	if (check->retries)
		wait_until(check,
		           min_u64(too_late(check), clock_ms() + backoff_next(&check->again, AGAIN_MAX_MS)));
	else if (error == -EINPROGRESS)
		wait_until(check, too_late(check));
	else
		end(check, error);
}

static void begin(struct check *check)
{
	check->began = clock_ms();
	health_set_next_check(check->health, check->began); /* another program begins it anew */
	backoff_reset(&check->again, AGAIN_MIN_MS);
	try(check);
}

/* ---- turns ---- */

static void leave_queue(struct check *check)
{
	if (check->queued)
		TAILQ_REMOVE(&check->turns->queue[check->silent], check, queue_entry);
	check->queued = false;
}

EVENT_CALLBACK(on_more, struct check_turns, turns)
{
	for (int i = 0; i < BATCH; i++) {
		struct check *check = find_next(turns);

		if (!check)
			return;
		leave_queue(check);
		begin(check);
	}
	go_on(turns);
}

/* When it has taken too long, it is looked at once more: weir may have been stopped. */
static void on_timer(struct timer *timer)
{
	struct check *check = (struct check *)timer;
	struct check_turns *turns = check->turns;

	if (check->fd >= 0) {
		int error = look(check);

		end(check, error == -EINPROGRESS ? -ETIMEDOUT : error);
		return;
	}
	if (check->retries) {
		try(check);
		return;
	}
	check->queued = true;
	TAILQ_INSERT_TAIL(&turns->queue[check->silent], check, queue_entry);
	go_on(turns);
}

/* ---- its life ---- */

/* Another program has checked the address before, and left when the next check is due. */
static bool goes_on(const struct check *check, uint64_t due)
{
	return due > 0 && due <= clock_ms() + check->rules.interval + check->rules.interval / 10;
}

int check_start(struct check *check, struct check_turns *turns, struct health *health,
                const struct check_rules *rules)
{
	const uint64_t within = min_u64(rules->interval, EARLY_MS);
	uint64_t due = health_next_check(health);

	*check = (struct check){.turns = turns, .health = health, .rules = *rules, .fd = -1};
	if (!goes_on(check, due)) {
		check->early = within < rules->interval;
		due = clock_ms() + spread(turns, within);
	}
	health_set_next_check(health, due);
	return timers_set(&turns->timers, &check->timer, due);
}

/* If it would wait for longer than the new interval, it is spread over that anew. */
void check_set_rules(struct check *check, const struct check_rules *rules)
{
	const uint64_t now = clock_ms();
	const bool waits = check->fd < 0 && !check->queued && !check->retries;

	check->rules = *rules;
	if (waits && timer_due(&check->timer) > now + rules->interval + rules->interval / 10)
		wait_for(check, now + spread(check->turns, rules->interval));
}

void check_stop(struct check *check)
{
	timers_stop(&check->turns->timers, &check->timer);
	leave_queue(check);
	let_go(check);
	health_set_next_check(check->health, 0);
}

int check_turns_init(struct check_turns *turns, struct event_base *base, struct local_ports *ports)
{
	int error;

	turns->base = base;
	turns->ports = ports;
	turns->places = count_places();
	TAILQ_INIT(&turns->queue[false]);
	TAILQ_INIT(&turns->queue[true]);
	error = timers_init(&turns->timers, base, on_timer);
	if (error)
		return error;
	turns->more = event_new(base, -1, 0, on_more, turns);
	return evloop_reserve_timer(turns->more);
}

void check_turns_deinit(struct check_turns *turns)
{
	timers_deinit(&turns->timers);
	evloop_free_event(turns->more);
}
