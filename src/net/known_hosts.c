/* What a resolver knows of its hosts, for the resolver of another program. */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/resolver_private.h"

#include <errno.h>

/* One that is being looked up was due before: the other program does so again. */
static uint64_t next_due(const struct host *host)
{
	const uint64_t hurried = max_u64(clock_ms(), host->began + HURRY_GAP_MS);

	if (host->due == UINT64_MAX)
		return clock_ms();
	return message_is_posted(&host->hurry) ? min_u64(host->due, hurried) : host->due;
}

void resolver_each_known(struct resolver *resolver, known_host_visit *visit, void *arg)
{
	const struct host *host;

	STAILQ_FOREACH (host, &resolver->hosts, next) {
		const struct known_host known = {
		        .name = host->name,
		        .interval_ms = host->interval_ms,
		        .answer = host->answer,
		        .began = host->began,
		        .ended = host->ended,
		        .due = next_due(host),
		        .retry_ms = host->retry.wait,
		        .tried = host->tried,
		        .slow = host->slow,
		        .failing = host->failing.told,
		        .logged = host->failing.logged,
		};

		if (!TAILQ_EMPTY(&host->names))
			visit(arg, &known);
	}
}

static void take_over(struct host *host, const struct known_host *known)
{
	host->interval_ms = known->interval_ms;
	host->answer = known->answer ? address_list_get(known->answer) : NULL;
	host->shared = known->answer != NULL;
	host->began = known->began;
	host->ended = known->ended;
	host->retry.wait = known->retry_ms;
	host->tried = known->tried;
	host->slow = known->slow;
	host->failing.told = known->failing;
	host->failing.logged = known->logged;
	host->kept = true;
}

int resolver_know(struct resolver *resolver, const struct known_host *known)
{
	struct host *host;

	if (host_find(resolver, known->name))
		return -EEXIST;
	host = host_new(resolver, known->name);
	if (!host)
		return -ENOMEM;
	take_over(host, known);
	if (resolving_go_on(host, known->due) < 0) {
		host_free(host);
		return -ENOMEM;
	}
	STAILQ_INSERT_TAIL(&resolver->hosts, host, next);
	return 0;
}

void resolver_let_go(struct resolver *resolver)
{
	struct host *host = STAILQ_FIRST(&resolver->hosts), *next;

	for (; host; host = next) {
		next = STAILQ_NEXT(host, next);
		if (!host->kept)
			continue;
		host->kept = false;
		if (TAILQ_EMPTY(&host->names))
			host_retire(host);
	}
}
