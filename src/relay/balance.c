#include "build_config.h"

#include "relay/balance.h"

#include "base/hash.h"

#include <math.h>

static bool may_be_chosen(const struct seat *seat)
{
	return seat->weight > 0 && !seat->skipped;
}

/* The average of those that are there and were not away. */
static int64_t level(const struct seat *seats, size_t count)
{
	int64_t sum = 0, present = 0;

	for (size_t i = 0; i < count; i++)
		if (seats[i].weight > 0 && !seats[i].away) {
			sum += seats[i].current;
			present++;
		}
	return present > 0 ? sum / present : 0;
}

static bool is_back(const struct seat *seat)
{
	return seat->weight > 0 && seat->away;
}

/* Where one was when it left could give it a burst now, or no turn for long. */
static void let_back(struct seat *seats, size_t count)
{
	int64_t now = 0;
	bool known = false;

	for (size_t i = 0; i < count; i++) {
		if (is_back(&seats[i]) && !known) {
			now = level(seats, count);
			known = true;
		}
		if (is_back(&seats[i]))
			seats[i].current = now;
	}
	for (size_t i = 0; i < count; i++)
		seats[i].away = seats[i].weight == 0;
}

/* The first of those with the fewest pairs by weight. */
static const struct seat *find_idlest(const struct seat *seats, size_t count)
{
	const struct seat *idlest = NULL;

	for (size_t i = 0; i < count; i++)
		if (may_be_chosen(&seats[i]) && (!idlest || (seats[i].pairs + 1) * idlest->weight <
		                                                    (idlest->pairs + 1) * seats[i].weight))
			idlest = &seats[i];
	return idlest;
}

static bool is_as_idle(const struct seat *seat, const struct seat *idlest)
{
	return (seat->pairs + 1) * idlest->weight == (idlest->pairs + 1) * seat->weight;
}

/* Among all that may be chosen, or those that are as idle as idlest. What one gains in all, the chosen loses. */
static size_t take_turn(struct seat *seats, size_t count, const struct seat *idlest)
{
	size_t chosen = count;
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		struct seat *seat = &seats[i];

		if (!may_be_chosen(seat) || (idlest && !is_as_idle(seat, idlest)))
			continue;
		seat->current += seat->weight;
		sum += seat->weight;
		if (chosen == count || seat->current > seats[chosen].current)
			chosen = i;
	}
	if (chosen < count)
		seats[chosen].current -= sum;
	return chosen;
}

/* Exponentially distributed by weight, so that the least of several belongs to each as often as its weight. */
static double draw(const struct seat *seat, uint64_t origin)
{
	double uniform = ((double)(hash_mix(seat->key ^ origin) >> 11) + 1) * 0x1p-53;

	return -log(uniform) / seat->weight;
}

static size_t draw_lots(const struct seat *seats, size_t count, uint64_t origin)
{
	size_t chosen = count;
	double least = 0;

	for (size_t i = 0; i < count; i++) {
		double lot;

		if (!may_be_chosen(&seats[i]))
			continue;
		lot = draw(&seats[i], origin);
		if (chosen == count || lot < least) {
			chosen = i;
			least = lot;
		}
	}
	return chosen;
}

size_t balance_choose(enum balance balance, struct seat *seats, size_t count, uint64_t origin)
{
	if (balance == BALANCE_SOURCE)
		return draw_lots(seats, count, hash_mix(origin));
	let_back(seats, count);
	return take_turn(seats, count,
	                 balance == BALANCE_LEAST_CONNECTIONS ? find_idlest(seats, count) : NULL);
}
