#include "build_config.h"

#include "relay/facade.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void facade_init(struct facade *facade, unsigned workers)
{
	*facade = (struct facade){.workers = workers};
	TAILQ_INIT(&facade->all);
}

void facade_deinit(struct facade *facade)
{
	struct entrance *entrance;

	while ((entrance = TAILQ_FIRST(&facade->all))) {
		TAILQ_REMOVE(&facade->all, entrance, entry);
		entrance_close(entrance);
		free(entrance);
	}
}

void facade_begin(struct facade *facade)
{
	facade->round++;
}

bool facade_has(const struct facade *facade, const char *relay)
{
	const struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (strcmp(entrance->relay, relay) == 0)
		return true;
	return false;
}

static bool is_free(const struct entrance *entrance, const struct entrance_key *key)
{
	return entrance->round != entrance->facade->round && entrance->count > 0 &&
	       entrance_key_equal(&entrance->key, key);
}

static struct entrance *find(const struct facade *facade, const struct entrance_key *key, const char *relay)
{
	struct entrance *entrance, *found = NULL;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (is_free(entrance, key)) {
		if (strcmp(entrance->relay, relay) == 0)
			return entrance;
		if (!found)
			found = entrance;
	}
	return found;
}

static int make(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, struct entrance **made)
{
	struct entrance *entrance = malloc(sizeof(*entrance));
	int error;

	if (!entrance)
		return -ENOMEM;
	error = entrance_bind(entrance, key, tuning, facade->workers);
	if (error) {
		free(entrance);
		return error;
	}
	if (entrance->shared)
		entrance->host = facade->next_host++ % facade->workers;
	entrance->facade = facade;
	strncpy(entrance->relay, relay, RELAY_NAME_MAX);
	TAILQ_INSERT_TAIL(&facade->all, entrance, entry);
	*made = entrance;
	return 0;
}

int facade_take(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, struct entrance **taken)
{
	int error = 0;

	*taken = find(facade, key, relay);
	if (!*taken)
		error = make(facade, key, tuning, relay, taken);
	if (error)
		return error;
	(*taken)->round = facade->round;
	(*taken)->references++;
	return 0;
}

void facade_put(struct entrance *entrance)
{
	if (--entrance->references > 0)
		return;
	TAILQ_REMOVE(&entrance->facade->all, entrance, entry);
	entrance_close(entrance);
	free(entrance);
}

const struct entrance *facade_find_overlap(const struct facade *facade, const struct entrance_key *key)
{
	const struct entrance wanted = {.key = *key, .endpoint = key->endpoint};
	const struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (entrance_overlaps(entrance, &wanted))
		return entrance;
	return NULL;
}
