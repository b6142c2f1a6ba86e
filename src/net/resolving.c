/* Looking up one host, again and again: when, and what its names then get. */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"
#include "net/host.h"
#include "net/resolver_private.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>

#define FIRST_RETRY_MS 1000
#define LOGGED_MAX     8 /* addresses of an answer that a log line shows at most */

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

void resolving_reset_retry(struct host *host)
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
	resolving_reset_retry(host);
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

void resolving_look_up_by(struct host *host, uint64_t due)
{
	if (!host->lookup && due < host->due)
		wait_until(host, due);
}

static int make_timer(struct host *host)
{
	host->timer = event_new(host->resolver->base, -1, 0, on_due, host);
	return host->timer ? 0 : -ENOMEM;
}

int resolving_begin(struct host *host)
{
	if (make_timer(host) < 0)
		return -ENOMEM;
	event_active(host->timer, EV_TIMEOUT, 0);
	return 0;
}

int resolving_go_on(struct host *host, uint64_t due)
{
	if (make_timer(host) < 0)
		return -ENOMEM;
	wait_until(host, due);
	return host->due == due ? 0 : -ENOMEM;
}
