/* A text that several hold, on any thread. The last one to put it frees it. */
#ifndef WEIR_LABEL_H
#define WEIR_LABEL_H

#include "base/refcount.h"

#include <stdlib.h>
#include <string.h>

struct label {
	struct refcount references;
	char text[];
};

/* A copy of text, with one holder. NULL when out of memory. */
static inline struct label *label_new(const char *text)
{
	size_t size = strlen(text) + 1;
	struct label *label = malloc(sizeof(*label) + size);

	if (!label)
		return NULL;
	refcount_init(&label->references);
	memcpy(label->text, text, size);
	return label;
}

static inline struct label *label_get(struct label *label)
{
	refcount_get(&label->references);
	return label;
}

/* Takes NULL. */
static inline void label_put(struct label *label)
{
	if (label && refcount_put(&label->references))
		free(label);
}

#endif
