/* The limits on a pair's rates, which are its relay's. */
#include "build_config.h"

#include "pair/pair_private.h"

static void limit(struct peer *source, struct standing_rate *rate)
{
	flow_limit_rate(&source->from, &rate->of_pair, &rate->all);
}

void pair_limit_rates(struct pair *pair)
{
	struct standing_rate *rates = pair->relay->standing->rates;

	limit(&pair->client, &rates[UPLOAD]);
	limit(&pair->target, &rates[DOWNLOAD]);
}

void pair_set_limit_rates(struct pair_set *set)
{
	struct pair *pair, *next;

	for (pair = LIST_FIRST(&set->pairs); pair; pair = next) {
		next = LIST_NEXT(pair, entry);
		if (!pair_is_connected(pair))
			continue;
		pair_limit_rates(pair);
		if (pair->client.from.fault || pair->target.from.fault)
			pair_settle(pair);
	}
}
