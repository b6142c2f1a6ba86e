#include "build_config.h"

#include "relay/health.h"

#include "base/clock.h"
#include "base/refcount.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* So many that nobody has are kept, for so long. */
#define KEPT_MAX 4096
#define KEPT_MS  (60 * 60 * 1000)
/* There are at least so many when they are swept. */
#define SWEEP_MIN 64

struct health {
	struct healths *healths;
	struct label *target;
	struct address_list *address;
	const struct endpoint *endpoint; /* in address */
	_Atomic unsigned holders;
	_Atomic uint64_t pairs, connects, failures, checks, check_failures;
	_Atomic int last_error;
	/* Both are written with the lock held. Without it they may be out of date. */
	_Atomic enum health_state state;
	_Atomic unsigned failed; /* connects in a row */
	/* with the lock held */
	uint64_t since, down;
	uint64_t place;        /* see health_place */
	uint64_t failed_at;    /* clock_ms at which it was taken out, or tried in vain */
	uint64_t checks_apart; /* checks in a row that contradict the state */
	int why;
	uint64_t in_a_row;
	bool by_checks;
	/* main thread */
	TAILQ_ENTRY(health) entry;
	uint64_t unheld; /* clock_ms since when nobody has it, as far as was looked; or 0 */
	struct episode outage;
};

/* ---- life ---- */

static int compare(const void *left, const void *right)
{
	const struct health *a = left, *b = right;
	int order = endpoint_compare(a->endpoint, b->endpoint);

	return order ? order : strcmp(a->target->text, b->target->text);
}

static void forget(struct health *health)
{
	struct healths *healths = health->healths;

	tdelete(health, &healths->tree, compare);
	TAILQ_REMOVE(&healths->list, health, entry);
	healths->count--;
	address_list_put(health->address);
	label_put(health->target);
	free(health);
}

static bool is_held(const struct health *health)
{
	return atomic_load_explicit(&health->holders, memory_order_acquire) > 0;
}

/* As one that was never met. */
static bool is_clean(const struct health *health, uint64_t now)
{
	return health->state == HEALTH_UP && health->failed == 0 &&
	       health_start_permille(health, now) == 1000;
}

/* True if it may be forgotten, although there is room. */
static bool is_worthless(struct health *health, uint64_t now)
{
	if (health->unheld == 0)
		health->unheld = now;
	return is_clean(health, now) || now - health->unheld >= KEPT_MS;
}

/* The number of those that nobody has and that are worth keeping. */
static size_t forget_worthless(struct healths *healths)
{
	struct health *health = TAILQ_FIRST(&healths->list), *next;
	uint64_t now = clock_ms();
	size_t kept = 0;

	for (; health; health = next) {
		next = TAILQ_NEXT(health, entry);
		if (is_held(health))
			continue;
		if (is_worthless(health, now))
			forget(health);
		else
			kept++;
	}
	return kept;
}

/* Each time it goes over all, but only after their number has doubled. */
static void sweep(struct healths *healths)
{
	size_t kept = forget_worthless(healths);
	struct health *health = TAILQ_FIRST(&healths->list), *next;

	for (; health && kept > KEPT_MAX; health = next) {
		next = TAILQ_NEXT(health, entry);
		if (is_held(health))
			continue;
		forget(health);
		kept--;
	}
	healths->sweep_at = 2 * healths->count + SWEEP_MIN;
}

static struct health *add(struct healths *healths, struct label *target, const struct endpoint *endpoint)
{
	struct health *health = calloc(1, sizeof(*health));

	if (!health)
		return NULL;
	health->address = address_list_single(endpoint);
	if (!health->address) {
		free(health);
		return NULL;
	}
	health->healths = healths;
	health->target = label_get(target);
	health->endpoint = &health->address->endpoint[0];
	health->since = clock_ms();
	TAILQ_INSERT_TAIL(&healths->list, health, entry);
	healths->count++;
	if (tsearch(health, &healths->tree, compare))
		return health;
	forget(health);
	return NULL;
}

static struct health *find(struct healths *healths, struct label *target, const struct endpoint *endpoint)
{
	const struct health wanted = {.target = target, .endpoint = endpoint};
	struct health *const *found = tfind(&wanted, &healths->tree, compare);

	if (!found)
		return NULL;
	TAILQ_REMOVE(&healths->list, *found, entry);
	TAILQ_INSERT_TAIL(&healths->list, *found, entry);
	return *found;
}

struct health *healths_get(struct healths *healths, struct label *target, const struct endpoint *endpoint)
{
	struct health *health = find(healths, target, endpoint);

	if (!health && healths->count >= healths->sweep_at)
		sweep(healths);
	if (!health)
		health = add(healths, target, endpoint);
	if (!health)
		return NULL;
	health->unheld = 0;
	return health_get(health);
}

struct health *health_get(struct health *health)
{
	atomic_fetch_add_explicit(&health->holders, 1, memory_order_relaxed);
	return health;
}

void health_put(struct health *health)
{
	if (health)
		atomic_fetch_sub_explicit(&health->holders, 1, memory_order_release);
}

struct label *health_target(const struct health *health)
{
	return health->target;
}

struct address_list *health_address(const struct health *health)
{
	return health->address;
}

const struct endpoint *health_endpoint(const struct health *health)
{
	return health->endpoint;
}

struct episode *health_outage(struct health *health)
{
	return &health->outage;
}

/* ---- all ---- */

void healths_init(struct healths *healths, const struct config_relay *config, struct health_news *news)
{
	pthread_mutex_init(&healths->lock, NULL);
	TAILQ_INIT(&healths->list);
	healths->news = news;
	healths->sweep_at = SWEEP_MIN;
	healths_configure(healths, config);
}

void healths_deinit(struct healths *healths)
{
	while (!TAILQ_EMPTY(&healths->list))
		forget(TAILQ_FIRST(&healths->list));
	pthread_mutex_destroy(&healths->lock);
}

/* With the lock held. */
static void choices_changed(struct healths *healths)
{
	atomic_fetch_add(&healths->epoch, 1);
}

bool healths_take_changed(struct healths *healths)
{
	return atomic_exchange(&healths->changed, false);
}

void healths_each(struct healths *healths, health_visit *visit, void *arg)
{
	struct health *health;

	TAILQ_FOREACH(health, &healths->list, entry)
	visit(arg, health);
}

void healths_lock(struct healths *healths)
{
	pthread_mutex_lock(&healths->lock);
}

void healths_unlock(struct healths *healths)
{
	pthread_mutex_unlock(&healths->lock);
}

/* ---- choosing ---- */

enum health_use health_use(const struct health *health, uint64_t now, uint64_t *until)
{
	const struct healths *healths = health->healths;
	uint64_t due = health->failed_at + healths->fail_time;

	*until = UINT64_MAX;
	if (health->state == HEALTH_UP)
		return USE_UP;
	if (health->state == HEALTH_TRYING || healths->checked)
		return USE_DOWN;
	if (now >= due) /* now may be before what others have noted since */
		return USE_TRY;
	*until = due;
	return USE_DOWN;
}

bool health_begin_try(struct health *health, uint64_t now)
{
	uint64_t until;

	if (health_use(health, now, &until) != USE_TRY)
		return false;
	health->state = HEALTH_TRYING;
	choices_changed(health->healths);
	return true;
}

uint64_t health_place(const struct health *health)
{
	return health->state == HEALTH_UP ? 0 : health->place;
}

void health_to_the_end(struct health *health)
{
	health->place = ++health->healths->places;
}

unsigned health_start_permille(const struct health *health, uint64_t now)
{
	uint64_t slow_start = health->healths->slow_start, age = now - health->since;

	if (health->state != HEALTH_UP || health->down == 0 || age >= slow_start)
		return 1000;
	return 100 + (unsigned)(900 * age / slow_start);
}

bool health_is_up(const struct health *health)
{
	return atomic_load_explicit(&health->state, memory_order_relaxed) == HEALTH_UP;
}

/* ---- what happened; with the lock held ---- */

static void tell(struct healths *healths)
{
	choices_changed(healths);
	atomic_store(&healths->changed, true);
	if (healths->news && healths->news->mailbox)
		mailbox_post(healths->news->mailbox, &healths->news->message);
}

static void go_down(struct health *health, int why, uint64_t in_a_row, bool by_checks)
{
	health->state = HEALTH_DOWN;
	health->since = health->down = health->failed_at = clock_ms();
	health_to_the_end(health);
	health->checks_apart = 0;
	health->why = why;
	health->in_a_row = in_a_row;
	health->by_checks = by_checks;
	tell(health->healths);
}

static void come_up(struct health *health)
{
	health->state = HEALTH_UP;
	health->since = clock_ms();
	health->checks_apart = 0;
	health->failed = 0;
	tell(health->healths);
}

static void let_all_up(struct healths *healths)
{
	struct health *health;

	TAILQ_FOREACH(health, &healths->list, entry)
	if (health->state != HEALTH_UP)
		come_up(health);
}

/* The one that tried it has ended. */
static void end_try(struct health *health)
{
	if (health->state != HEALTH_TRYING)
		return;
	health->state = HEALTH_DOWN;
	choices_changed(health->healths);
}

static void note_failure(struct health *health, int error, bool tries)
{
	uint64_t limit = health->healths->fail_limit;
	unsigned failed = ++health->failed;

	if (health->state == HEALTH_UP && limit > 0 && failed >= limit)
		go_down(health, error, failed, false);
	if (!tries)
		return;
	health->failed_at = clock_ms();
	health_to_the_end(health);
	end_try(health);
	tell(health->healths);
}

static void note_success(struct health *health, bool tries)
{
	health->failed = 0;
	if (health->state != HEALTH_UP && !health->healths->checked)
		come_up(health);
	else if (tries)
		end_try(health);
}

static void note_check(struct health *health, int error)
{
	const struct healths *healths = health->healths;
	bool is_up = health->state == HEALTH_UP;

	if (is_up == !error) {
		health->checks_apart = 0;
		return;
	}
	health->checks_apart++;
	if (is_up && health->checks_apart >= healths->check_fall)
		go_down(health, error, health->checks_apart, true);
	else if (!is_up && health->checks_apart >= healths->check_rise)
		come_up(health);
}

/* ---- what happened ---- */

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static bool has_no_trouble(const struct health *health)
{
	return health_is_up(health) && atomic_load_explicit(&health->failed, memory_order_relaxed) == 0;
}

void health_note(struct health *health, int error, bool tries)
{
	count(error ? &health->failures : &health->connects);
	if (error)
		health->last_error = error;
	else if (has_no_trouble(health))
		return;
	healths_lock(health->healths);
	if (error)
		note_failure(health, error, tries);
	else
		note_success(health, tries);
	healths_unlock(health->healths);
}

void healths_configure(struct healths *healths, const struct config_relay *config)
{
	healths_lock(healths);
	healths->fail_limit = config->fail_limit;
	healths->fail_time = config->fail_time;
	healths->checked = config->check_interval > 0;
	healths->check_rise = config->check_rise;
	healths->check_fall = config->check_fall;
	healths->slow_start = config->slow_start;
	if (healths->fail_limit == 0 && !healths->checked)
		let_all_up(healths); /* nothing is down under these rules */
	choices_changed(healths);
	healths_unlock(healths);
}

void healths_tell_changed(struct healths *healths)
{
	healths_lock(healths);
	tell(healths);
	healths_unlock(healths);
}

void health_end_try(struct health *health)
{
	healths_lock(health->healths);
	end_try(health);
	healths_unlock(health->healths);
}

void health_note_check(struct health *health, int error)
{
	count(&health->checks);
	if (error) {
		count(&health->check_failures);
		health->last_error = error;
	}
	healths_lock(health->healths);
	note_check(health, error);
	healths_unlock(health->healths);
}

void health_pair_began(struct health *health)
{
	count(&health->pairs);
}

void health_pair_ended(struct health *health)
{
	atomic_fetch_sub_explicit(&health->pairs, 1, memory_order_relaxed);
}

uint64_t health_pairs(const struct health *health)
{
	return atomic_load_explicit(&health->pairs, memory_order_relaxed);
}

/* ---- looking ---- */

void health_look(struct health *health, struct health_view *view)
{
	healths_lock(health->healths);
	*view = (struct health_view){
	        .state = health->state,
	        .since = health->since,
	        .down = health->down,
	        .pairs = health->pairs,
	        .connects = health->connects,
	        .failures = health->failures,
	        .checks = health->checks,
	        .check_failures = health->check_failures,
	        .last_error = health->last_error,
	        .why = health->why,
	        .in_a_row = health->in_a_row,
	        .by_checks = health->by_checks,
	};
	healths_unlock(health->healths);
}
