/*
 * The targets of a relay as the balance sees them: the addresses of each, what is known of those, and whose
 * turn it is. Guarded by the lock of the healths, unless something else is said.
 */
#ifndef WEIR_TARGET_TABLE_H
#define WEIR_TARGET_TABLE_H

#include "net/address_list.h"
#include "relay/balance.h"
#include "relay/health.h"
#include "relay/tried.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The addresses of one target. They do not change; others take their place. */
struct addresses {
	size_t count;
	struct health **list; /* references */
	struct seat seats[];  /* one for each */
};

/* One target. */
struct target_row {
	struct addresses *addresses; /* NULL: it has none yet */
	unsigned weight;             /* as configured */
};

struct target_table {
	struct healths *healths;
	enum balance balance;
	size_t count, primaries; /* targets, the primary ones first */
	struct target_row *rows;
	struct seat *seats; /* one for each target */
	/* private: until when the weights of the seats are right */
	bool is_weighed;
	unsigned epoch;
	uint64_t due; /* clock_ms */
};

/* For so many targets, none of which has an address. Zeroed before. 0 or -ENOMEM. Not under the lock. */
int target_table_init(struct target_table *table, struct healths *healths, enum balance balance,
                      size_t primaries, size_t backups);
/* Also takes a zeroed one, or one whose init failed. Not under the lock. */
void target_table_deinit(struct target_table *table);
/* Describes a target, before it has an address. weight is what is configured. */
void target_table_describe(struct target_table *table, size_t target, const char *name, unsigned weight);
/* From now on the target has these addresses. Main thread, not under the lock. 0 or -ENOMEM. */
int target_table_change(struct target_table *table, size_t target, struct label *name,
                        const struct address_list *list);

/*
 * The address to try next, now (clock_ms), and whose target it belongs to. NULL: none is left. It is one that
 * is up or due to be tried, if there is one; a primary one before a backup; otherwise the one that is down
 * for longest.
 */
struct health *target_table_choose(struct target_table *table, const struct tried *tried, uint64_t origin,
                                   uint64_t now, size_t *target);
/* Whether it has any address that is up, but this, and but those that were tried. */
bool target_table_has_other(const struct target_table *table, const struct tried *tried,
                            const struct health *health);
bool target_table_is_empty(const struct target_table *table);

#endif
