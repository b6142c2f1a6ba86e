/* What is reported about pairs. */
#include "build_config.h"

#include "base/number.h"
#include "pair/pair_stage.h"

/* ---- dump ---- */

START_TEST(dump_outlives_the_pairs_in_it)
{
	struct pair_record *records;
	char text[ADDRESS_TEXT_MAX];
	int client[4];
	size_t count = 0;

	begin(NULL);
	for (int i = 0; i < 4; i++) {
		client[i] = join();
		meet_open(target);
	}
	records = begin_survey(&count);
	ck_assert_ptr_nonnull(records);
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(records[0].id, 4);
	ck_assert_int_eq(records[0].state, STATE_OPEN);
	ck_assert_str_eq(
	        endpoint_format(&records[0].target.first->any, records[0].target.first->length, text),
	        relays_address(target));
	ck_assert_int_eq(records[0].client.in.sin_family, AF_INET);
	ck_assert_uint_eq(records[0].client.in.sin_port, LIST_FIRST(&set.pairs)->ticket.client.in.sin_port);
	ck_assert(pair_survey_measure(&set, 1));
	reset(client[3]); /* measured already */
	reset(client[1]); /* not yet */
	LOOP_UNTIL(base, set.count == 2);
	join(); /* comes too late */
	ck_assert(pair_survey_measure(&set, 1));
	ck_assert(!pair_survey_measure(&set, 100));
	ck_assert_ptr_null(set.survey);
	pair_records_free(records, count);
	for (int i = 0; i < 2; i++) { /* and once more */
		records = begin_survey(&count);
		ck_assert_uint_eq(count, 3);
		ck_assert(!pair_survey_measure(&set, 3));
		pair_records_free(records, count);
	}
}
END_TEST

START_TEST(dump_tells_queues_and_states)
{
	struct pair_record *records;
	size_t count = 0;
	int client, server;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	records = begin_survey(&count);
	ck_assert_uint_eq(count, 1);
	ck_assert(!pair_survey_measure(&set, 1));
	ck_assert_int_eq(records->state, STATE_HALF_CLOSED);
	ck_assert_uint_eq(records->flow[UPLOAD].queued, only_pair()->client.from.queued);
	ck_assert_int_eq(records->flow[UPLOAD].reading, READING_PAUSED);
	ck_assert_int_eq(records->flow[UPLOAD].limited_by, BLAME_TARGET);
	ck_assert_int_eq(records->flow[DOWNLOAD].reading, READING_ENDED);
	ck_assert_uint_gt(records->flow[UPLOAD].source_queue, 0);
	ck_assert_uint_gt(records->flow[UPLOAD].sink_queue, 0);
	pair_records_free(records, count);
}
END_TEST

START_TEST(dump_tells_each_state)
{
	struct pair_record record;
	int client;

	open_relay(TEXTS(relays_address(silent())), NULL);
	join();
	record = dump_newest();
	ck_assert_int_eq(record.state, STATE_CONNECTING);
	ck_assert_int_eq(record.flow[UPLOAD].reading, READING_WAITING);
	ck_assert_int_eq(record.flow[DOWNLOAD].reading, READING_WAITING);
	ck_assert_uint_eq(record.flow[DOWNLOAD].source_queue + record.flow[UPLOAD].sink_queue, 0);
	pair_set_shutdown(&set);
	begin(TEXTS("high_watermark=64K"));
	client = join();
	shutdown(client, SHUT_WR);
	assert_ends(meet_open(target), LOOP_FIN, 0);
	ck_assert_int_eq(dump_newest().state, STATE_HALF_CLOSED);
	client = join();
	meet_open(target);
	ck_assert_int_eq(dump_newest().state, STATE_OPEN);
	fill(client, &LIST_FIRST(&set.pairs)->client.from);
	reset(client);
	LOOP_UNTIL(base, pair_peer_failed(&LIST_FIRST(&set.pairs)->client));
	ck_assert_int_eq(dump_newest().state, STATE_CLOSING);
}
END_TEST

START_TEST(sink_queue_of_a_unix_socket_is_unknown)
{
	struct pair_record record;
	int client, listener = listen_abstract(16);

	open_relay(TEXTS(relays_address(listener)), NULL);
	client = join();
	meet(listener);
	ck_assert_uint_eq(loop_send(client, 0, 10), 10);
	LOOP_UNTIL(base, only_pair()->client.from.bytes == 10);
	record = dump_newest();
	ck_assert_uint_eq(record.flow[UPLOAD].sink_queue, RECORD_UNKNOWN);
	ck_assert_uint_eq(record.flow[DOWNLOAD].sink_queue, 0); /* the client came over TCP */
}
END_TEST

START_TEST(dump_without_memory)
{
	struct pair_record *records;
	size_t count = 0;

	begin(NULL);
	join();
	fault_set(FAULT_MEMORY, (size_t)_i, ENOMEM);
	records = begin_survey(&count);
	ck_assert_ptr_null(records);
	ck_assert_ptr_null(set.survey);
	dump_newest();
}
END_TEST

START_TEST(dump_of_nothing)
{
	struct pair_record *records;
	size_t count = 1;

	begin(NULL);
	records = begin_survey(&count);
	ck_assert_ptr_nonnull(records);
	ck_assert_uint_eq(count, 0);
	ck_assert(!pair_survey_measure(&set, 64));
	pair_records_free(records, count);
}
END_TEST

START_TEST(dump_is_given_up_with_the_set)
{
	struct pair_record *records;
	size_t count = 0;

	begin(NULL);
	join();
	records = begin_survey(&count);
	ck_assert_uint_eq(count, 1);
	pair_records_free(records, count);
}
END_TEST

/* What a relay's record shows in addition to what ended pairs have left. */
START_TEST(living_pairs_are_counted_for_their_relay)
{
	struct relay_record record = {.counters = {.bytes = {7, 8}}};
	const struct flow *up;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	meet_open(target);
	up = &only_pair()->client.from;
	fill(client, up);
	add_pairs(up->pauses->since + 1000, &record);
	ck_assert_uint_eq(record.pairs, 1);
	ck_assert_uint_eq(record.counters.bytes[UPLOAD], 7 + up->bytes);
	ck_assert_uint_eq(record.counters.bytes[DOWNLOAD], 8);
	ck_assert_uint_eq(record.counters.pauses[UPLOAD], up->pauses->count);
	ck_assert_uint_eq(record.counters.paused_ms[UPLOAD], up->pauses->total_ms + 1000);
}
END_TEST

static unsigned pairs_by_verdict(const struct relay_record *sums)
{
	unsigned pairs = 0;

	for (int slow = 0; slow < BLAMES; slow++)
		for (int why = 0; why < WHYS; why++)
			pairs += sums->verdicts[slow][why];
	return pairs;
}

static bool two_targets_are_slow(void)
{
	struct relay_record sums = {0};

	add_pairs(clock_ms(), &sums);
	return sums.verdicts[BLAME_TARGET][WHY_READING] == 2;
}

/* Two targets do not read; one pair has nothing to say. */
START_TEST(sums_are_those_of_the_records)
{
	struct relay_record sums = {0};
	struct pair_record *records;
	uint64_t queued[2];
	size_t count;

	begin(TEXTS("high_watermark=64K"));
	for (int i = 0; i < 3; i++) {
		int client = join();

		meet_open(target);
		if (i < 2)
			fill(client, &LIST_FIRST(&set.pairs)->client.from);
	}
	LOOP_UNTIL(base, two_targets_are_slow());
	records = begin_survey(&count);
	ck_assert_uint_eq(count, 3);
	while (pair_survey_measure(&set, 1))
		;
	add_pairs(clock_ms(), &sums);
	for (int i = 0; i < 2; i++)
		queued[i] = records[1 + i].flow[UPLOAD].queued;
	ck_assert_uint_eq(sums.pairs, survey_sums[0].pairs);
	ck_assert_uint_eq(sums.queued[UPLOAD], queued[0] + queued[1]);
	ck_assert_uint_eq(sums.longest[UPLOAD], max_u64(queued[0], queued[1]));
	ck_assert_uint_eq(sums.verdicts[BLAME_NONE][WHY_IDLE], 1);
	ck_assert_mem_eq(sums.verdicts, survey_sums[0].verdicts, sizeof(sums.verdicts));
	pair_records_free(records, count);
}
END_TEST

START_TEST(pair_that_ends_during_a_survey_is_counted_once)
{
	struct relay_record sums = {0};
	struct report_part part = {.relays = &sums};
	int client[3];

	begin(NULL);
	for (int i = 0; i < 3; i++) {
		client[i] = join();
		meet_open(target);
	}
	ck_assert_int_eq(pair_survey_begin(&set, clock_ms(), REPORT_SUMS, &part), 0);
	ck_assert(pair_survey_measure(&set, 1));
	reset(client[2]); /* asked about already */
	reset(client[1]); /* the next one */
	LOOP_UNTIL(base, set.count == 1);
	while (pair_survey_measure(&set, 1))
		;
	ck_assert_uint_eq(sums.pairs, 3);
	ck_assert_uint_eq(pairs_by_verdict(&sums), 3);
}
END_TEST

START_TEST(every_reason_has_a_word_of_its_own)
{
	for (int one = REASON_NONE; one <= REASON_INTERNAL; one++) {
		ck_assert_ptr_nonnull(reasons[one].name);
		ck_assert_int_eq(reasons[one].clean, one == REASON_EOF);
		for (int other = REASON_NONE; other < one; other++)
			ck_assert_str_ne(reasons[one].name, reasons[other].name);
	}
}
END_TEST

static TCase *dump_case(void)
{
	TCase *tcase = make_case("dump");

	tcase_add_test(tcase, dump_outlives_the_pairs_in_it);
	tcase_add_test(tcase, dump_tells_queues_and_states);
	tcase_add_test(tcase, dump_tells_each_state);
	tcase_add_test(tcase, sink_queue_of_a_unix_socket_is_unknown);
	tcase_add_loop_test(tcase, dump_without_memory, 1, 3);
	tcase_add_test(tcase, dump_of_nothing);
	tcase_add_test(tcase, living_pairs_are_counted_for_their_relay);
	tcase_add_test(tcase, sums_are_those_of_the_records);
	tcase_add_test(tcase, pair_that_ends_during_a_survey_is_counted_once);
	tcase_add_test(tcase, dump_is_given_up_with_the_set);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_records");
	TCase *words = tcase_create("reasons");

	suite_add_tcase(suite, dump_case());
	tcase_add_test(words, every_reason_has_a_word_of_its_own);
	suite_add_tcase(suite, words);
	return unit_run(suite);
}
