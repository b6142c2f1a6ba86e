#include "build_config.h"

#include "relay/origins.h"

#include "net/networks.h"

#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct origin {
	struct in6_addr address; /* see network_of_client */
	uint32_t zone;           /* the interface of a link-local address */
	uint64_t pairs;
};

struct origins {
	pthread_mutex_t lock;
	void *tree; /* of struct origin, by address; tsearch(3) */
	_Atomic uint64_t max;
};

struct origins *origins_new(uint64_t max_per_origin)
{
	struct origins *origins = calloc(1, sizeof(*origins));

	if (!origins)
		return NULL;
	pthread_mutex_init(&origins->lock, NULL);
	atomic_init(&origins->max, max_per_origin);
	return origins;
}

void origins_set_max(struct origins *origins, uint64_t max_per_origin)
{
	atomic_store_explicit(&origins->max, max_per_origin, memory_order_relaxed);
}

uint64_t origins_max(const struct origins *origins)
{
	return atomic_load_explicit(&origins->max, memory_order_relaxed);
}

bool origins_limited(const struct origins *origins)
{
	return origins_max(origins) > 0;
}

void origins_free(struct origins *origins)
{
	if (!origins)
		return;
	tdestroy(origins->tree, free);
	pthread_mutex_destroy(&origins->lock);
	free(origins);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct origin, zone) + sizeof(((const struct origin *)a)->zone));
}

static struct origin key_of(const union client_address *client, unsigned ipv6_prefix)
{
	struct origin key = {.address = network_of_client(client, ipv6_prefix)};

	if (client->any.sa_family == AF_INET6)
		key.zone = client->in6.sin6_scope_id;
	return key;
}

static struct origin *add(struct origins *origins, const struct origin *key)
{
	struct origin *origin = malloc(sizeof(*origin));
	void *node;

	if (!origin)
		return NULL;
	*origin = *key;
	node = tsearch(origin, &origins->tree, compare);
	if (!node) {
		free(origin);
		return NULL;
	}
	return origin;
}

/* max: 0 = no limit */
static bool enter(struct origins *origins, const union client_address *client, unsigned ipv6_prefix,
                  uint64_t max)
{
	struct origin key = key_of(client, ipv6_prefix);
	struct origin *origin;
	bool entered;
	void *node;

	pthread_mutex_lock(&origins->lock);
	node = tfind(&key, &origins->tree, compare);
	origin = node ? *(struct origin **)node : add(origins, &key);
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): the tree owns it, but the analyzer cannot see that */
	entered = origin && (max == 0 || origin->pairs < max);
	if (entered)
		/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): see above */
		origin->pairs++;
	pthread_mutex_unlock(&origins->lock);
	return entered;
}

bool origins_enter(struct origins *origins, const union client_address *client, unsigned ipv6_prefix)
{
	return enter(origins, client, ipv6_prefix, origins_max(origins));
}

bool origins_enter_again(struct origins *origins, const union client_address *client, unsigned ipv6_prefix)
{
	return enter(origins, client, ipv6_prefix, 0);
}

void origins_leave(struct origins *origins, const union client_address *client, unsigned ipv6_prefix)
{
	struct origin key = key_of(client, ipv6_prefix);
	void *node;

	pthread_mutex_lock(&origins->lock);
	node = tfind(&key, &origins->tree, compare);
	if (node) {
		struct origin *origin = *(struct origin **)node;

		if (--origin->pairs == 0) {
			tdelete(&key, &origins->tree, compare);
			free(origin);
		}
	}
	pthread_mutex_unlock(&origins->lock);
}
