#include "build_config.h"

#include "net/resolver.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/episode.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/number.h"
#include "net/host.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define FIRST_RETRY_MS 1000
#define HURRY_GAP_MS   1000 /* from one look-up of a name to the next, however many ask for it */
#define LOGGED_MAX     8    /* addresses of an answer that a log line shows at most */

struct resolver_name {
	TAILQ_ENTRY(resolver_name) next, next_current;
	struct host *host;
	char *owner;
	uint16_t port;
	uint64_t interval_ms;
	struct resolver_name *before, *after; /* the same owner's, for the same host and port, or NULL */
	struct address_list *answer;          /* the host's, with this port; guarded by the resolver's lock */
	resolver_changed *changed;
	void *arg;
};

/* What is looked up: once for all names with this host. Without names it is not found any more. */
struct host {
	struct message hurry; /* from any thread */
	STAILQ_ENTRY(host) next;
	struct resolver *resolver;
	char *name;
	TAILQ_HEAD(resolver_names, resolver_name) names; /* none: it is freed once hurry was delivered */
	struct resolver_names current; /* those of them with nothing after them, however many are before */
	uint64_t interval_ms;          /* the shortest that a name asks for */
	struct address_list *answer;   /* the last good one, without ports, or NULL */
	struct lookup *lookup;         /* under way, or NULL */
	struct event *timer;           /* until the next */
	uint64_t began, ended, due;    /* clock_ms() of the last one, and of the next one */
	struct backoff retry;          /* the wait after the next failure */
	_Atomic bool tried;
	bool slow;
	bool shared; /* all names have the answer; without memory some have it, and others the one before */
	struct episode failing;
};

struct resolver {
	struct event_base *base;
	struct lookups *lookups;
	struct mailbox mailbox;
	STAILQ_HEAD(, host) hosts;
	pthread_mutex_t lock;
};

/* ---- the log ---- */

/* Which targets a line is about: the first, and how many more have the same name. */
static const char *format_owner(const struct host *host, char *text, size_t size)
{
	const struct resolver_name *first = TAILQ_FIRST(&host->names), *name;
	char at[ADDRESS_TEXT_MAX];
	int length = snprintf(text, size, "%s %s", first->owner, host_format(host->name, first->port, at));
	unsigned owners = 0;

	TAILQ_FOREACH(name, &host->current, next_current)
	owners++;
	if (owners > 1 && length > 0 && (size_t)length < size)
		snprintf(text + length, size - (size_t)length, " (and %u more)", owners - 1);
	return text;
}

static void log_answer(const struct host *host)
{
	const struct address_list *list = TAILQ_FIRST(&host->names)->answer;
	char text[LOGGED_MAX * (INET6_ADDRSTRLEN + IF_NAMESIZE + 16)] = "";
	char one[ADDRESS_TEXT_MAX], owner[2 * ADDRESS_TEXT_MAX];
	size_t length = 0;

	for (size_t i = 0; i < list->count && i < LOGGED_MAX && length < sizeof(text); i++) {
		const struct endpoint *endpoint = &list->endpoint[i];

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? ", " : "",
		                           endpoint_format(&endpoint->any, endpoint->length, one));
	}
	log_notice("%s now resolves to %s%s", format_owner(host, owner, sizeof(owner)), text,
	           list->count > LOGGED_MAX ? " and more" : "");
}

static void log_failure(const struct host *host, int error)
{
	char owner[2 * ADDRESS_TEXT_MAX];

	log_warning("%s does not resolve: %s%s", format_owner(host, owner, sizeof(owner)),
	            lookup_strerror(error), host->answer ? "; its last addresses stay in use" : "");
}

/* ---- looking up ---- */

/* Without memory for the timer, resolver_name_hurry is what gets it looked up again. */
static void wait_until(struct host *host, uint64_t due)
{
	uint64_t now = clock_ms();
	const struct timeval left = clock_timeval(due > now ? due - now : 0);

	host->due = due;
	if (event_add(host->timer, &left) < 0)
		host->due = UINT64_MAX;
}

static void take_failure(struct host *host, int error)
{
	if (episode_begin(&host->failing, 0))
		log_failure(host, error);
	wait_until(host, clock_ms() + backoff_next(&host->retry, host->interval_ms));
}

/* 0 or -errno. If there is no memory, the name keeps what it has, or its owner does. */
static int give_answer(struct resolver_name *name, const struct address_list *answer)
{
	struct address_list *list = address_list_with_port(answer, name->port), *before;

	if (!list)
		return -ENOMEM;
	pthread_mutex_lock(&name->host->resolver->lock);
	before = name->answer;
	name->answer = list;
	pthread_mutex_unlock(&name->host->resolver->lock);
	address_list_put(before);
	return name->changed ? name->changed(name->arg) : 0;
}

static int give_all(struct host *host, const struct address_list *answer)
{
	struct resolver_name *name;
	int error = 0;

	TAILQ_FOREACH(name, &host->names, next)
	if (!error)
		error = give_answer(name, answer);
	host->shared = !error;
	return error;
}

static void reset_retry(struct host *host)
{
	backoff_reset(&host->retry, min_u64(FIRST_RETRY_MS, host->interval_ms));
}

/*
 * Takes ownership of list. If the answer has not changed, the old lists stay, since others already hold them.
 */
static void take_answer(struct host *host, struct address_list *list)
{
	bool is_first = !host->answer;
	bool same = !is_first && host->shared && address_list_equal(host->answer, list);

	if (!same && give_all(host, list) < 0) {
		address_list_put(list);
		take_failure(host, EAI_MEMORY);
		return;
	}
	address_list_put(same ? list : host->answer);
	if (!same)
		host->answer = list;
	if (episode_end(&host->failing) || (!is_first && !same))
		log_answer(host);
	reset_retry(host);
	wait_until(host, clock_ms() + host->interval_ms);
}

static void take(void *arg, const struct lookup_answer *answer)
{
	struct host *host = arg;

	host->lookup = NULL;
	host->ended = clock_ms();
	host->slow = answer->slow;
	if (answer->list)
		take_answer(host, answer->list);
	else
		take_failure(host, answer->error);
	/* After the answer was given to its names. Who could not take their first one have yet to wait. */
	if (!answer->list || host->shared)
		host->tried = true;
}

EVENT_CALLBACK(on_due, struct host, host)
{
	host->began = clock_ms();
	host->lookup = lookups_begin(host->resolver->lookups, host->name, host->slow, take, host);
	if (!host->lookup)
		take_failure(host, EAI_MEMORY);
}

/* Not while a look-up is under way, as there is a next one only after it. */
static void look_up_by(struct host *host, uint64_t due)
{
	if (!host->lookup && due < host->due)
		wait_until(host, due);
}

/* ---- hosts and their names ---- */

static void free_name(struct resolver_name *name)
{
	address_list_put(name->answer);
	free(name->owner);
	free(name);
}

static void free_host(struct host *host)
{
	struct resolver_name *name;

	while ((name = TAILQ_FIRST(&host->names))) {
		TAILQ_REMOVE(&host->names, name, next);
		free_name(name);
	}
	lookup_cancel(host->lookup);
	evloop_free_event(host->timer);
	address_list_put(host->answer);
	free(host->name);
	free(host);
}

static struct host *add_host(struct resolver *resolver, const char *name)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	TAILQ_INIT(&host->names);
	TAILQ_INIT(&host->current);
	host->resolver = resolver;
	host->name = strdup(name);
	host->timer = event_new(resolver->base, -1, 0, on_due, host);
	if (!host->name || !host->timer) {
		free_host(host);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&resolver->hosts, host, next);
	event_active(host->timer, EV_TIMEOUT, 0);
	return host;
}

static struct host *find_host(struct resolver *resolver, const char *name)
{
	struct host *host;

	STAILQ_FOREACH (host, &resolver->hosts, next)
		if (!TAILQ_EMPTY(&host->names) && host_equal(host->name, name))
			return host;
	return add_host(resolver, name);
}

static void remove_host(struct host *host)
{
	STAILQ_REMOVE(&host->resolver->hosts, host, host, next);
	free_host(host);
}

static void join(struct host *host, struct resolver_name *name)
{
	struct resolver_name *other;

	name->host = host;
	TAILQ_FOREACH(other, &host->current, next_current)
	if (other->port == name->port && strcmp(other->owner, name->owner) == 0)
		break;
	name->before = other;
	if (other) {
		other->after = name;
		TAILQ_REMOVE(&host->current, other, next_current);
	}
	TAILQ_INSERT_TAIL(&host->current, name, next_current);
	TAILQ_INSERT_TAIL(&host->names, name, next);
}

static void leave(struct resolver_name *name)
{
	struct host *host = name->host;

	if (name->before)
		name->before->after = name->after;
	if (name->after)
		name->after->before = name->before;
	else
		TAILQ_REMOVE(&host->current, name, next_current);
	if (name->before && !name->after)
		TAILQ_INSERT_TAIL(&host->current, name->before, next_current);
	TAILQ_REMOVE(&host->names, name, next);
}

/* The names have changed. A shorter interval holds at once, a longer one from the next answer on. */
static void settle_interval(struct host *host)
{
	const struct resolver_name *name;
	uint64_t interval = UINT64_MAX;

	TAILQ_FOREACH(name, &host->current, next_current)
	interval = min_u64(interval, name->interval_ms);
	if (interval == host->interval_ms)
		return;
	host->interval_ms = interval;
	reset_retry(host);
	look_up_by(host, host->ended + interval);
}

/*
 * A worker may have hurried the last name just before, and the message is still on its way. Then the host
 * waits for it.
 */
static void retire(struct host *host)
{
	if (!message_is_posted(&host->hurry)) {
		remove_host(host);
		return;
	}
	lookup_cancel(host->lookup);
	host->lookup = NULL;
	event_del(host->timer);
}

static void deliver(void *arg, struct message *message)
{
	struct host *host = (struct host *)message;

	(void)arg;
	if (TAILQ_EMPTY(&host->names))
		remove_host(host);
	else
		look_up_by(host, max_u64(clock_ms(), host->began + HURRY_GAP_MS));
}

/* ---- for others ---- */

struct resolver *resolver_new(struct event_base *base, struct lookups *lookups)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->base = base;
	resolver->lookups = lookups;
	resolver->mailbox.fd = -1;
	STAILQ_INIT(&resolver->hosts);
	pthread_mutex_init(&resolver->lock, NULL);
	if (mailbox_open(&resolver->mailbox, base, deliver, resolver) == 0)
		return resolver;
	resolver_free(resolver);
	return NULL;
}

struct resolver_name *resolver_add(struct resolver *resolver, const char *owner, const char *host,
                                   uint16_t port, uint64_t interval_ms, resolver_changed *changed, void *arg)
{
	struct resolver_name *name = calloc(1, sizeof(*name));
	struct host *found;

	if (!name)
		return NULL;
	name->owner = strdup(owner);
	name->port = port;
	name->interval_ms = interval_ms;
	name->changed = changed;
	name->arg = arg;
	found = name->owner ? find_host(resolver, host) : NULL;
	if (found && found->answer)
		name->answer = address_list_with_port(found->answer, port);
	if (!found || (found->answer && !name->answer)) {
		free_name(name);
		return NULL;
	}
	join(found, name);
	settle_interval(found);
	return name;
}

void resolver_name_put(struct resolver_name *name)
{
	struct host *host;

	if (!name)
		return;
	host = name->host;
	leave(name);
	free_name(name);
	if (TAILQ_EMPTY(&host->names))
		retire(host);
	else
		settle_interval(host);
}

bool resolver_name_tried(const struct resolver_name *name)
{
	return name->host->tried;
}

struct address_list *resolver_name_get(struct resolver_name *name)
{
	struct resolver *resolver = name->host->resolver;
	struct address_list *answer;

	pthread_mutex_lock(&resolver->lock);
	answer = name->answer ? address_list_get(name->answer) : NULL;
	pthread_mutex_unlock(&resolver->lock);
	return answer;
}

void resolver_name_hurry(struct resolver_name *name)
{
	mailbox_post(&name->host->resolver->mailbox, &name->host->hurry);
}

void resolver_free(struct resolver *resolver)
{
	struct host *host;

	if (!resolver)
		return;
	while ((host = STAILQ_FIRST(&resolver->hosts))) {
		STAILQ_REMOVE_HEAD(&resolver->hosts, next);
		free_host(host);
	}
	mailbox_close(&resolver->mailbox);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}
