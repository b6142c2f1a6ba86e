#include "build_config.h"

#include "base/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16

struct free_object {
	struct free_object *next;
};

/* At the beginning of a unit, in front of its objects. */
struct slab_unit {
	LIST_ENTRY(slab_unit) entry; /* while it is usable */
	struct free_object *free;
	unsigned used;
};

static size_t align(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void slab_init(struct slab *slab, struct pool *pool, size_t size)
{
	slab->pool = pool;
	slab->size = align(size);
	LIST_INIT(&slab->usable);
}

static void put_free(struct slab_unit *unit, void *object)
{
	struct free_object *free = object;

	free->next = unit->free;
	unit->free = free;
}

static struct slab_unit *add_unit(struct slab *slab)
{
	struct slab_unit *unit = slab->pool ? pool_get(slab->pool) : NULL;
	size_t at = align(sizeof(*unit));

	if (!unit)
		return NULL;
	*unit = (struct slab_unit){.free = NULL};
	for (; at + slab->size <= slab->pool->unit; at += slab->size)
		put_free(unit, (char *)unit + at);
	LIST_INSERT_HEAD(&slab->usable, unit, entry);
	return unit;
}

void *slab_get(struct slab *slab)
{
	struct slab_unit *unit = LIST_FIRST(&slab->usable);
	struct free_object *object;

	if (!unit)
		unit = add_unit(slab);
	if (!unit)
		return calloc(1, slab->size);
	object = unit->free;
	unit->free = object->next;
	unit->used++;
	if (!unit->free)
		LIST_REMOVE(unit, entry);
	return memset(object, 0, slab->size);
}

/* A unit that was full goes to the front: the next object goes where there are most already. */
void slab_put(struct slab *slab, void *object)
{
	struct slab_unit *unit;

	if (!slab->pool || !pool_owns(slab->pool, object)) {
		free(object);
		return;
	}
	unit = (struct slab_unit *)((uintptr_t)object & ~(uintptr_t)(slab->pool->unit - 1));
	if (!unit->free)
		LIST_INSERT_HEAD(&slab->usable, unit, entry);
	put_free(unit, object);
	if (--unit->used > 0)
		return;
	LIST_REMOVE(unit, entry);
	pool_put(slab->pool, unit);
}
