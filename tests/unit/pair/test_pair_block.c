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
	block_since(5); /* anew since it was planned: sides that do so often are not looked at each time */
	pair_block_next(pair);
	look();
	ck_assert_uint_ge(pair_block_next(pair), now + 200);
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
	pair_verdict(pair, (struct cpu_use){0, 0}); /* a survey */
	ck_assert_int_eq(blocker(), direction_opposite((enum direction)_i));
}
END_TEST

/* It had room for what it said, in its own kernel: now that this is full, it takes no more. */
START_TEST(side_that_does_not_go_on_has_followed)
{
	block_since(1000);
	pair_block_next(pair);
	look();
	tcp[SIDE_CLIENT].acknowledged++;
	look();
	ck_assert_int_eq(blocker(), DOWNLOAD);
	pair_block_note(pair, tcp, clock_us()); /* a dump soon after tells nothing */
	ck_assert_int_eq(blocker(), DOWNLOAD);
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
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
	tcp[SIDE_CLIENT].acknowledged++;
	look();
	tcp[SIDE_CLIENT].acknowledged++;
	tcp[SIDE_TARGET].acknowledged++;
	look();
	ck_assert_int_eq(blocker(), DOWNLOAD);
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
	tcp[SIDE_CLIENT].acknowledged += 10;
	*of_client[_i] = TCP_UNKNOWN;
	look();
	ck_assert_int_eq(blocker(), UPLOAD);
}
END_TEST

/* The search for a target had other fields there. */
START_TEST(pair_begins_without_a_look)
{
	memset(&pair->block, 0xff, sizeof(pair->block));
	pair_waits_begin(pair);
	ck_assert_uint_eq(pair->block.wait, 0);
	ck_assert(!pair->block.looked);
}
END_TEST

/* The first look is only planned; one side has failed; or one has taken some. Then nothing is known. */
START_TEST(before_the_first_look_and_after_the_last_nothing_is_known)
{
	tcp[SIDE_CLIENT].received = 0;
	block_since(1000);
	pair_block_next(pair);
	pair_block_note(pair, tcp, clock_us());
	ck_assert_int_eq(blocker(), UPLOAD);
	look();
	tcp[SIDE_CLIENT].acknowledged++;
	pair->phase = PHASE_FAILING;
	pair_block_note(pair, tcp, clock_us());
	ck_assert_int_eq(blocker(), UPLOAD);
	pair->phase = PHASE_OPEN;
	note(HOLD_HIGH, HOLD_SINK, clock_us());
	pair->block.at = (uint32_t)clock_ms();
	pair_block_note(pair, tcp, clock_us());
	ck_assert_int_eq(pair->waits.blocks.taker, 0);
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
	tcase_add_test(tcase, side_that_does_not_go_on_has_followed);
	tcase_add_test(tcase, what_only_fills_its_buffer_was_not_taken);
	tcase_add_test(tcase, if_both_take_some_it_is_not_known_whose_sake_that_was_for);
	tcase_add_loop_test(tcase, what_the_kernel_does_not_tell_tells_nothing, 0, 3);
	tcase_add_test(tcase, pair_begins_without_a_look);
	tcase_add_test(tcase, before_the_first_look_and_after_the_last_nothing_is_known);
	tcase_add_test(tcase, look_at_an_earlier_block_tells_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
