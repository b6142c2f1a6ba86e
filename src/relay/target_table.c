#include "build_config.h"

#include "relay/target_table.h"

#include "base/hash.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* While something starts slowly, its weight is found anew this often. */
#define START_STEP_MS 100
#define WHOLE         1000 /* permille */

/* ---- life ---- */

int target_table_init(struct target_table *table, struct healths *healths, enum balance balance,
                      size_t primaries, size_t backups)
{
	size_t count = primaries + backups;

	table->healths = healths;
	table->balance = balance;
	table->rows = calloc(count, sizeof(*table->rows));
	table->seats = calloc(count, sizeof(*table->seats));
	if (!table->rows || !table->seats)
		return -ENOMEM;
	table->count = count;
	table->primaries = primaries;
	return 0;
}

static void free_addresses(struct addresses *addresses)
{
	for (size_t i = 0; addresses && i < addresses->count; i++)
		health_put(addresses->list[i]);
	free(addresses);
}

void target_table_deinit(struct target_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free_addresses(table->rows[i].addresses);
	free(table->rows);
	free(table->seats);
}

void target_table_describe(struct target_table *table, size_t target, const char *name, unsigned weight)
{
	table->rows[target].weight = weight;
	table->seats[target].key = hash_bytes(name, strlen(name));
}

static struct addresses *new_addresses(size_t capacity)
{
	size_t each = sizeof(struct seat) + sizeof(struct health *);
	struct addresses *addresses = calloc(1, sizeof(*addresses) + capacity * each);

	if (addresses)
		addresses->list = (struct health **)(void *)&addresses->seats[capacity];
	return addresses;
}

static struct addresses *make_addresses(struct healths *healths, struct label *name,
                                        const struct address_list *list)
{
	struct addresses *addresses = new_addresses(list->count);

	for (size_t i = 0; addresses && i < list->count; i++) {
		const struct endpoint *endpoint = &list->endpoint[i];
		struct health *health = healths_get(healths, name, endpoint);

		if (!health) {
			free_addresses(addresses);
			return NULL;
		}
		addresses->seats[i].key = hash_bytes(&endpoint->any, endpoint->length);
		addresses->list[addresses->count++] = health;
	}
	return addresses;
}

int target_table_change(struct target_table *table, size_t target, struct label *name,
                        const struct address_list *list)
{
	struct addresses *addresses = make_addresses(table->healths, name, list), *before;

	if (!addresses)
		return -ENOMEM;
	healths_lock(table->healths);
	before = table->rows[target].addresses;
	table->rows[target].addresses = addresses;
	table->is_weighed = false;
	healths_unlock(table->healths);
	free_addresses(before);
	return 0;
}

/* ---- weights ---- */

/* How much of its weight an address has now. *until: when that changes by itself. */
static unsigned weigh_address(const struct health *health, uint64_t now, uint64_t *until)
{
	unsigned permille;

	switch (health_use(health, now, until)) {
	case USE_DOWN:
		return 0;
	case USE_TRY:
		return WHOLE;
	case USE_UP:
		break;
	}
	permille = health_start_permille(health, now);
	if (permille < WHOLE)
		*until = min_u64(*until, now + START_STEP_MS);
	return permille;
}

/* A target has as much of its weight as the best of its addresses. */
static void weigh_target(struct target_table *table, size_t target, uint64_t now)
{
	const struct target_row *row = &table->rows[target];
	struct addresses *addresses = row->addresses;
	unsigned most = 0;

	for (size_t i = 0; addresses && i < addresses->count; i++) {
		uint64_t until;
		unsigned permille = weigh_address(addresses->list[i], now, &until);

		addresses->seats[i].weight = permille;
		most = permille > most ? permille : most;
		table->due = min_u64(table->due, until);
	}
	table->seats[target].weight = row->weight * most;
}

static void weigh_all(struct target_table *table, uint64_t now)
{
	unsigned epoch = atomic_load(&table->healths->epoch);

	if (table->is_weighed && table->epoch == epoch && now < table->due)
		return;
	table->epoch = epoch;
	table->due = UINT64_MAX;
	table->is_weighed = true;
	for (size_t i = 0; i < table->count; i++)
		weigh_target(table, i, now);
}

static void count_pairs(struct target_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct addresses *addresses = table->rows[i].addresses;
		uint64_t sum = 0;

		for (size_t j = 0; addresses && j < addresses->count; j++)
			sum += addresses->seats[j].pairs = health_pairs(addresses->list[j]);
		table->seats[i].pairs = sum;
	}
}

/* ---- what a client has tried ---- */

/* A target without an address that is left is skipped as well. */
static bool has_none_left(const struct addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (addresses->seats[i].weight > 0 && !addresses->seats[i].skipped)
			return false;
	return true;
}

static void skip_in(struct target_table *table, size_t target, const struct health *health, bool skipped)
{
	struct addresses *addresses = table->rows[target].addresses;
	bool found = false;

	for (size_t i = 0; addresses && i < addresses->count; i++)
		if (addresses->list[i] == health) {
			addresses->seats[i].skipped = skipped;
			found = true;
		}
	if (found)
		table->seats[target].skipped = skipped && has_none_left(addresses);
}

static void skip(struct target_table *table, const struct tried *tried, bool skipped)
{
	for (size_t i = 0; tried && i < tried->count; i++)
		for (size_t j = 0; j < table->count; j++)
			skip_in(table, j, tried->health[i], skipped);
}

/* ---- choosing ---- */

struct choice {
	struct health *health;
	size_t target;
};

/* Among the targets from first to end, those that are up or due to be tried. */
static struct choice choose_among(struct target_table *table, size_t first, size_t end, uint64_t origin)
{
	size_t target = first + balance_choose(table->balance, &table->seats[first], end - first, origin);
	struct addresses *addresses;
	size_t address = 0;

	if (target == end)
		return (struct choice){.health = NULL};
	addresses = table->rows[target].addresses;
	if (addresses->count > 1)
		address = balance_choose(table->balance, addresses->seats, addresses->count, origin);
	return (struct choice){addresses->list[address], target};
}

/* Nobody is refused untried. They take turns: one that is back may be behind others that are not. */
static struct choice choose_down(const struct target_table *table)
{
	struct choice choice = {.health = NULL};
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < table->count; i++) {
		const struct addresses *addresses = table->rows[i].addresses;

		for (size_t j = 0; addresses && j < addresses->count; j++) {
			uint64_t place = health_place(addresses->list[j]);

			if (addresses->seats[j].skipped || place >= first)
				continue;
			first = place;
			choice = (struct choice){addresses->list[j], i};
		}
	}
	if (choice.health)
		health_to_the_end(choice.health);
	return choice;
}

static struct choice choose(struct target_table *table, uint64_t origin)
{
	struct choice choice = choose_among(table, 0, table->primaries, origin);

	if (!choice.health && table->count > table->primaries)
		choice = choose_among(table, table->primaries, table->count, origin);
	return choice.health ? choice : choose_down(table);
}

struct health *target_table_choose(struct target_table *table, const struct tried *tried, uint64_t origin,
                                   uint64_t now, size_t *target)
{
	struct choice choice;

	weigh_all(table, now);
	if (table->balance == BALANCE_LEAST_CONNECTIONS)
		count_pairs(table);
	skip(table, tried, true);
	choice = choose(table, origin);
	skip(table, tried, false);
	*target = choice.target;
	return choice.health;
}

bool target_table_has_other(const struct target_table *table, const struct tried *tried,
                            const struct health *health)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct addresses *addresses = table->rows[i].addresses;

		for (size_t j = 0; addresses && j < addresses->count; j++)
			if (addresses->list[j] != health && health_is_up(addresses->list[j]) &&
			    !tried_has(tried, addresses->list[j]))
				return true;
	}
	return false;
}

bool target_table_is_empty(const struct target_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].addresses)
			return false;
	return true;
}
