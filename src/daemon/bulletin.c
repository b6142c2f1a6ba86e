#include "build_config.h"

#include "daemon/bulletin.h"

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
/* How much longer something may take each time: several looks, as one may come late. */
#define EXTEND_MS 5000

struct bulletin {
	struct service *service;
	bulletin_look *look;
	void *arg;
	struct bell bell;
	struct event *timer;  /* for the next look */
	struct backoff pause; /* until then */
	uint64_t looked;      /* clock_ms of the last one */
	char said[SERVICE_STATUS_MAX];
	char failure[BULLETIN_FAILURE_MAX]; /* of the last reload or takeover; "" if it has succeeded */
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

static void describe_change(const char *what, const struct bulletin_facts *facts, char *text, size_t size)
{
	if (facts->awaited)
		snprintf(text, size, "%s: looking up %s, to listen there", what, facts->awaited);
	else
		snprintf(text, size, "%s", what);
}

static void describe_drain(const struct bulletin_facts *facts, char *text, size_t size)
{
	if (facts->left_ms > 0)
		snprintf(text, size, "draining: %" PRIu64 " pair%s left, %" PRIu64 " s at most", facts->pairs,
		         plural(facts->pairs), (facts->left_ms + 999) / 1000);
	else
		snprintf(text, size, "draining: resetting %" PRIu64 " pair%s", facts->pairs,
		         plural(facts->pairs));
}

#define TARGETS_TEXT_MAX 64

/* Nothing while all are up. */
static const char *describe_targets(const struct bulletin_facts *facts, char text[TARGETS_TEXT_MAX])
{
	text[0] = '\0';
	if (facts->targets_down > 0)
		snprintf(text, TARGETS_TEXT_MAX, ", %zu of %zu target%s down", facts->targets_down,
		         facts->targets, plural(facts->targets));
	return text;
}

static void describe_relaying(const struct bulletin *bulletin, const struct bulletin_facts *facts, char *text,
                              size_t size)
{
	char used[UNITS_TEXT_MAX], most[UNITS_TEXT_MAX], targets[TARGETS_TEXT_MAX];
	char reload[SERVICE_STATUS_MAX] = "";

	if (facts->reloading)
		describe_change("; reloading", facts, reload, sizeof(reload));
	else if (bulletin->failure[0])
		snprintf(reload, sizeof(reload), "; %s", bulletin->failure);
	snprintf(text, size, "%" PRIu64 " pair%s, %" PRIu64 " flow%s paused, %s of %s queued%s%s",
	         facts->pairs, plural(facts->pairs), facts->paused, plural(facts->paused),
	         size_in_words(facts->used, used), size_in_words(facts->memory_max, most),
	         describe_targets(facts, targets), reload);
}

static void describe(const struct bulletin *bulletin, const struct bulletin_facts *facts, char *text,
                     size_t size)
{
	switch (facts->phase) {
	case STARTING:
		describe_change("starting", facts, text, size);
		break;
	case RUNNING:
		describe_relaying(bulletin, facts, text, size);
		break;
	case DRAINING:
		describe_drain(facts, text, size);
		break;
	case STOPPING:
		snprintf(text, size, "stopping");
	}
}

/* ---- looking ---- */

static void look_again(struct bulletin *bulletin)
{
	backoff_reset(&bulletin->pause, LOOK_MS);
	evloop_set_timer(bulletin->timer, LOOK_MS);
}

/* True if the status has changed. */
static bool say_news(struct bulletin *bulletin, const struct bulletin_facts *facts)
{
	char text[SERVICE_STATUS_MAX];

	describe(bulletin, facts, text, sizeof(text));
	if (strcmp(text, bulletin->said) == 0)
		return false;
	memcpy(bulletin->said, text, sizeof(text));
	service_status(bulletin->service, text);
	return true;
}

static bool takes_time(const struct bulletin_facts *facts)
{
	return facts->phase == STARTING || (facts->phase == RUNNING && facts->reloading) ||
	       (facts->phase == DRAINING && facts->left_ms > 0);
}

EVENT_CALLBACK(on_look, struct bulletin, bulletin)
{
	struct bulletin_facts facts = {.phase = STARTING};
	bool changed;

	bulletin->looked = clock_ms();
	bulletin->look(bulletin->arg, &facts);
	if (takes_time(&facts))
		service_extend(bulletin->service, EXTEND_MS);
	changed = say_news(bulletin, &facts);
	if (changed || takes_time(&facts)) {
		look_again(bulletin);
		return;
	}
	if (facts.used == 0 && bell_is_awaited(&bulletin->bell))
		return;
	bell_await(&bulletin->bell);
	evloop_set_timer(bulletin->timer, backoff_next(&bulletin->pause, LOOK_MAX_MS));
}

static void on_heard(void *arg)
{
	struct bulletin *bulletin = arg;
	uint64_t due = bulletin->looked + LOOK_MS, now = clock_ms();

	backoff_reset(&bulletin->pause, LOOK_MS);
	evloop_set_timer(bulletin->timer, due > now ? due - now : 0);
}

void bulletin_say(struct bulletin *bulletin, void (*say)(struct service *service, const char *status))
{
	struct bulletin_facts facts = {.phase = STARTING};

	if (!bulletin || !service_is_managed(bulletin->service))
		return;
	bulletin->looked = clock_ms();
	bulletin->look(bulletin->arg, &facts);
	describe(bulletin, &facts, bulletin->said, sizeof(bulletin->said));
	say(bulletin->service, bulletin->said);
	look_again(bulletin);
}

static void note(struct bulletin *bulletin, const char *what, const char *error)
{
	snprintf(bulletin->failure, sizeof(bulletin->failure), "%s%s", error ? what : "", error ? error : "");
}

void bulletin_note_reload(struct bulletin *bulletin, const char *error)
{
	note(bulletin, "reload failed: ", error);
}

void bulletin_note_takeover(struct bulletin *bulletin, const char *error)
{
	note(bulletin, "takeover failed: ", error);
}

const char *bulletin_failure(const struct bulletin *bulletin)
{
	return bulletin->failure;
}

void bulletin_restore_failure(struct bulletin *bulletin, const char *failure)
{
	note(bulletin, "", failure);
}

struct bell *bulletin_bell(struct bulletin *bulletin)
{
	return service_is_managed(bulletin->service) ? &bulletin->bell : NULL;
}

/* ---- life ---- */

/* A start that takes no time is not worth a message. */
static int begin(struct bulletin *bulletin, struct event_base *base)
{
	int error = bell_open(&bulletin->bell, base, on_heard, bulletin);

	if (error)
		return error;
	bulletin->timer = event_new(base, -1, 0, on_look, bulletin);
	if (!bulletin->timer)
		return -1;
	look_again(bulletin);
	return 0;
}

struct bulletin *bulletin_new(struct event_base *base, struct service *service, bulletin_look *look,
                              void *arg)
{
	struct bulletin *bulletin = calloc(1, sizeof(*bulletin));

	if (!bulletin)
		return NULL;
	bulletin->service = service;
	bulletin->look = look;
	bulletin->arg = arg;
	bulletin->bell.mailbox.fd = -1;
	if (!service_is_managed(service) || begin(bulletin, base) == 0)
		return bulletin;
	bulletin_free(bulletin);
	return NULL;
}

void bulletin_free(struct bulletin *bulletin)
{
	if (!bulletin)
		return;
	evloop_free_event(bulletin->timer);
	bell_close(&bulletin->bell);
	free(bulletin);
}
