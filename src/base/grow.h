/* Arrays that grow with what is appended to them. */
#ifndef WEIR_GROW_H
#define WEIR_GROW_H

#include <stddef.h>
#include <stdlib.h>

/*
 * The array with room for one more item than count. It doubles whenever count is a power of two.
 * NULL when out of memory; items is left alone then.
 */
static inline void *array_grow(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count > 0 ? 2 * count : 1, size);
}

#endif
