#include "build_config.h"

#include "relay/damper.h"

#include "base/log.h"

/* This many clients a second, all without an answer, are too many. A ring makes thousands of pairs. */
#define CLIENTS_MAX 500
#define SECOND_MS   1000
/* When no client has come for so long, whatever it was is over. */
#define QUIET_MS 10000
/* Close lines a second while damping. */
#define LINES_MAX 10

static void turn_on(struct damper *damper, struct damping *damping)
{
	damper->on = true;
	if (episode_begin(&damping->told, EPISODE_INTERVAL_MS))
		log_warning("relay %s: over %d clients a second and no answer from a target: "
		            "connecting waits and close lines are left out; perhaps it leads back here "
		            "through another daemon",
		            damping->relay, CLIENTS_MAX);
}

static void turn_off(struct damper *damper, struct damping *damping)
{
	damper->on = false;
	if (episode_end(&damping->told))
		log_notice("relay %s: connecting no longer waits", damping->relay);
}

void damper_take_client(struct damper *damper, struct damping *damping, uint64_t now)
{
	uint64_t length;
	unsigned clients;

	if (damper->on && now - damper->last >= QUIET_MS)
		turn_off(damper, damping);
	damper->last = now;
	clients = atomic_fetch_add_explicit(&damping->clients, 1, memory_order_relaxed) + 1;
	if (clients == 1)
		damping->since = now;
	length = now - damping->since;
	if (length < SECOND_MS)
		return;
	/* For another second, so that each worker that has a part in it finds out. */
	if (length < 2 * SECOND_MS && clients > CLIENTS_MAX * length / SECOND_MS && !damper->on)
		turn_on(damper, damping);
	if (length >= 2 * SECOND_MS)
		damping->clients = 0;
}

void damper_take_answer(struct damper *damper, struct damping *damping)
{
	if (atomic_load_explicit(&damping->clients, memory_order_relaxed) > 0)
		damping->clients = 0;
	if (damper->on)
		turn_off(damper, damping);
}

bool damper_lets_line(struct damper *damper, uint64_t now)
{
	if (!damper->on)
		return true;
	if (now - damper->second >= SECOND_MS) {
		damper->second = now;
		damper->lines = 0;
	}
	if (damper->lines++ < LINES_MAX)
		return true;
	damper->left_out++;
	return false;
}

uint64_t damper_take_left_out(struct damper *damper)
{
	uint64_t left_out = damper->left_out;

	damper->left_out = 0;
	return left_out;
}
