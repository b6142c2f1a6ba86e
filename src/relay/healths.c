/* All healths of a relay: a tree, and a list of those that were got last. */
#include "build_config.h"

#include "base/clock.h"
#include "relay/health_private.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* So many that nobody has are kept, for so long. */
#define KEPT_MAX 4096
#define KEPT_MS  (60 * 60 * 1000)
/* There are at least so many when they are swept. */
#define SWEEP_MIN 64

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
	health_group_leave(health);
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

void healths_put_off_sweep(struct healths *healths)
{
	healths->sweep_at = 2 * healths->count + SWEEP_MIN;
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
	healths_put_off_sweep(healths);
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
	if (health_group_join(health) == 0 && tsearch(health, &healths->tree, compare))
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

	if (!health)
		health = add(healths, target, endpoint);
	if (!health)
		return NULL;
	health->unheld = 0;
	health_get(health);
	if (healths->count > healths->sweep_at)
		sweep(healths); /* not before: it may be the last of its target that is left */
	return health;
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

/* ---- rules ---- */

static void let_all_up(struct healths *healths)
{
	struct health *health;

	TAILQ_FOREACH(health, &healths->list, entry)
	if (health->state != HEALTH_UP)
		health_come_up(health);
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
	healths_choices_changed(healths);
	healths_unlock(healths);
}

void healths_tell_changed(struct healths *healths)
{
	healths_lock(healths);
	healths_tell(healths);
	healths_unlock(healths);
}
