/* The addresses that one client has tried in this round, so that it tries none twice. */
#ifndef WEIR_TRIED_H
#define WEIR_TRIED_H

#include <stdbool.h>
#include <stddef.h>

struct health;

/* NULL: none yet, which is what nearly all clients have. */
struct tried {
	size_t count;
	struct health *health[]; /* references */
};

/* Adds one. 0, or -ENOMEM: then it has not changed. */
int tried_add(struct tried **tried, struct health *health);
bool tried_has(const struct tried *tried, const struct health *health);
/* Empties it. */
void tried_forget(struct tried **tried);

#endif
