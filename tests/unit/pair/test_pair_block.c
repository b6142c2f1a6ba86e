/*
 * Sides that block each other. tests/verdict has real ones. Here the sockets are real, but what is held, and
 * what TCP knows of either peer, is made up.
 */
#include "build_config.h"

#include "pair/pair_stage.h"

static struct tcp_state tcp[SIDES];
static struct pair *pair;
static unsigned asked;

struct tcp_state __wrap_tcp_state(int fd);
struct tcp_state __wrap_tcp_state(int fd)
{
	asked++;
	return tcp[fd == pair->client.fd ? SIDE_CLIENT : SIDE_TARGET];
}

static void note(enum hold up, enum hold down, uint64_t now)
{
	const enum hold hold[DIRECTIONS] = {up, down};

	waits_note(&pair->waits, now, hold, 0);
}

/* Both sources are paused since so many milliseconds ago, the upload's first. */
static void block_since(uint64_t ms)
{
	uint64_t since = clock_us() - ms * 1000;

	waits_begin(&pair->waits, since, 0, 0);
	note(HOLD_HIGH, HOLD_NONE, since);
	note(HOLD_HIGH, HOLD_HIGH, since);
	pair->block = (struct block_look){.wait = 0};
}

/* Only what is tested here sets the pair's timer. */
static void join_both(void)
{
	begin(TEXTS("idle_timeout=0", "half_close_timeout=0", "stall_timeout=0", "vanish_timeout=0"));
	join();
	meet_open(target);
	pair = only_pair();
	asked = 0;
	tcp[SIDE_CLIENT] = tcp[SIDE_TARGET] =
	        (struct tcp_state){.known = true, .acknowledged = 1000, .room = 0, .received = 5000};
}

static enum direction blocker(void)
{
	return waits_window(&pair->waits, clock_us()).blocker;
}

/* A look that is due now, after which the timer waits as long as the block has lasted by then. */
static void look(void)
{
	pair->block.at -= pair->block.wait;
	pair_block_look(pair);
}

START_TEST(sides_that_do_not_block_each_other_are_not_looked_at)
{
	ck_assert(pair_block_next(pair) == PAIR_NEVER);
	pair_block_look(pair);
	block_since(1000);
	pair->phase = PHASE_FAILING;
	ck_assert(pair_block_next(pair) == PAIR_NEVER);
	pair_block_look(pair);
	pair->phase = PHASE_OPEN;
	note(HOLD_HIGH, HOLD_NONE, clock_us());
	ck_assert(pair_block_next(pair) == PAIR_NEVER);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(looks_come_ever_more_rarely)
{
	uint64_t due, now;

	block_since(0);
	now = clock_ms();
	due = pair_block_next(pair);
	ck_assert_uint_ge(due, now + 200);
	ck_assert_uint_le(due, clock_ms() + 200);
	ck_assert_uint_eq(pair_block_next(pair), due);
	pair_block_look(pair); /* it is not due yet */
	ck_assert_uint_eq(asked, 0);
	block_since(60000);
	pair_block_next(pair);
	look();
	ck_assert_uint_eq(asked, 2);
	ck_assert_uint_ge(pair_block_next(pair), now + 60000);
	ck_assert_uint_le(pair_block_next(pair), clock_ms() + 60000 + (clock_ms() - now));
	look();
	ck_assert_uint_eq(asked, 4);
	note(HOLD_HIGH, HOLD_NONE, clock_us());
	ck_assert(pair_block_next(pair) == PAIR_NEVER);
	note(HOLD_HIGH, HOLD_HIGH, clock_us());
	ck_assert_uint_le(pair_block_next(pair), clock_ms() + 200);
}
END_TEST

START_TEST(timer_looks)
{
	block_since(0);
	ck_assert_int_eq(pair_arm_timer(pair), 0);
	ck_assert_uint_le(timer_due(&pair->timer), clock_ms() + 200);
	/* It settles, and finds that neither flow is held. */
	LOOP_UNTIL(base, timer_due(&pair->timer) == TIMERS_NEVER);
	ck_assert_uint_eq(asked, 2);
	ck_assert(pair_block_next(pair) == PAIR_NEVER);
}
END_TEST

/* _i: that side. The other one does nothing, or has room for what it still says. */
START_TEST(side_that_takes_some_and_says_nothing_acts_on_its_own)
{
	enum side other = side_opposite((enum side)_i);

	block_since(1000);
	pair_block_next(pair);
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
	tcp[other].room += 1000;
	tcp[other].received++;
	tcp[_i].acknowledged += 10;
	look();
	ck_assert_int_eq(blocker(), direction_opposite((enum direction)_i));
	tcp[other].room += 1000;
	look();
	ck_assert_int_eq(blocker(), (enum direction)_i);
	tcp[_i].room++;
	pair_block_note(pair, tcp, clock_us()); /* a dump */
	ck_assert_int_eq(blocker(), direction_opposite((enum direction)_i));
}
END_TEST

/* Its kernel had room for more; that its program reads would move the end of its window. */
START_TEST(what_only_fills_its_buffer_was_not_taken)
{
	block_since(1000);
	tcp[SIDE_CLIENT].room = 5000;
	pair_block_next(pair);
	look();
	tcp[SIDE_CLIENT].acknowledged += 5000;
	tcp[SIDE_CLIENT].room = 0;
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
	tcp[SIDE_CLIENT].room = 1;
	look();
	ck_assert_int_eq(blocker(), DOWNLOAD);
}
END_TEST

START_TEST(if_both_take_some_it_is_not_known_whose_sake_that_was_for)
{
	block_since(1000);
	pair_block_next(pair);
	look();
	tcp[SIDE_CLIENT].acknowledged++;
	tcp[SIDE_TARGET].acknowledged++;
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
}
END_TEST

/* _i: of which it is not known. */
START_TEST(what_the_kernel_does_not_tell_tells_nothing)
{
	uint64_t *const of_client[] = {&tcp[SIDE_CLIENT].acknowledged, &tcp[SIDE_CLIENT].room,
	                               &tcp[SIDE_CLIENT].received};

	block_since(1000);
	pair_block_next(pair);
	look();
	tcp[SIDE_CLIENT].acknowledged++;
	*of_client[_i] = TCP_UNKNOWN;
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
}
END_TEST

/* What was taken since then may have ended that one. */
START_TEST(look_at_an_earlier_block_tells_nothing)
{
	unsigned likely;

	block_since(1000);
	pair_block_next(pair);
	look();
	note(HOLD_HIGH, HOLD_SINK, clock_us());
	note(HOLD_HIGH, HOLD_HIGH, clock_us());
	likely = pair->waits.blocks.likely;
	pair->block.at -= 10;
	tcp[likely & 1U << UPLOAD ? SIDE_CLIENT : SIDE_TARGET].acknowledged++; /* it would be the other one */
	pair_block_note(pair, tcp, clock_us());
	ck_assert_uint_eq(pair->waits.blocks.likely, likely);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_block");
	TCase *tcase = make_case("block");

	tcase_add_checked_fixture(tcase, join_both, NULL);
	tcase_add_test(tcase, sides_that_do_not_block_each_other_are_not_looked_at);
	tcase_add_test(tcase, looks_come_ever_more_rarely);
	tcase_add_test(tcase, timer_looks);
	tcase_add_loop_test(tcase, side_that_takes_some_and_says_nothing_acts_on_its_own, 0, SIDES);
	tcase_add_test(tcase, what_only_fills_its_buffer_was_not_taken);
	tcase_add_test(tcase, if_both_take_some_it_is_not_known_whose_sake_that_was_for);
	tcase_add_loop_test(tcase, what_the_kernel_does_not_tell_tells_nothing, 0, 3);
	tcase_add_test(tcase, look_at_an_earlier_block_tells_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
