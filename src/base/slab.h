/*
 * Objects of one size in units of a pool. Nothing else is in these units, so nothing that was allocated in
 * between keeps the memory of freed objects. A slab belongs to one thread; its pool may be shared.
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

/* Without a pool (NULL), or when it has nothing left, objects come from malloc(3). */
void slab_init(struct slab *slab, struct pool *pool, size_t size);
/* A zeroed object, or NULL when out of memory. */
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *object);

#endif
