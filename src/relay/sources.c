#include "build_config.h"

#include "relay/sources.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct source {
	struct in6_addr address; /* IPv4 as mapped; all unix clients count as one source, :: */
	uint64_t pairs;
};

struct sources {
	pthread_mutex_t lock;
	void *tree; /* of struct source, by address; tsearch(3) */
	uint64_t max;
};

struct sources *sources_new(uint64_t max_per_source)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		return NULL;
	pthread_mutex_init(&sources->lock, NULL);
	sources->max = max_per_source;
	return sources;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	tdestroy(sources->tree, free);
	pthread_mutex_destroy(&sources->lock);
	free(sources);
}

static int compare(const void *a, const void *b)
{
	return memcmp(&((const struct source *)a)->address, &((const struct source *)b)->address,
	              sizeof(struct in6_addr));
}

static struct source key_of(const union client_address *client)
{
	struct source key = {.pairs = 0};

	if (client->any.sa_family == AF_INET6) {
		key.address = client->in6.sin6_addr;
	} else if (client->any.sa_family == AF_INET) {
		key.address.s6_addr[10] = key.address.s6_addr[11] = 0xff;
		memcpy(&key.address.s6_addr[12], &client->in.sin_addr, sizeof(client->in.sin_addr));
	}
	return key;
}

static struct source *add(struct sources *sources, const struct source *key)
{
	struct source *source = malloc(sizeof(*source));
	void *node;

	if (!source)
		return NULL;
	*source = *key;
	node = tsearch(source, &sources->tree, compare);
	if (!node) {
		free(source);
		return NULL;
	}
	return source;
}

bool sources_enter(struct sources *sources, const union client_address *client)
{
	struct source key = key_of(client);
	struct source *source;
	bool entered;
	void *node;

	pthread_mutex_lock(&sources->lock);
	node = tfind(&key, &sources->tree, compare);
	source = node ? *(struct source **)node : add(sources, &key);
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): it is in the tree, which the analyzer cannot see */
	entered = source && source->pairs < sources->max;
	if (entered)
		/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): see above */
		source->pairs++;
	pthread_mutex_unlock(&sources->lock);
	return entered;
}

void sources_leave(struct sources *sources, const union client_address *client)
{
	struct source key = key_of(client);
	void *node;

	pthread_mutex_lock(&sources->lock);
	node = tfind(&key, &sources->tree, compare);
	if (node) {
		struct source *source = *(struct source **)node;

		if (--source->pairs == 0) {
			tdelete(&key, &sources->tree, compare);
			free(source);
		}
	}
	pthread_mutex_unlock(&sources->lock);
}
