/*
 * All generations that live: the one in force, and those before it that pairs still hold. Each has a number,
 * so that what is handed over to a program that takes over can name it. Main thread.
 */
#ifndef WEIR_GENERATIONS_H
#define WEIR_GENERATIONS_H

#include "relay/generation.h"

#include <stdbool.h>
#include <stdint.h>

struct generations {
	/* private */
	struct generation_list all; /* oldest first */
	uint64_t last;              /* the number of the newest one so far */
};

void generations_init(struct generations *generations);
/* It gets the next number. It leaves when it is freed. */
void generations_add(struct generations *generations, struct generation *generation);
/* The relay with this name of the generation with this number, or NULL. No reference is taken. */
struct relay *generations_find_relay(const struct generations *generations, uint64_t number,
                                     const char *name);
/* The generation with this number, or NULL. */
struct generation *generations_find(const struct generations *generations, uint64_t number);

/*
 * Whether what a file says now is what the generation was made of, so that there is nothing to reload. False
 * when out of memory, too.
 */
bool generation_is_of(const struct generation *generation, const struct config *config);

#endif
