#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/number.h"
#include "net/host.h"
#include "net/resolver_private.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* ---- hosts and their names ---- */

static void free_name(struct resolver_name *name)
{
	address_list_put(name->answer);
	free(name->owner);
	free(name);
}

void host_free(struct host *host)
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

struct host *host_new(struct resolver *resolver, const char *name)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	TAILQ_INIT(&host->names);
	TAILQ_INIT(&host->current);
	host->resolver = resolver;
	host->name = strdup(name);
	if (host->name)
		return host;
	host_free(host);
	return NULL;
}

static struct host *add_host(struct resolver *resolver, const char *name)
{
	struct host *host = host_new(resolver, name);

	if (!host)
		return NULL;
	if (resolving_begin(host) < 0) {
		host_free(host);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&resolver->hosts, host, next);
	return host;
}

struct host *host_find(struct resolver *resolver, const char *name)
{
	struct host *host;

	STAILQ_FOREACH (host, &resolver->hosts, next)
		if ((host->kept || !TAILQ_EMPTY(&host->names)) && host_equal(host->name, name))
			return host;
	return NULL;
}

static struct host *find_or_add_host(struct resolver *resolver, const char *name)
{
	struct host *host = host_find(resolver, name);

	return host ? host : add_host(resolver, name);
}

static void remove_host(struct host *host)
{
	STAILQ_REMOVE(&host->resolver->hosts, host, host, next);
	host_free(host);
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
	resolving_reset_retry(host);
	resolving_look_up_by(host, host->ended + interval);
}

/*
 * A worker may have hurried the last name just before, and the message is still on its way. Then the host
 * waits for it.
 */
void host_retire(struct host *host)
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
		resolving_look_up_by(host, max_u64(clock_ms(), host->began + HURRY_GAP_MS));
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
	found = name->owner ? find_or_add_host(resolver, host) : NULL;
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
	if (!TAILQ_EMPTY(&host->names))
		settle_interval(host);
	else if (!host->kept)
		host_retire(host);
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
		host_free(host);
	}
	mailbox_close(&resolver->mailbox);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}
