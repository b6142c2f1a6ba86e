/*
 * All generations that live: the one in force, and those before it that pairs still hold. Each has a number,
 * so that what is handed over to a program that takes over can name it. Main thread.
 */
#ifndef WEIR_GENERATIONS_H
#define WEIR_GENERATIONS_H

#include "relay/generation.h"
#include "report/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generations {
	/* private */
	struct generation_list all; /* oldest first */
	uint64_t last;              /* the number of the newest one so far */
};

void generations_init(struct generations *generations);
/* It gets the next number. It leaves when it is freed. */
void generations_add(struct generations *generations, struct generation *generation);
/* The same of one that was restored; no reference is taken. NULL: there is none. */
struct relay *generations_find_relay(const struct generations *generations, uint64_t number,
                                     const char *name);
/* The generation with this number, or NULL. */
struct generation *generations_find(const struct generations *generations, uint64_t number);

/* As text, with the numbers. current is in force; it is one of them. */
void generations_save(const struct generations *generations, const struct generation *current,
                      struct state_writer *writer);

/* What restoring takes: see generation_new. */
struct generations_making {
	struct standings *standings;
	struct resolver *resolver;
	struct mailbox *mailbox;
};

/*
 * Makes those that were saved, with their numbers, and configures the standings of their relays, which are
 * there already or are made. Each has a reference of its own until generations_let_go, so that those that
 * hold them can be restored. *current is the one in force, with a reference more, which is the caller's. It
 * has no entrances yet. 0 or -errno.
 */
int generations_restore(struct generations *generations, const struct generations_making *making,
                        struct state_reader *reader, struct generation **current);
/* What was restored, if anything, lives for as long as somebody holds it. Once. */
void generations_let_go(struct generations *generations);

/*
 * The settings of the generation in force, from the beginning of all that was saved. Nothing else is taken. A
 * reference, or NULL.
 */
struct config *generations_find_config(struct state_reader *reader);

/*
 * Whether what a file says now is what the generation was made of, so that there is nothing to reload. False
 * when out of memory, too.
 */
bool generation_is_of(const struct generation *generation, const struct config *config);

#endif
