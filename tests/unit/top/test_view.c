#include "build_config.h"

#include "faults.h"
#include "report/fields.h"
#include "top/view.h"
#include "top/words.h"
#include "unit.h"

#include <errno.h>

static struct scene scene;
static struct control control;
static struct link link;
static struct canvas canvas;
static char *printed;

static const char report[] =
        "{\"weir\":{\"version\":\"0.1.0\",\"pid\":1,\"uptime_ms\":192000,\"pairs\":1234,\"used\":2048,"
        "\"memory_max\":65536},"
        "\"relay\":[{\"name\":\"web\",\"pairs\":2,\"refused\":3,\"connect_failed\":4,\"upload_queued\":1024,"
        "\"download_queued\":1024,\"upload_longest\":10,\"download_longest\":750,\"upload_high\":1000,"
        "\"download_high\":1000},{\"name\":\"mail\",\"pairs\":1}],"
        "\"target\":[{\"relay\":\"web\",\"target\":\"w:80\",\"address\":\"10.0.0.9:80\",\"state\":\"up\","
        "\"weight\":1},"
        "{\"relay\":\"web\",\"target\":\"w:80\",\"address\":\"10.0.0.8:80\",\"state\":\"down\",\"weight\":1,"
        "\"last_error\":\"ECONNREFUSED\"},"
        "{\"relay\":\"web\",\"target\":\"w:80\",\"address\":\"10.0.0.7:80\",\"state\":\"down\",\"weight\":0}]"
        ","
        "\"pair\":[{\"id\":7,\"relay\":\"web\",\"state\":\"open\",\"client\":\"10.0.0.5:5342\","
        "\"target\":\"10.0.0.9:80\",\"slow\":\"target\",\"why\":\"answer\",\"since_ms\":3200,\"age_ms\":"
        "192000,"
        "\"last_from\":\"client\",\"waited_client\":20,\"waited_target\":930,"
        "\"flow\":[{\"queued\":800,\"high\":1000,\"low\":500,\"paused\":450,\"lag_ms\":320,\"rtt_us\":410,"
        "\"rwnd\":980,\"retrans\":2,\"unanswered_ms\":0},{\"queued\":0,\"high\":1000,\"low\":500,\"lag_ms\":"
        "null,"
        "\"retrans\":0,\"unanswered_ms\":0}]},"
        "{\"id\":8,\"relay\":\"mail\",\"client\":\"10.0.0.6:1\",\"target\":\"-\",\"slow\":\"none\","
        "\"why\":\"idle\",\"since_ms\":60000}]}";

static void set_up(void)
{
	ck_assert_int_eq(scene_parse(report, strlen(report), &scene), 0);
	scene.relays[0].rate[UPLOAD] = 1536;
	scene.relays[0].rate[DOWNLOAD] = SCENE_UNKNOWN;
	control = (struct control){.quits = false};
	link = (struct link){.where = "127.0.0.1:9347", .reached = true, .now = "12:00:00"};
}

static void clean_up(void)
{
	scene_deinit(&scene);
	canvas_deinit(&canvas);
	free(printed);
	printed = NULL;
}

static void draw(int width, int height)
{
	size_t length;
	FILE *out;

	canvas_deinit(&canvas);
	free(printed);
	ck_assert_int_eq(canvas_init(&canvas, width, height, true), 0);
	view_draw(&canvas, &scene, &control, &link);
	out = open_memstream(&printed, &length);
	canvas_print(&canvas, out);
	fclose(out);
}

static void expect_has(const char *text)
{
	ck_assert_msg(strstr(printed, text) != NULL, "'%s' is not in\n%s", text, printed);
}

static void expect_lacks(const char *text)
{
	ck_assert_msg(strstr(printed, text) == NULL, "'%s' is in\n%s", text, printed);
}

START_TEST(all_of_it)
{
	draw(80, 20);
	ck_assert_str_eq(printed,
	                 " weir 0.1.0  up 3m12s  1234 pairs, 2 here  queues 2.0K of 64K    127.0.0.1:9347\n"
	                 "RELAY PAIRS SLOW C/T/R  UP/s DOWN/s QUEUED  FULL TARGETS FAILED REFUSED BYTES/s\n"
	                 "web       2      -/-/-  1.5K      -   2.0K   75%     1/2      4       3\n"
	                 "mail      1      -/-/-     0      0      -     -     0/0      -       -\n"
	                 "PAIR RELAY CLIENT        TARGET       UP/s DOWN/s QUEUED SLOW                FOR\n"
	                 "   7 web   10.0.0.5:5342 10.0.0.9:80     0      0    800 target answer      3.2s\n"
	                 "   8 mail  10.0.0.6:1    -               0      0      - idle              1m00s\n"
	                 "\n\n\n\n\n\n\n"
	                 "pair 7  web  10.0.0.5:5342 -> 10.0.0.9:80  open, 3m12s old\n"
	                 "The target owes an answer. For 3.2s. Last heard from: client.\n"
	                 "Of the last seconds, 2% was waiting for the client and 93% for the target.\n"
	                 "up     800 [###|##  ] 1000   paused 45% shut 98% lag 320ms rtt 0.41ms resent 2\n"
	                 "down     0 [   |    ] 1000\n"
	                 " q:quit ?:help s:by wait tab:all /:find t:targets space:hold\n");
}
END_TEST

START_TEST(counts_targets_that_get_clients)
{
	draw(80, 24);
	expect_has(" 1/2 ");
	for (int x = 0; x < 80; x++)
		if (canvas_at(&canvas, 2, x)->character == L'/' &&
		    canvas_at(&canvas, 2, x - 1)->character == L'1')
			ck_assert_int_eq(canvas_at(&canvas, 2, x)->style, STYLE_ALARM);
	expect_has(" 0/0 "); /* of none, none is missing */
}
END_TEST

/* Half a number would be another number. */
START_TEST(facts_are_whole)
{
	draw(60, 20);
	expect_has(" lag 320ms\n");
	draw(57, 20);
	expect_has(" shut 98% resent 2\n");
}
END_TEST

START_TEST(targets)
{
	control.shows_targets = true;
	draw(80, 24);
	expect_has("10.0.0.8:80 down");
	expect_has("ECONNREFUSED");
	expect_lacks("REFUSED FAILED");
}
END_TEST

START_TEST(one_relay)
{
	control.filter = (struct filter){"mail", true};
	draw(80, 24);
	expect_has("\npair 8  mail  10.0.0.6:1 -> -");
	expect_lacks("10.0.0.5:5342");
	expect_has(" tab:mail ");
	ck_assert_int_eq(canvas_at(&canvas, 2, 0)->style, STYLE_FAINT);
	ck_assert_int_eq(canvas_at(&canvas, 3, 0)->style, STYLE_PLAIN);
}
END_TEST

START_TEST(no_pairs)
{
	control.filter = (struct filter){"none", false};
	draw(80, 24);
	expect_has("no pairs of these relays");
	scene.pair_count = 0;
	draw(80, 24);
	expect_has("\nno pairs\n");
}
END_TEST

/* The pairs are left out, and come again. */
START_TEST(no_memory)
{
	ck_assert_int_eq(canvas_init(&canvas, 80, 24, true), 0);
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	view_draw(&canvas, &scene, &control, &link);
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	ck_assert_int_eq(canvas_init(&(struct canvas){.width = 0}, 80, 24, true), -ENOMEM);
	fault_set(FAULT_MEMORY, 0, 0);
	draw(80, 24);
	expect_has("10.0.0.5:5342");
}
END_TEST

START_TEST(unreachable)
{
	strcpy(link.error, "Connection refused");
	strcpy(link.since, "11:59:01");
	draw(80, 24);
	expect_has(" 127.0.0.1:9347 not reachable since 11:59:01: Connection refused\n");
	expect_has("10.0.0.5:5342"); /* what was known last */
	ck_assert_int_eq(canvas_at(&canvas, 0, 79)->style, STYLE_ALARM);
}
END_TEST

START_TEST(not_reached_yet)
{
	link.reached = false;
	draw(80, 24);
	expect_has(" asking 127.0.0.1:9347\n");
	expect_lacks("RELAY");
}
END_TEST

START_TEST(help_and_typing)
{
	control.shows_help = true;
	draw(80, 24);
	expect_has("Any key goes back.");
	expect_lacks("10.0.0.5");
	control.shows_help = false;
	control.types = true;
	strcpy(control.typed, "we");
	draw(80, 24);
	expect_has(" relay: we_ ");
}
END_TEST

/* Every size that a terminal may have, with every number of relays that there is room for or not. */
START_TEST(any_size)
{
	for (int height = 1; height < 40; height++)
		for (int width = 1; width < 140; width += 3) {
			control.shows_targets = width % 2;
			draw(width, height);
			ck_assert_int_ge((int)control.page, 1);
		}
}
END_TEST

START_TEST(prints)
{
	FILE *out;
	size_t length;

	ck_assert_int_eq(canvas_init(&canvas, 80, view_height(&scene), true), 0);
	view_print(&canvas, &scene, &control, &link);
	out = open_memstream(&printed, &length);
	canvas_print(&canvas, out);
	fclose(out);
	expect_has("10.0.0.5:5342");
	expect_has("10.0.0.6:1");
	expect_has("\nmail ");
	expect_lacks("q:quit");
	expect_lacks("pair 7");
	for (int y = 0; y < canvas.height; y++)
		ck_assert_int_ne(canvas_at(&canvas, y, 0)->style, STYLE_SELECTED);
}
END_TEST

static const struct {
	const char *slow, *why, *sentence;
} sentences[] = {
        {"client", "reading", "The client reads too slowly."},
        {"target", "path", "The path between weir and the target is slow."},
        {"relay", "memory", "The memory for queues is short."},
        {"none", "idle", "Nobody is slow."},
        {"moon", "new", "slow=moon why=new"},
};

START_TEST(words)
{
	struct scene_pair pair = {.id = 1};
	char text[100];

	strcpy(pair.slow, sentences[_i].slow);
	strcpy(pair.why, sentences[_i].why);
	verdict_sentence(&pair, text, sizeof(text));
	ck_assert_str_eq(text, sentences[_i].sentence);
}
END_TEST

/* Each word that weir may say has a sentence. */
START_TEST(all_words)
{
	for (int why = 0; why < WHYS; why++) {
		struct pair_record record = {.verdict = {BLAME_CLIENT, (enum why)why}};
		struct scene_pair pair = {.id = 1};
		char text[100];
		struct value value;

		for (const struct field *field = pair_kind.fields; field->name; field++)
			if (strcmp(field->name, "why") == 0) {
				field_get(field, &record, &value);
				strcpy(pair.why, value.word);
			}
		verdict_sentence(&pair, text, sizeof(text));
		ck_assert_msg(strchr(text, '=') == NULL, "%s", text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("view");
	TCase *tcase = tcase_create("view");

	tcase_add_checked_fixture(tcase, set_up, clean_up);
	tcase_add_test(tcase, all_of_it);
	tcase_add_test(tcase, counts_targets_that_get_clients);
	tcase_add_test(tcase, facts_are_whole);
	tcase_add_test(tcase, targets);
	tcase_add_test(tcase, one_relay);
	tcase_add_test(tcase, no_pairs);
	tcase_add_test(tcase, no_memory);
	tcase_add_test(tcase, unreachable);
	tcase_add_test(tcase, not_reached_yet);
	tcase_add_test(tcase, help_and_typing);
	tcase_add_test(tcase, any_size);
	tcase_add_test(tcase, prints);
	tcase_add_loop_test(tcase, words, 0, sizeof(sentences) / sizeof(sentences[0]));
	tcase_add_test(tcase, all_words);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
