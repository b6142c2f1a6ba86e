#include "build_config.h"

#include "top/allowance.h"

#include "base/number.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

static struct {
	size_t left;
	int error;
} allowance;

static void *fail(int error)
{
	if (!allowance.error)
		allowance.error = error;
	return NULL;
}

/* The allocator rounds up, so it may take a little more than is left. */
static void *take(size_t size)
{
	void *memory;

	if (size > allowance.left)
		return fail(-EMSGSIZE);
	memory = malloc(size);
	if (!memory)
		return fail(-ENOMEM);
	allowance.left -= min_u64(malloc_usable_size(memory), allowance.left);
	return memory;
}

static void give(void *memory)
{
	if (memory)
		allowance.left += malloc_usable_size(memory);
	free(memory);
}

void allowance_begin(size_t bytes)
{
	allowance.left = bytes;
	allowance.error = 0;
	json_set_alloc_funcs(take, give);
}

int allowance_end(void)
{
	json_set_alloc_funcs(malloc, free);
	return allowance.error;
}
