#include "build_config.h"

#include "base/backoff.h"
#include "base/episode.h"
#include "base/log.h"
#include "base/number.h"
#include "base/thread.h"
#include "net/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define FIRST_RETRY_MS 1000
#define STUCK_MS       1000 /* ms that resolver_free waits for a lookup */
#define LOGGED_MAX     8    /* addresses of an answer that a log line shows at most */

struct resolver_name {
	STAILQ_ENTRY(resolver_name) next;
	struct resolver *resolver;
	char *owner;
	char *host;
	uint16_t port;
	/* Guarded by the resolver's lock. */
	struct address_list *answer; /* the last good answer, or NULL */
	uint64_t due;                /* clock_ms() of the next lookup */
	struct backoff retry;        /* the wait after the next failure */
	bool tried;
	struct episode failing;
};

/*
 * Shared by its creator and its thread, because a lookup may outlast resolver_free. The last to leave frees
 * it.
 */
struct resolver {
	uint64_t interval_ms;
	resolver_lookup *lookup;
	void *arg;
	STAILQ_HEAD(, resolver_name) names; /* none is added while the thread runs */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* a name was tried, or stopping or ended was set */
	bool stopping;
	bool ended; /* the thread has only to leave */
	struct refcount references;
};

struct address_list *address_list_new(size_t capacity)
{
	struct address_list *list = calloc(1, sizeof(*list) + capacity * sizeof(list->endpoint[0]));

	if (list)
		refcount_init(&list->references);
	return list;
}

struct address_list *address_list_get(struct address_list *list)
{
	refcount_get(&list->references);
	return list;
}

void address_list_put(struct address_list *list)
{
	if (list && refcount_put(&list->references))
		free(list);
}

struct address_list *address_list_single(const struct endpoint *endpoint)
{
	struct address_list *list = address_list_new(1);

	if (list)
		list->endpoint[list->count++] = *endpoint;
	return list;
}

static bool list_has(const struct address_list *list, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < list->count; i++) {
		if (endpoint_equal(&list->endpoint[i], endpoint))
			return true;
	}
	return false;
}

/* True for the same addresses in any order: name servers rotate theirs from answer to answer. */
static bool list_equal(const struct address_list *one, const struct address_list *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++) {
		if (!list_has(other, &one->endpoint[i]))
			return false;
	}
	return true;
}

/* hosts(5) may list an address twice. It is taken once. */
static struct address_list *list_from(const struct addrinfo *found)
{
	struct address_list *list;
	size_t count = 0;

	for (const struct addrinfo *info = found; info; info = info->ai_next)
		count++;
	list = address_list_new(count);
	if (!list)
		return NULL;
	for (const struct addrinfo *info = found; info; info = info->ai_next) {
		struct endpoint *endpoint = &list->endpoint[list->count];

		endpoint->length = info->ai_addrlen;
		memcpy(&endpoint->any, info->ai_addr, info->ai_addrlen);
		if (!list_has(list, endpoint))
			list->count++;
	}
	return list;
}

const char *resolver_strerror(int error)
{
	return error > 0 ? strerror(error) : gai_strerror(error);
}

/* Without AI_ADDRCONFIG, which would hide the loopback addresses of a machine that is offline. */
struct address_list *resolver_lookup_now(const char *host, uint16_t port, void *arg, int *error)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	struct address_list *list;
	struct addrinfo *found;
	char service[8];
	int r;

	(void)arg;
	snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(host, service, &hints, &found);
	if (r != 0) {
		*error = r == EAI_SYSTEM ? errno : r;
		return NULL;
	}
	list = list_from(found);
	freeaddrinfo(found);
	if (!list)
		*error = EAI_MEMORY;
	return list;
}

static void log_answer(const struct resolver_name *name, const struct address_list *list)
{
	char text[LOGGED_MAX * (INET6_ADDRSTRLEN + 16)] = "";
	char one[ADDRESS_TEXT_MAX];
	size_t length = 0;

	for (size_t i = 0; i < list->count && i < LOGGED_MAX && length < sizeof(text); i++) {
		const struct endpoint *endpoint = &list->endpoint[i];

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? ", " : "",
		                           endpoint_format(&endpoint->any, endpoint->length, one));
	}
	log_notice("%s %s:%u now resolves to %s%s", name->owner, name->host, name->port, text,
	           list->count > LOGGED_MAX ? " and more" : "");
}

static void take_failure(struct resolver_name *name, int error)
{
	if (episode_begin(&name->failing, 0))
		log_warning("%s %s:%u does not resolve: %s%s", name->owner, name->host, name->port,
		            resolver_strerror(error), name->answer ? "; its last addresses stay in use" : "");
	name->due = clock_ms() + backoff_next(&name->retry, name->resolver->interval_ms);
}

/*
 * Takes ownership of list. If the answer has not changed, the old list stays, since others already hold it.
 */
static void take_answer(struct resolver_name *name, struct address_list *list)
{
	bool same = name->answer && list_equal(name->answer, list);
	bool recovers = episode_end(&name->failing);

	if (recovers || (name->answer && !same))
		log_answer(name, list);
	name->due = clock_ms() + name->resolver->interval_ms;
	backoff_reset(&name->retry, min_u64(FIRST_RETRY_MS, name->resolver->interval_ms));
	address_list_put(same ? list : name->answer);
	if (!same)
		name->answer = list;
}

/* Looks name up, with the lock released meanwhile. */
static void refresh(struct resolver *resolver, struct resolver_name *name)
{
	struct address_list *list;
	int error = 0;

	pthread_mutex_unlock(&resolver->lock);
	list = resolver->lookup(name->host, name->port, resolver->arg, &error);
	pthread_mutex_lock(&resolver->lock);
	if (resolver->stopping)
		address_list_put(list); /* the answer is no longer wanted */
	else if (list)
		take_answer(name, list);
	else
		take_failure(name, error);
	name->tried = true;
	pthread_cond_broadcast(&resolver->changed);
}

/* The name to look up next, or NULL if the thread must end. */
static struct resolver_name *next_due(struct resolver *resolver)
{
	struct resolver_name *earliest = NULL;
	struct resolver_name *name;

	STAILQ_FOREACH (name, &resolver->names, next) {
		if (!earliest || name->due < earliest->due)
			earliest = name;
	}
	return resolver->stopping ? NULL : earliest;
}

static void name_free(struct resolver_name *name)
{
	address_list_put(name->answer);
	free(name->owner);
	free(name->host);
	free(name);
}

/* Gives up one reference. The lock is held on entry and is released. */
static void release(struct resolver *resolver)
{
	struct resolver_name *name;
	bool is_last = refcount_put(&resolver->references);

	pthread_mutex_unlock(&resolver->lock);
	if (!is_last)
		return;
	while ((name = STAILQ_FIRST(&resolver->names)) != NULL) {
		STAILQ_REMOVE_HEAD(&resolver->names, next);
		name_free(name);
	}
	pthread_cond_destroy(&resolver->changed);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
}

static void *thread_main(void *arg)
{
	struct resolver *resolver = arg;
	struct resolver_name *name;

	pthread_mutex_lock(&resolver->lock);
	while ((name = next_due(resolver)) != NULL) {
		if (name->due > clock_ms())
			thread_cond_wait(&resolver->changed, &resolver->lock, name->due);
		else
			refresh(resolver, name);
	}
	resolver->ended = true;
	pthread_cond_broadcast(&resolver->changed);
	release(resolver);
	return NULL;
}

struct resolver *resolver_new(uint64_t interval_ms, resolver_lookup *lookup, void *arg)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	if (thread_cond_init(&resolver->changed) != 0) {
		free(resolver);
		return NULL;
	}
	pthread_mutex_init(&resolver->lock, NULL);
	STAILQ_INIT(&resolver->names);
	resolver->interval_ms = interval_ms;
	resolver->lookup = lookup ? lookup : resolver_lookup_now;
	resolver->arg = arg;
	refcount_init(&resolver->references);
	return resolver;
}

struct resolver_name *resolver_add(struct resolver *resolver, const char *owner, const char *host,
                                   uint16_t port)
{
	struct resolver_name *name = calloc(1, sizeof(*name));

	if (!name)
		return NULL;
	name->owner = strdup(owner);
	name->host = strdup(host);
	if (!name->owner || !name->host) {
		name_free(name);
		return NULL;
	}
	name->resolver = resolver;
	name->port = port;
	backoff_reset(&name->retry, min_u64(FIRST_RETRY_MS, resolver->interval_ms));
	STAILQ_INSERT_TAIL(&resolver->names, name, next);
	return name;
}

int resolver_start(struct resolver *resolver)
{
	int r;

	if (STAILQ_EMPTY(&resolver->names))
		return 0;
	refcount_get(&resolver->references); /* for the thread */
	r = thread_start(&resolver->thread, "weir-resolver", thread_main, resolver);
	if (r != 0)
		(void)refcount_put(&resolver->references);
	resolver->started = r == 0;
	return r;
}

static bool all_tried(struct resolver *resolver)
{
	struct resolver_name *name;

	STAILQ_FOREACH (name, &resolver->names, next) {
		if (!name->tried)
			return false;
	}
	return true;
}

void resolver_wait(struct resolver *resolver, uint64_t timeout_ms)
{
	uint64_t deadline = clock_ms() + timeout_ms;

	if (!resolver->started)
		return;
	pthread_mutex_lock(&resolver->lock);
	while (!all_tried(resolver) && thread_cond_wait(&resolver->changed, &resolver->lock, deadline))
		;
	pthread_mutex_unlock(&resolver->lock);
}

struct address_list *resolver_name_get(struct resolver_name *name)
{
	struct address_list *answer;

	pthread_mutex_lock(&name->resolver->lock);
	answer = name->answer ? address_list_get(name->answer) : NULL;
	pthread_mutex_unlock(&name->resolver->lock);
	return answer;
}

/*
 * Waits for the thread. If a lookup takes too long, the thread is left alone and ends when the lookup does.
 */
static void end_thread(struct resolver *resolver)
{
	uint64_t deadline = clock_ms() + STUCK_MS;
	bool ended;

	pthread_mutex_lock(&resolver->lock);
	resolver->stopping = true;
	pthread_cond_broadcast(&resolver->changed);
	while (!resolver->ended && thread_cond_wait(&resolver->changed, &resolver->lock, deadline))
		;
	ended = resolver->ended;
	pthread_mutex_unlock(&resolver->lock);
	if (ended)
		pthread_join(resolver->thread, NULL);
	else
		pthread_detach(resolver->thread);
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	if (resolver->started)
		end_thread(resolver);
	pthread_mutex_lock(&resolver->lock);
	release(resolver);
}
