#include "build_config.h"

#include "net/lookups.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/jobs.h"
#include "net/host.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

TAILQ_HEAD(lookup_list, lookup);

struct lookup {
	struct job job;
	TAILQ_ENTRY(lookup) entry;
	struct lookups *lookups;
	lookup_done *done; /* NULL: cancelled */
	void *arg;
	bool is_running;
	bool is_slow; /* counts as slow: its name was slow before, or it has become so */
	uint64_t began;
	/* Only the call touches these until it has returned. */
	lookup_call *call;
	void *call_arg;
	struct lookup_answer answer;
	char host[];
};

struct lookups {
	struct jobs *jobs;
	struct event *look; /* finds which are slow by now, and which can begin */
	lookup_call *call;
	void *arg;
	struct lookup_list waiting, running; /* in the order in which they were asked for, or began */
	unsigned quick, slow;                /* running */
	struct lookup_counts counts;
};

/* ---- one call ---- */

const char *lookup_strerror(int error)
{
	return error > 0 ? strerror(error) : gai_strerror(error);
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
		if (!address_list_has(list, endpoint))
			list->count++;
	}
	return list;
}

/* An interface that is not there is no name that is not known. */
static int error_of(int r, const char *host)
{
	if (r == EAI_NONAME && host_has_zone(host))
		return ENODEV;
	return r == EAI_SYSTEM ? errno : r;
}

/* Without AI_ADDRCONFIG, which would hide the loopback addresses of a machine that is offline. */
struct address_list *lookup_now(const char *host, void *arg, int *error)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct address_list *list;
	struct addrinfo *found;
	int r = getaddrinfo(host, NULL, &hints, &found);

	(void)arg;
	if (r != 0) {
		*error = error_of(r, host);
		return NULL;
	}
	list = list_from(found);
	freeaddrinfo(found);
	if (!list)
		*error = EAI_MEMORY;
	return list;
}

static void run_job(struct job *job)
{
	struct lookup *lookup = (struct lookup *)job;

	lookup->answer.list = lookup->call(lookup->host, lookup->call_arg, &lookup->answer.error);
}

static void drop_job(struct job *job)
{
	struct lookup *lookup = (struct lookup *)job;

	address_list_put(lookup->answer.list);
	free(lookup);
}

/* ---- which may run ---- */

static bool is_overdue(const struct lookup *lookup, uint64_t now)
{
	return now >= lookup->began + LOOKUPS_SLOW_MS;
}

/* Look-ups that have become slow make room for quick ones, as far as there is room among the slow. */
static void sort_out_slow(struct lookups *lookups, uint64_t now)
{
	struct lookup *lookup;

	TAILQ_FOREACH(lookup, &lookups->running, entry)
	{
		if (lookup->is_slow || lookups->slow == LOOKUPS_SLOW || !is_overdue(lookup, now))
			continue;
		lookup->is_slow = true;
		lookups->quick--;
		lookups->slow++;
	}
}

static bool may_run(const struct lookups *lookups, const struct lookup *lookup)
{
	return lookup->is_slow ? lookups->slow < LOOKUPS_SLOW : lookups->quick < LOOKUPS_QUICK;
}

static void hand_on(struct lookup *lookup)
{
	struct lookup_counts *counts = &lookup->lookups->counts;

	counts->made++;
	counts->failed += !lookup->answer.list;
	if (lookup->done)
		lookup->done(lookup->arg, &lookup->answer); /* the list is consumed */
	else
		address_list_put(lookup->answer.list);
	free(lookup);
}

static unsigned *count_of(struct lookups *lookups, const struct lookup *lookup)
{
	return lookup->is_slow ? &lookups->slow : &lookups->quick;
}

static void end_job(struct job *job)
{
	struct lookup *lookup = (struct lookup *)job;
	struct lookups *lookups = lookup->lookups;

	TAILQ_REMOVE(&lookups->running, lookup, entry);
	--*count_of(lookups, lookup);
	lookup->answer.slow = is_overdue(lookup, clock_ms());
	event_active(lookups->look, EV_TIMEOUT, 0);
	hand_on(lookup);
}

/* 0 or -errno. */
static int start(struct lookups *lookups, struct lookup *lookup, uint64_t now)
{
	int error;

	lookup->job = (struct job){.run = run_job, .done = end_job, .drop = drop_job};
	error = jobs_submit(lookups->jobs, &lookup->job);
	if (error)
		return error;
	lookup->is_running = true;
	lookup->began = now;
	TAILQ_REMOVE(&lookups->waiting, lookup, entry);
	TAILQ_INSERT_TAIL(&lookups->running, lookup, entry);
	++*count_of(lookups, lookup);
	return 0;
}

static struct lookup *next_to_start(struct lookups *lookups)
{
	struct lookup *lookup;

	TAILQ_FOREACH(lookup, &lookups->waiting, entry)
	if (may_run(lookups, lookup))
		return lookup;
	return NULL;
}

/* Looks again when the next one that runs has become slow. */
static void look_again(struct lookups *lookups, uint64_t now)
{
	struct lookup *lookup;
	struct timeval left;

	TAILQ_FOREACH(lookup, &lookups->running, entry)
	if (!lookup->is_slow && !is_overdue(lookup, now))
		break;
	if (!lookup || TAILQ_EMPTY(&lookups->waiting))
		return;
	left = clock_timeval(lookup->began + LOOKUPS_SLOW_MS - now);
	event_add(lookups->look, &left); /* without memory, the next answer makes room */
}

EVENT_CALLBACK(on_look, struct lookups, lookups)
{
	uint64_t now = clock_ms();
	struct lookup *lookup;

	sort_out_slow(lookups, now);
	while ((lookup = next_to_start(lookups))) {
		int error = start(lookups, lookup, now);

		if (!error)
			continue;
		TAILQ_REMOVE(&lookups->waiting, lookup, entry);
		lookup->answer.error = -error;
		hand_on(lookup);
	}
	look_again(lookups, now);
}

/* ---- for others ---- */

struct lookups *lookups_new(struct event_base *base, lookup_call *call, void *arg)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));

	if (!lookups)
		return NULL;
	lookups->call = call ? call : lookup_now;
	lookups->arg = arg;
	TAILQ_INIT(&lookups->waiting);
	TAILQ_INIT(&lookups->running);
	lookups->look = event_new(base, -1, 0, on_look, lookups);
	lookups->jobs = jobs_new(base, LOOKUPS_QUICK + LOOKUPS_SLOW);
	if (lookups->look && lookups->jobs)
		return lookups;
	lookups_free(lookups);
	return NULL;
}

struct lookup *lookups_begin(struct lookups *lookups, const char *host, bool slow, lookup_done *done,
                             void *arg)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup) + strlen(host) + 1);

	if (!lookup)
		return NULL;
	strcpy(lookup->host, host);
	lookup->lookups = lookups;
	lookup->is_slow = slow;
	lookup->done = done;
	lookup->arg = arg;
	lookup->call = lookups->call;
	lookup->call_arg = lookups->arg;
	TAILQ_INSERT_TAIL(&lookups->waiting, lookup, entry);
	event_active(lookups->look, EV_TIMEOUT, 0);
	return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
	if (!lookup)
		return;
	lookup->done = NULL;
	if (lookup->is_running)
		return;
	TAILQ_REMOVE(&lookup->lookups->waiting, lookup, entry);
	free(lookup);
}

struct lookup_counts lookups_counts(const struct lookups *lookups)
{
	return lookups->counts;
}

void lookups_free(struct lookups *lookups)
{
	struct lookup *lookup;

	if (!lookups)
		return;
	while ((lookup = TAILQ_FIRST(&lookups->waiting)))
		lookup_cancel(lookup);
	jobs_free(lookups->jobs); /* drops those that run */
	evloop_free_event(lookups->look);
	free(lookups);
}
