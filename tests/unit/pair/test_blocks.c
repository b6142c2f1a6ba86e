/* Who holds up both sides while they block each other. What makes a block is the matter of test_waits. */
#include "build_config.h"

#include "pair/blocks.h"
#include "unit.h"

#define SECOND 1000

static struct blocks blocks;

/* The download's source is paused first. */
static void begin(void)
{
	blocks = (struct blocks){.running = 0};
	blocks_note_free(&blocks);
	blocks_note_pause(&blocks, DOWNLOAD, 0, false);
	blocks_note_pause(&blocks, UPLOAD, 0, true);
}

/* After so long this flow's sink takes some, and then its source is paused anew. */
static void end_after(uint64_t time, enum direction direction)
{
	blocks_pass(&blocks, time);
	blocks_end(&blocks, direction);
	blocks_note_pause(&blocks, direction, 0, true);
}

static void assert_blocker(enum direction direction)
{
	ck_assert(blocks_are_known(&blocks));
	ck_assert_int_eq(blocks_blocker(&blocks), direction);
}

START_TEST(without_a_block_there_is_no_blocker)
{
	blocks = (struct blocks){.running = 0};
	ck_assert(!blocks_are_known(&blocks));
	blocks_note_free(&blocks);
	blocks_note_pause(&blocks, UPLOAD, 0, false);
	ck_assert(!blocks_are_known(&blocks));
}
END_TEST

START_TEST(it_is_the_sink_of_the_flow_that_was_paused_first)
{
	begin();
	assert_blocker(DOWNLOAD);
	blocks_pass(&blocks, 3600 * SECOND);
	assert_blocker(DOWNLOAD);
}
END_TEST

/* Two shares of the time are told apart if they are in different quarters of it. */
START_TEST(flow_that_used_to_be_paused_less_tells_more)
{
	static const uint64_t usual[][2] = {{250, 249}, {1000, 749}, {500, 0},  {2000, 0},
	                                    {3, 700},   {749, 750},  {100, 249}};
	static const enum direction blocker[] = {UPLOAD,   UPLOAD,   UPLOAD,  UPLOAD,
	                                         DOWNLOAD, DOWNLOAD, DOWNLOAD};

	blocks = (struct blocks){.running = 0};
	blocks_note_pause(&blocks, DOWNLOAD, usual[_i][0], false);
	blocks_note_pause(&blocks, UPLOAD, usual[_i][1], true);
	assert_blocker(blocker[_i]);
	blocks_note_pause(&blocks, DOWNLOAD, usual[_i][0],
	                  true); /* it was read in between: it is second now */
	assert_blocker(usual[_i][0] / 250 == usual[_i][1] / 250 ? UPLOAD : blocker[_i]);
}
END_TEST

/* It is forgotten with all the rest. */
START_TEST(what_a_flow_used_to_be_is_of_its_last_pause)
{
	blocks = (struct blocks){.running = 0};
	blocks_note_pause(&blocks, DOWNLOAD, 900, false);
	blocks_note_pause(&blocks, DOWNLOAD, 0, false);
	blocks_note_pause(&blocks, UPLOAD, 0, true);
	assert_blocker(DOWNLOAD);
	blocks_note_pause(&blocks, DOWNLOAD, 900, false);
	blocks_note_free(&blocks);
	blocks_note_pause(&blocks, UPLOAD, 0, false);
	blocks_note_pause(&blocks, DOWNLOAD, 0, true);
	assert_blocker(UPLOAD);
}
END_TEST

START_TEST(sink_that_is_seen_to_take_some_is_the_cause_until_a_block_ends)
{
	begin();
	blocks_pass(&blocks, SECOND);
	blocks_note_taker(&blocks, UPLOAD);
	assert_blocker(UPLOAD);
	blocks_pass(&blocks, SECOND);
	blocks_note_taker(&blocks, DOWNLOAD);
	assert_blocker(DOWNLOAD);
	blocks_note_taker(&blocks, UPLOAD);
	blocks_note_no_taker(&blocks);
	assert_blocker(DOWNLOAD);
	blocks_note_taker(&blocks, UPLOAD);
	blocks_note_pause(&blocks, UPLOAD, 0, true); /* who takes some in the next block is not known yet */
	assert_blocker(DOWNLOAD);
	blocks_note_taker(&blocks, UPLOAD);
	end_after(1, DOWNLOAD);
	assert_blocker(DOWNLOAD);
}
END_TEST

/* Just after it has taken some, its own flow was paused later. _i: seconds that a block takes. */
START_TEST(sink_that_ends_blocks_is_their_cause)
{
	begin();
	for (int i = 0; i < 5; i++) {
		end_after((uint64_t)_i * SECOND, DOWNLOAD);
		assert_blocker(DOWNLOAD);
		end_after(10, UPLOAD); /* the target follows */
		assert_blocker(DOWNLOAD);
	}
	end_after((uint64_t)_i * SECOND, DOWNLOAD);
	blocks_pass(&blocks, (uint64_t)_i * SECOND);
	assert_blocker(DOWNLOAD);
	blocks_pass(&blocks, (uint64_t)_i * 10 * SECOND); /* long before, it would have taken some more */
	assert_blocker(UPLOAD);
}
END_TEST

/* _i: whose blocks. It may have been a limit that has ended them. */
START_TEST(what_a_flow_has_ended_may_be_forgotten)
{
	enum direction direction = (enum direction)_i;

	begin();
	end_after(SECOND, direction);
	blocks_forget_ended(&blocks, direction_opposite(direction));
	assert_blocker(direction);
	blocks_forget_ended(&blocks, direction);
	blocks_note_taker(&blocks, direction_opposite(direction));
	assert_blocker(direction_opposite(direction));
}
END_TEST

START_TEST(short_blocks_at_first_do_not_count_for_long)
{
	begin();
	end_after(20, UPLOAD);
	assert_blocker(UPLOAD);
	blocks_note_pause(&blocks, UPLOAD, 0, true);
	blocks_pass(&blocks, 21);
	assert_blocker(DOWNLOAD);
}
END_TEST

START_TEST(cause_may_become_the_other_side)
{
	begin();
	for (int i = 0; i < 100; i++)
		end_after(SECOND, DOWNLOAD);
	for (int i = 0; i < 31; i++)
		end_after(SECOND, UPLOAD);
	assert_blocker(UPLOAD);
}
END_TEST

/* Not even those that take longer than there is room for. */
START_TEST(long_blocks_are_ended_by_somebody_too)
{
	begin();
	for (int i = 0; i < 5; i++)
		end_after(3600 * SECOND, UPLOAD);
	assert_blocker(UPLOAD);
	for (int i = 0; i < 5; i++)
		end_after(3600 * SECOND, DOWNLOAD);
	assert_blocker(DOWNLOAD);
}
END_TEST

START_TEST(once_both_flows_are_free_all_is_forgotten_at_the_next_pause)
{
	begin();
	end_after(SECOND, DOWNLOAD);
	blocks_note_free(&blocks);
	assert_blocker(DOWNLOAD);
	blocks_note_pause(&blocks, UPLOAD, 0, false);
	ck_assert(!blocks_are_known(&blocks));
	blocks_note_pause(&blocks, DOWNLOAD, 0, true);
	assert_blocker(UPLOAD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("blocks");
	TCase *tcase = tcase_create("blocks");

	tcase_add_test(tcase, without_a_block_there_is_no_blocker);
	tcase_add_test(tcase, it_is_the_sink_of_the_flow_that_was_paused_first);
	tcase_add_loop_test(tcase, flow_that_used_to_be_paused_less_tells_more, 0, 7);
	tcase_add_test(tcase, what_a_flow_used_to_be_is_of_its_last_pause);
	tcase_add_test(tcase, sink_that_is_seen_to_take_some_is_the_cause_until_a_block_ends);
	tcase_add_loop_test(tcase, sink_that_ends_blocks_is_their_cause, 1, 3);
	tcase_add_loop_test(tcase, sink_that_ends_blocks_is_their_cause, 60, 61);
	tcase_add_loop_test(tcase, what_a_flow_has_ended_may_be_forgotten, UPLOAD, DIRECTIONS);
	tcase_add_test(tcase, short_blocks_at_first_do_not_count_for_long);
	tcase_add_test(tcase, cause_may_become_the_other_side);
	tcase_add_test(tcase, long_blocks_are_ended_by_somebody_too);
	tcase_add_test(tcase, once_both_flows_are_free_all_is_forgotten_at_the_next_pause);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
