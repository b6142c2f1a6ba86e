/*
 * Objects of one size in units of a pool. They share these with nothing else, so memory of objects that are
 * gone is not held by whatever was allocated between them. Belongs to one thread; the pool may be shared.
 */
#ifndef WEIR_SLAB_H
#define WEIR_SLAB_H

#include "base/pool.h"

#include <stddef.h>
#include <sys/queue.h>

struct slab_unit;
LIST_HEAD(slab_units, slab_unit);

struct slab {
	struct pool *pool;
	size_t size;              /* of an object, in bytes */
	struct slab_units usable; /* units with objects in use and room for more */
};

/* Without a pool (NULL), and when that has nothing left, objects are from malloc(3). */
void slab_init(struct slab *slab, struct pool *pool, size_t size);
/* A zeroed object, or NULL when out of memory. */
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *object);

#endif
