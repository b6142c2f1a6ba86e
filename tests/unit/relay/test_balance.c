/* Whose turn it is, by weight. */
#include "build_config.h"

#include "base/hash.h"
#include "relay/balance.h"
#include "unit.h"

#include <string.h>

#define SEATS 10

static struct seat seats[SEATS];

/* As many seats as there are weights before the first that is negative, each with another key. */
static size_t seat(const int *weights)
{
	size_t count = 0;

	memset(seats, 0, sizeof(seats));
	for (; weights[count] >= 0; count++)
		seats[count] = (struct seat){.key = hash_mix(count + 1), .weight = (unsigned)weights[count]};
	return count;
}

static size_t seat_equals(size_t count)
{
	const int ones[SEATS + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1};

	seat(ones);
	return count;
}

static size_t choose(enum balance balance, size_t count)
{
	return balance_choose(balance, seats, count, 0);
}

/* ---- a sequence for each ---- */

/* Each choice is a client that stays (keeps) or has gone before the next. */
static const struct {
	enum balance balance;
	int weights[SEATS];
	bool keeps;
	const char *chosen; /* '-': none */
} sequences[] = {
        {BALANCE_ROUND_ROBIN, {1, 1, 1, -1}, true, "abcabc"},
        {BALANCE_ROUND_ROBIN, {5, 1, 1, -1}, true, "aabacaaaabacaa"},
        {BALANCE_ROUND_ROBIN, {500, 100, 100, -1}, true, "aabacaaaabacaa"},
        {BALANCE_ROUND_ROBIN, {3, 2, -1}, true, "ababaababa"},
        {BALANCE_ROUND_ROBIN, {2, 0, 1, -1}, true, "acaaca"},
        {BALANCE_ROUND_ROBIN, {0, 0, -1}, true, "--"},
        {BALANCE_ROUND_ROBIN, {7, -1}, true, "aaa"},
        {BALANCE_ROUND_ROBIN, {-1}, true, "-"},
        {BALANCE_LEAST_CONNECTIONS, {1, 1, 1, -1}, true, "abccba"},
        {BALANCE_LEAST_CONNECTIONS, {2, 1, -1}, true, "abaabaaab"},
        {BALANCE_LEAST_CONNECTIONS, {4, 0, 2, -1}, true, "acaacaaac"},
        {BALANCE_LEAST_CONNECTIONS, {1, 1, 1, -1}, false, "abcabc"},
        {BALANCE_LEAST_CONNECTIONS, {5, 1, 1, -1}, false, "aabacaaaabacaa"},
        {BALANCE_LEAST_CONNECTIONS, {0, -1}, true, "-"},
        {BALANCE_SOURCE, {0, 3, 0, -1}, true, "bbb"},
        {BALANCE_SOURCE, {0, 0, -1}, true, "-"},
        {BALANCE_SOURCE, {-1}, true, "-"},
};

START_TEST(sequence)
{
	size_t count = seat(sequences[_i].weights);
	char chosen[32] = "";

	for (size_t i = 0; i < strlen(sequences[_i].chosen); i++) {
		size_t next = choose(sequences[_i].balance, count);

		chosen[i] = next == count ? '-' : (char)('a' + (int)next);
		if (next < count && sequences[_i].keeps)
			seats[next].pairs++;
	}
	ck_assert_str_eq(chosen, sequences[_i].chosen);
}
END_TEST

/* ---- turns ---- */

/* One client: seats that fail are tried at most once. The one that served it, or count. */
static size_t serve(size_t count, const bool *fails, unsigned *tried)
{
	size_t next = choose(BALANCE_ROUND_ROBIN, count);

	while (next < count && fails[next]) {
		tried[next]++;
		seats[next].skipped = true;
		next = choose(BALANCE_ROUND_ROBIN, count);
	}
	for (size_t i = 0; i < count; i++)
		seats[i].skipped = false;
	return next;
}

/* Nor evenly, where weights differ. */
START_TEST(clients_of_a_seat_that_fails_spread_by_weight)
{
	static const int weights[][SEATS] = {{5, 3, 2, -1}, {1, 8, 1, -1}, {7, 5, 4, 3, 2, -1}};
	const bool fails[SEATS] = {true};
	unsigned served[SEATS + 1] = {0}, tried[SEATS] = {0}, sum = 0;
	const int *mine = weights[_i];
	size_t count = seat(mine);

	for (size_t i = 1; i < count; i++)
		sum += (unsigned)mine[i];
	for (unsigned i = 0; i < 1000 * sum; i++)
		served[serve(count, fails, tried)]++;
	for (size_t i = 1; i < count; i++) {
		ck_assert_uint_ge(served[i], 1000 * (unsigned)mine[i] - 5);
		ck_assert_uint_le(served[i], 1000 * (unsigned)mine[i] + 5);
	}
}
END_TEST

/* What a client did not get goes to all others, not to the next in line. */
START_TEST(clients_of_a_seat_that_fails_spread_evenly)
{
	static const int weights[][SEATS] = {{1, 1, 1, 1, -1}, {5, 1, 1, 1, -1}, {1, 3, 3, 3, -1}};
	const bool fails[SEATS] = {true};
	unsigned served[SEATS + 1] = {0}, tried[SEATS] = {0};
	const int *mine = weights[_i];
	int sum = mine[0] + 3 * mine[1];
	size_t count = seat(mine);

	for (int i = 0; i < 10000; i++)
		served[serve(count, fails, tried)]++;
	ck_assert_uint_ge(tried[0], 10000u * (unsigned)mine[0] / (unsigned)sum - 1);
	ck_assert_uint_le(tried[0], 10000u * (unsigned)mine[0] / (unsigned)sum + 1);
	for (size_t i = 1; i < count; i++) {
		ck_assert_uint_ge(served[i], 3331);
		ck_assert_uint_le(served[i], 3335);
	}
	ck_assert_uint_eq(served[count], 0);
}
END_TEST

START_TEST(nobody_is_left_when_all_were_skipped)
{
	const bool fails[SEATS] = {true, true, true};
	unsigned tried[SEATS] = {0};

	ck_assert_uint_eq(serve(seat_equals(3), fails, tried), 3);
	ck_assert(tried[0] == 1 && tried[1] == 1 && tried[2] == 1);
}
END_TEST

/* Not even after a long time, and wherever it was when it left. */
START_TEST(seat_that_comes_back_has_no_burst)
{
	size_t count = seat_equals(4), last = count;
	unsigned chosen[SEATS] = {0};

	for (int i = 0; i < _i; i++)
		choose(BALANCE_ROUND_ROBIN, count);
	seats[1].weight = 0;
	for (int i = 0; i < 1001; i++)
		ck_assert_uint_ne(choose(BALANCE_ROUND_ROBIN, count), 1);
	seats[1].weight = 1;
	for (int i = 0; i < 40; i++) {
		size_t next = choose(BALANCE_ROUND_ROBIN, count);

		ck_assert_uint_ne(next, last);
		chosen[next]++;
		last = next;
	}
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_ge(chosen[i], 9);
		ck_assert_uint_le(chosen[i], 11);
	}
}
END_TEST

/* When it left, there were many others. So it was far behind, for a turn among many. */
START_TEST(seat_that_comes_back_to_few_does_not_wait_long)
{
	size_t count = seat_equals(SEATS);
	unsigned chosen[SEATS] = {0};

	ck_assert_uint_eq(choose(BALANCE_ROUND_ROBIN, count), 0);
	for (size_t i = 0; i < SEATS; i++)
		seats[i].weight = i == 1;
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(choose(BALANCE_ROUND_ROBIN, count), 1);
	seats[0].weight = 1;
	for (int i = 0; i < 4; i++)
		chosen[choose(BALANCE_ROUND_ROBIN, count)]++;
	ck_assert_uint_eq(chosen[0], 2);
	ck_assert_uint_eq(chosen[1], 2);
}
END_TEST

/* It leaves whenever it was chosen, so always as the one that is least ahead. */
START_TEST(seat_that_flaps_gets_its_turns_while_it_is_there)
{
	size_t count = seat_equals(3);
	unsigned chosen[SEATS] = {0};

	for (int i = 0; i < 9000; i++) {
		size_t next = choose(BALANCE_ROUND_ROBIN, count);

		chosen[next]++;
		seats[0].weight = next == 0 ? 0 : i % 3 == 0 ? 1 : seats[0].weight;
	}
	ck_assert_uint_ge(chosen[0], 1400);
	ck_assert_uint_le(chosen[0], 3000);
	ck_assert_uint_le(chosen[1], chosen[2] + 1500);
	ck_assert_uint_le(chosen[2], chosen[1] + 1500);
}
END_TEST

/* ---- least connections ---- */

START_TEST(the_one_with_the_fewest_pairs_by_weight)
{
	const int weights[] = {300, 100, 100, -1};
	size_t count = seat(weights);

	seats[0].pairs = 10;
	seats[1].pairs = 3;
	seats[2].pairs = 4;
	ck_assert_uint_eq(choose(BALANCE_LEAST_CONNECTIONS, count), 0); /* 11/3 of 4 and 5 */
	seats[0].pairs = 12;
	ck_assert_uint_eq(choose(BALANCE_LEAST_CONNECTIONS, count), 1);
	seats[1].skipped = true;
	ck_assert_uint_eq(choose(BALANCE_LEAST_CONNECTIONS, count), 0); /* 13/3 of 5 */
	seats[2].pairs = 0;
	ck_assert_uint_eq(choose(BALANCE_LEAST_CONNECTIONS, count), 2);
}
END_TEST

/* ---- by origin ---- */

#define ORIGINS 50000

static size_t choose_for(size_t count, uint64_t origin)
{
	return balance_choose(BALANCE_SOURCE, seats, count, origin);
}

START_TEST(origins_spread_by_weight)
{
	const int weights[] = {100, 200, 300, 400, -1};
	size_t count = seat(weights);
	unsigned chosen[SEATS + 1] = {0};

	for (uint64_t origin = 0; origin < ORIGINS; origin++)
		chosen[choose_for(count, origin)]++;
	for (size_t i = 0; i < count; i++) {
		unsigned fair = ORIGINS / 1000 * (unsigned)weights[i];

		ck_assert_uint_ge(chosen[i], fair - fair / 50);
		ck_assert_uint_le(chosen[i], fair + fair / 50);
	}
}
END_TEST

START_TEST(seat_that_goes_moves_only_its_own_origins)
{
	static unsigned char before[ORIGINS];
	size_t count = seat_equals(SEATS);
	unsigned moved[SEATS + 1] = {0}, all = 0;

	for (uint64_t origin = 0; origin < ORIGINS; origin++)
		before[origin] = (unsigned char)choose_for(count, origin);
	seats[3].weight = 0;
	for (uint64_t origin = 0; origin < ORIGINS; origin++) {
		size_t after = choose_for(count, origin);

		ck_assert(after != 3 && (before[origin] == 3 || after == before[origin]));
		moved[after] += before[origin] == 3;
		all += before[origin] == 3;
	}
	for (size_t i = 0; i < SEATS; i++)
		ck_assert(i == 3 || (moved[i] > all / 10 && moved[i] < all / 8));
	seats[3].weight = 1;
	for (uint64_t origin = 0; origin < ORIGINS; origin++)
		ck_assert_uint_eq(choose_for(count, origin), before[origin]);
}
END_TEST

/* While a seat starts slowly, origins move to it only, and only those that will be its own. */
START_TEST(weight_that_grows_draws_origins_to_itself)
{
	const int weights[] = {1000, 1000, 100, -1};
	size_t count = seat(weights), last, next;

	for (uint64_t origin = 0; origin < ORIGINS / 4; origin++) {
		seats[2].weight = 100;
		last = choose_for(count, origin);
		for (unsigned weight = 200; weight <= 1000; weight += 100) {
			seats[2].weight = weight;
			next = choose_for(count, origin);
			ck_assert(next == last || next == 2);
			last = next;
		}
	}
}
END_TEST

/* A second choice of the same client goes where it would if the first were gone. */
START_TEST(what_an_origin_did_not_get_is_always_the_same)
{
	size_t count = seat_equals(5);

	for (uint64_t origin = 0; origin < 1000; origin++) {
		size_t first = choose_for(count, origin), second, third;

		seats[first].skipped = true;
		second = choose_for(count, origin);
		seats[first].skipped = false;
		seats[first].weight = 0;
		third = choose_for(count, origin);
		seats[first].weight = 1;
		ck_assert_uint_ne(first, second);
		ck_assert_uint_eq(second, third);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("balance");
	TCase *tcase = tcase_create("balance");

	tcase_add_loop_test(tcase, sequence, 0, sizeof(sequences) / sizeof(*sequences));
	tcase_add_loop_test(tcase, clients_of_a_seat_that_fails_spread_evenly, 0, 3);
	tcase_add_loop_test(tcase, clients_of_a_seat_that_fails_spread_by_weight, 0, 3);
	tcase_add_test(tcase, nobody_is_left_when_all_were_skipped);
	tcase_add_loop_test(tcase, seat_that_comes_back_has_no_burst, 0, 4);
	tcase_add_test(tcase, seat_that_comes_back_to_few_does_not_wait_long);
	tcase_add_test(tcase, seat_that_flaps_gets_its_turns_while_it_is_there);
	tcase_add_test(tcase, the_one_with_the_fewest_pairs_by_weight);
	tcase_add_test(tcase, origins_spread_by_weight);
	tcase_add_test(tcase, seat_that_goes_moves_only_its_own_origins);
	tcase_add_test(tcase, weight_that_grows_draws_origins_to_itself);
	tcase_add_test(tcase, what_an_origin_did_not_get_is_always_the_same);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
