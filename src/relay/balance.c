#include "build_config.h"

#include "relay/balance.h"

#include "base/hash.h"

#include <math.h>
#include <string.h>

static bool may_be_chosen(const struct seat *seat)
{
	return seat->weight > 0 && !seat->skipped;
}

/* The average of those that are there and were not away. */
static int64_t level(const struct seat *seats, size_t count, enum turns turns)
{
	int64_t sum = 0, present = 0;

	for (size_t i = 0; i < count; i++)
		if (seats[i].weight > 0 && !seats[i].away) {
			sum += seats[i].current[turns];
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
	int64_t now[TURNS];
	bool known = false;

	for (size_t i = 0; i < count; i++) {
		if (!is_back(&seats[i]))
			continue;
		for (enum turns turns = 0; !known && turns < TURNS; turns++)
			now[turns] = level(seats, count, turns);
		known = true;
		memcpy(seats[i].current, now, sizeof(now));
	}
	for (size_t i = 0; i < count; i++)
		seats[i].away = seats[i].weight == 0;
}

/* A client that has tried one of them has had its first choice. */
static enum turns turns_of(const struct seat *seats, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (seats[i].skipped)
			return OTHER_CHOICE;
	return FIRST_CHOICE;
}

/*
 * What its pairs would be with one more. Those that have none are alike, whatever their weight: otherwise the
 * heaviest would get every client of a relay that is not busy.
 */
static uint64_t load_of(const struct seat *seat)
{
	return seat->pairs > 0 ? seat->pairs + 1 : 0;
}

/* Below, at or above 0, as one has less, as much or more for its weight than the other. */
static int compare_loads(const struct seat *one, const struct seat *other)
{
	uint64_t a = load_of(one) * other->weight, b = load_of(other) * one->weight;

	return (a > b) - (a < b);
}

static const struct seat *find_idlest(const struct seat *seats, size_t count)
{
	const struct seat *idlest = NULL;

	for (size_t i = 0; i < count; i++)
		if (may_be_chosen(&seats[i]) && (!idlest || compare_loads(&seats[i], idlest) < 0))
			idlest = &seats[i];
	return idlest;
}

/* Among all that may be chosen, or those that are as idle as idlest. What all gain, the chosen loses. */
static size_t take_turn(struct seat *seats, size_t count, const struct seat *idlest)
{
	const enum turns turns = turns_of(seats, count);
	size_t chosen = count;
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		struct seat *seat = &seats[i];

		if (!may_be_chosen(seat) || (idlest && compare_loads(seat, idlest) != 0))
			continue;
		seat->current[turns] += seat->weight;
		sum += seat->weight;
		if (chosen == count || seat->current[turns] > seats[chosen].current[turns])
			chosen = i;
	}
	if (chosen < count)
		seats[chosen].current[turns] -= sum;
	return chosen;
}

/* Exponentially distributed: the least of several belongs to each as often as its weight says. */
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
