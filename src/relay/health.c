#include "build_config.h"

#include "base/clock.h"
#include "relay/health_private.h"

/* ---- what never changes ---- */

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
	healths_choices_changed(health->healths);
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

void healths_choices_changed(struct healths *healths)
{
	atomic_fetch_add(&healths->epoch, 1);
}

void healths_tell(struct healths *healths)
{
	healths_choices_changed(healths);
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
	healths_tell(health->healths);
}

void health_come_up(struct health *health)
{
	health->state = HEALTH_UP;
	health->since = clock_ms();
	health->checks_apart = 0;
	health->failed = 0;
	healths_tell(health->healths);
}

/* The one that tried it has ended. */
static void end_try(struct health *health)
{
	if (health->state != HEALTH_TRYING)
		return;
	health->state = HEALTH_DOWN;
	healths_choices_changed(health->healths);
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
	healths_tell(health->healths);
}

static void note_success(struct health *health, bool tries)
{
	health->failed = 0;
	if (health->state != HEALTH_UP && !health->healths->checked)
		health_come_up(health);
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
		health_come_up(health);
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

void health_end_try(struct health *health)
{
	healths_lock(health->healths);
	end_try(health);
	healths_unlock(health->healths);
}

void health_go_on_trying(struct health *health)
{
	healths_lock(health->healths);
	if (health->state == HEALTH_DOWN)
		health->state = HEALTH_TRYING;
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

void health_set_next_check(struct health *health, uint64_t due)
{
	health->next_check = due;
}

uint64_t health_next_check(const struct health *health)
{
	return health->next_check;
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
