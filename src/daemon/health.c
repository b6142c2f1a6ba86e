#include "build_config.h"

#include "daemon/health.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/evloop.h"
#include "base/units.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two looks, and so between two messages. */
#define LOOK_MS 1000
/* The same, ever longer, while there are queues and nothing changes. */
#define LOOK_MAX_MS 60000
/* How much longer a start or a stop may take each time: several looks, as one may come late. */
#define EXTEND_MS 5000

struct health {
	struct service *service;
	health_look *look;
	void *arg;
	struct bell bell;
	struct event *timer;  /* for the next look */
	struct backoff pause; /* until then */
	uint64_t looked;      /* clock_ms of the last one */
	char said[SERVICE_STATUS_MAX];
	char reload_error[SERVICE_STATUS_MAX / 2]; /* "" after a reload that has succeeded */
};

/* ---- words ---- */

/* A little is never nothing. */
static const char *size_in_words(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	const uint64_t kib = 1024, mib = kib * kib;

	if (bytes < mib)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 " KiB", (bytes + kib - 1) / kib);
	else
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 " MiB", (bytes + mib / 2) / mib);
	return text;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void describe_start(const struct health_facts *facts, char *text, size_t size)
{
	if (facts->awaited)
		snprintf(text, size, "starting: looking up %s, to listen there", facts->awaited);
	else
		snprintf(text, size, "starting");
}

static void describe_drain(const struct health_facts *facts, char *text, size_t size)
{
	if (facts->left_ms > 0)
		snprintf(text, size, "draining: %" PRIu64 " pair%s left, %" PRIu64 " s at most", facts->pairs,
		         plural(facts->pairs), (facts->left_ms + 999) / 1000);
	else
		snprintf(text, size, "draining: resetting %" PRIu64 " pair%s", facts->pairs,
		         plural(facts->pairs));
}

static void describe_relaying(const struct health *health, const struct health_facts *facts, char *text,
                              size_t size)
{
	char used[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX];
	const char *error = health->reload_error;

	snprintf(text, size, "%" PRIu64 " pair%s, %" PRIu64 " flow%s paused, %s of %s queued%s%s",
	         facts->pairs, plural(facts->pairs), facts->paused, plural(facts->paused),
	         size_in_words(facts->used, used), size_in_words(facts->memory_max, most),
	         error[0] ? "; reload failed: " : "", error);
}

static void describe(const struct health *health, const struct health_facts *facts, char *text, size_t size)
{
	switch (facts->phase) {
	case STARTING:
		describe_start(facts, text, size);
		break;
	case RUNNING:
		describe_relaying(health, facts, text, size);
		break;
	case DRAINING:
		describe_drain(facts, text, size);
		break;
	case STOPPING:
		snprintf(text, size, "stopping");
	}
}

/* ---- looking ---- */

/* Without memory for a timer the status stays as it is until health_say. */
static void look_after(struct health *health, uint64_t ms)
{
	const struct timeval delay = clock_timeval(ms);

	event_add(health->timer, &delay);
}

static void look_again(struct health *health)
{
	backoff_reset(&health->pause, LOOK_MS);
	look_after(health, LOOK_MS);
}

/* True if the status has changed. */
static bool say_news(struct health *health, const struct health_facts *facts)
{
	char text[SERVICE_STATUS_MAX];

	describe(health, facts, text, sizeof(text));
	if (strcmp(text, health->said) == 0)
		return false;
	memcpy(health->said, text, sizeof(text));
	service_status(health->service, text);
	return true;
}

static bool takes_time(const struct health_facts *facts)
{
	return facts->phase == STARTING || (facts->phase == DRAINING && facts->left_ms > 0);
}

EVENT_CALLBACK(on_look, struct health, health)
{
	struct health_facts facts = {.phase = STARTING};
	bool changed;

	health->looked = clock_ms();
	health->look(health->arg, &facts);
	if (takes_time(&facts))
		service_extend(health->service, EXTEND_MS);
	changed = say_news(health, &facts);
	if (changed || takes_time(&facts)) {
		look_again(health);
		return;
	}
	if (facts.used == 0 && bell_is_awaited(&health->bell))
		return;
	bell_await(&health->bell);
	look_after(health, backoff_next(&health->pause, LOOK_MAX_MS));
}

static void on_heard(void *arg)
{
	struct health *health = arg;
	uint64_t due = health->looked + LOOK_MS, now = clock_ms();

	backoff_reset(&health->pause, LOOK_MS);
	look_after(health, due > now ? due - now : 0);
}

void health_say(struct health *health, void (*say)(struct service *service, const char *status))
{
	struct health_facts facts = {.phase = STARTING};

	if (!health || !service_is_managed(health->service))
		return;
	health->looked = clock_ms();
	health->look(health->arg, &facts);
	describe(health, &facts, health->said, sizeof(health->said));
	say(health->service, health->said);
	look_again(health);
}

void health_note_reload(struct health *health, const char *error)
{
	snprintf(health->reload_error, sizeof(health->reload_error), "%s", error ? error : "");
}

struct bell *health_bell(struct health *health)
{
	return service_is_managed(health->service) ? &health->bell : NULL;
}

/* ---- life ---- */

/* A start that takes no time is not worth a message. */
static int begin(struct health *health, struct event_base *base)
{
	int error = bell_open(&health->bell, base, on_heard, health);

	if (error)
		return error;
	health->timer = event_new(base, -1, 0, on_look, health);
	if (!health->timer)
		return -1;
	look_again(health);
	return 0;
}

struct health *health_new(struct event_base *base, struct service *service, health_look *look, void *arg)
{
	struct health *health = calloc(1, sizeof(*health));

	if (!health)
		return NULL;
	health->service = service;
	health->look = look;
	health->arg = arg;
	health->bell.mailbox.fd = -1;
	if (!service_is_managed(service) || begin(health, base) == 0)
		return health;
	health_free(health);
	return NULL;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	evloop_free_event(health->timer);
	bell_close(&health->bell);
	free(health);
}
