/* Text from outside: what is refused and what is replaced. */
#include "build_config.h"

#include "base/printable.h"
#include "unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* text has length bytes; line and word are what becomes of it. control: where its first one is. */
static const struct {
	const char *text, *line, *word;
	size_t length, control;
	unsigned code;
} samples[] = {
#define SAMPLE(text, control, code, line, word)                                                              \
	{                                                                                                    \
		text, line, word, sizeof(text) - 1, control, code                                            \
	}
        SAMPLE("plain ~", 7, 0, "plain ~", "plain?~"), SAMPLE("", 0, 0, "", ""),
        SAMPLE("a\tb", 3, 0, "a?b", "a?b"), SAMPLE("a\0b", 1, 0, "a?b", "a?b"),
        SAMPLE("a\n", 1, 0x0a, "a?", "a?"), SAMPLE("\x1b[1m", 0, 0x1b, "?[1m", "?[1m"),
        SAMPLE("a\x1f", 1, 0x1f, "a?", "a?"), SAMPLE("a\x7f", 1, 0x7f, "a?", "a?"),
        /* C1 */
        SAMPLE("a\xc2\x80", 1, 0x80, "a??", "a??"),
        SAMPLE("\xc3\xa4\xc2\x9b"
               "1m",
               2, 0x9b, "\xc3\xa4??1m", "????1m"),
        SAMPLE("\xc2\x9f", 0, 0x9f, "??", "??"), SAMPLE("\xc2\xa0", 2, 0, "\xc2\xa0", "??"),
        SAMPLE("a\x9b"
               "1m",
               1, 0x9b, "a?1m", "a?1m"),
        /* the same bytes within characters */
        SAMPLE("\xc3\x9b", 2, 0, "\xc3\x9b", "??"), SAMPLE("\xe2\x80\x93", 3, 0, "\xe2\x80\x93", "???"),
        SAMPLE("\xf0\x9f\x98\x80", 4, 0, "\xf0\x9f\x98\x80", "????"),
        SAMPLE("\xf4\x8f\xbf\xbf", 4, 0, "\xf4\x8f\xbf\xbf", "????"),
        /* not UTF-8 */
        SAMPLE("\xff\xe4 b", 4, 0, "?? b", "???b"), SAMPLE("\xc3", 1, 0, "?", "?"),
        SAMPLE("\xe2\x82", 1, 0x82, "??", "??"), SAMPLE("\xe2\xa2z", 3, 0, "??z", "??z"),
        SAMPLE("\xc0\x8a", 1, 0x8a, "??", "??"),                      /* a newline, longer than needed */
        SAMPLE("\xe0\x82\x9b", 1, 0x82, "???", "???"),                /* a C1 character, the same */
        SAMPLE("\xed\xa0\xaf", 3, 0, "???", "???"),                   /* half of a pair of UTF-16 */
        SAMPLE("\xf4\xa0\xa0\xa0\xf8\xaf", 6, 0, "??????", "??????"), /* beyond Unicode */
};

START_TEST(sample_is_judged)
{
	char text[16] = "";
	unsigned code = 0;
	size_t length = samples[_i].length;

	ck_assert_uint_eq(printable_find_control(samples[_i].text, length, &code), samples[_i].control);
	if (samples[_i].control < length)
		ck_assert_uint_eq(code, samples[_i].code);
	memcpy(text, samples[_i].text, length);
	printable_line(text, length);
	ck_assert_str_eq(text, samples[_i].line);
	memcpy(text, samples[_i].text, length);
	printable_word(text, length);
	ck_assert_str_eq(text, samples[_i].word);
}
END_TEST

/* Bytes after the text are not looked at. */
START_TEST(character_that_is_cut_off_is_replaced)
{
	char text[] = "ab\xe2\x80\x93";

	printable_line(text, 4);
	ck_assert_str_eq(text, "ab??\x93");
}
END_TEST

START_TEST(word_reads_back)
{
	ck_assert(printable_is_word("/run/\xc3\xa4\xff\xe4/x"));
	ck_assert(!printable_is_word("/run/a b"));
	ck_assert(!printable_is_word("/run/a\tb"));
	ck_assert(!printable_is_word("/run/a\nb"));
	ck_assert(!printable_is_word("/run/a\xc2\x85"));
	ck_assert(!printable_is_word("/run/a\x7f"));
}
END_TEST

static void check_byte(int byte, size_t at)
{
	char text[20], expected[20];

	memset(text, 'a', sizeof(text));
	memset(expected, 'a', sizeof(expected));
	text[at] = (char)byte;
	expected[at] = (char)(byte < ' ' || byte >= 0x7f ? '?' : byte);
	printable_line(text, sizeof(text));
	ck_assert_mem_eq(text, expected, sizeof(text));
}

START_TEST(one_byte_among_plain_ones_is_judged)
{
	for (int byte = 0; byte <= UCHAR_MAX; byte++)
		for (size_t at = 0; at < 20; at++)
			check_byte(byte, at);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("printable");
	TCase *tcase = tcase_create("printable");

	tcase_add_loop_test(tcase, sample_is_judged, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_test(tcase, character_that_is_cut_off_is_replaced);
	tcase_add_test(tcase, one_byte_among_plain_ones_is_judged);
	tcase_add_test(tcase, word_reads_back);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
