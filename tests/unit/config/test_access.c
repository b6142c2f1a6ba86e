/* mode=, owner= and group= behind a unix path to listen on. */
#include "build_config.h"

#include "config/config_stage.h"

#include <string.h>

#define PATH    "unix:/tmp/weir-access"
#define LISTEN  RELAY "listen = "
#define NAMES   "; expected the name of one that exists, or a number\n"
#define REFUSED "; expected " EXPECT_LISTEN "\n"

static const struct {
	const char *words, *printed; /* NULL: the same */
	struct unix_access access;
} good[] = {
        {"", NULL, {0}},
        {" mode=660", NULL, {.has_mode = true, .mode = 0660}},
        {" mode=0660", " mode=660", {.has_mode = true, .mode = 0660}},
        {" mode=0", " mode=000", {.has_mode = true}},
        {" mode=777", NULL, {.has_mode = true, .mode = 0777}},
        {" owner=root", NULL, {.has_owner = true}},
        {" owner=0", NULL, {.has_owner = true}},
        {" group=4294967294", NULL, {.has_group = true, .group = 4294967294}},
        {" group=daemon", NULL, {.has_group = true, .group = 1}},
        {"\t group=0 \t owner=1  mode=7",
         " mode=007 owner=1 group=0",
         {.has_mode = true, .mode = 7, .has_owner = true, .owner = 1, .has_group = true}},
};

START_TEST(words_after_a_path)
{
	const struct unix_access *wanted = &good[_i].access, *got;
	char text[256], line[256], *printed;
	struct config *config;

	snprintf(text, sizeof(text), LISTEN PATH "%s\n", good[_i].words);
	config = load_good(text);
	got = &config->relays[0].listen[1].access;
	ck_assert(got->has_mode == wanted->has_mode && got->mode == wanted->mode);
	ck_assert(got->has_owner == wanted->has_owner && got->owner == wanted->owner);
	ck_assert(got->has_group == wanted->has_group && got->group == wanted->group);
	printed = print(config);
	snprintf(line, sizeof(line), "\nlisten = " PATH "%s\n",
	         good[_i].printed ? good[_i].printed : good[_i].words);
	ck_assert_ptr_nonnull(strstr(printed, line));
	config_put(config);
	config_put(load_good(printed));
	free(printed);
}
END_TEST

static const struct {
	const char *text, *expected;
} bad[] = {
        {LISTEN PATH " mode=\n", "FILE:4: listen: \"" PATH " mode=\" has a mode that is not octal" REFUSED},
        {LISTEN PATH " mode=u+w\n",
         "FILE:4: listen: \"" PATH " mode=u+w\" has a mode that is not octal" REFUSED},
        {LISTEN PATH " mode=668\n",
         "FILE:4: listen: \"" PATH " mode=668\" has a mode that is not octal" REFUSED},
        {LISTEN PATH " mode=1000\n", "FILE:4: listen: \"" PATH " mode=1000\" has a mode over 777" REFUSED},
        {LISTEN PATH " mode=77777777777777777777777\n",
         "FILE:4: listen: \"" PATH " mode=77777777777777777777777\" has a mode over 777" REFUSED},
        {LISTEN PATH " mode=6 mode=6\n", "FILE:4: listen: \"" PATH " mode=6 mode=6\" has two modes" REFUSED},
        {LISTEN PATH " owner=0 owner=0\n",
         "FILE:4: listen: \"" PATH " owner=0 owner=0\" has two owners" REFUSED},
        {LISTEN PATH " group=0 group=0\n",
         "FILE:4: listen: \"" PATH " group=0 group=0\" has two groups" REFUSED},
        {LISTEN PATH " owner=\n", "FILE:4: listen: \"" PATH " owner=\" has a name that is not valid" REFUSED},
        {LISTEN PATH " owner=" FIFTY FIFTY FIFTY FIFTY FIFTY TEN "\n",
         "FILE:4: listen: \"" PATH " owner=" FIFTY FIFTY FIFTY FIFTY FIFTY TEN
         "\" has a name that is too long" REFUSED},
        {LISTEN PATH " 660\n",
         "FILE:4: listen: \"" PATH " 660\" has a word after it that is not known" REFUSED},
        {LISTEN PATH " user=0\n",
         "FILE:4: listen: \"" PATH " user=0\" has a word after it that is not known" REFUSED},
        {LISTEN "unix:@name mode=660\n",
         "FILE:4: listen: \"unix:@name mode=660\" has words after it, which are for a unix path" REFUSED},
        {LISTEN "*:80 mode=660\n",
         "FILE:4: listen: \"*:80 mode=660\" has words after it, which are for a unix path" REFUSED},
        {LISTEN "name.example:80 owner=root\n", "FILE:4: listen: \"name.example:80 owner=root\" has words "
                                                "after it, which are for a unix path" REFUSED},
        {LISTEN "x mode=660\n", "FILE:4: listen: \"x mode=660\" is not an address" REFUSED},
        {RELAY "target = " PATH " mode=660\n",
         "FILE:4: target: \"" PATH
         " mode=660\" has a word after it that is not known; expected " EXPECT_TARGET "\n"},
        {LISTEN PATH " owner=no-such-user group=no-such-group\n",
         "FILE:4: listen: \"" PATH "\": user \"no-such-user\" does not exist" NAMES "FILE:4: listen: \"" PATH
         "\": group \"no-such-group\" does not exist" NAMES},
        {LISTEN PATH " owner=4294967295\n",
         "FILE:4: listen: \"" PATH "\": user \"4294967295\" does not exist" NAMES},
        {LISTEN PATH " group=99999999999999999999999\n",
         "FILE:4: listen: \"" PATH "\": group \"99999999999999999999999\" does not exist" NAMES},
        /* the words are no part of the address */
        {LISTEN PATH " mode=660\nlisten = " PATH " mode=600\n",
         "FILE:5: duplicate listening address \"" PATH "\"; the first is in line 4\n"},
};

START_TEST(words_that_are_refused)
{
	ck_assert_ptr_null(load(bad[_i].text));
	ck_assert_str_eq(errors_text(), bad[_i].expected);
}
END_TEST

/* A directory service may start later. A mode that is no number stays one. */
START_TEST(user_may_be_there_later)
{
	ck_assert_ptr_null(load(LISTEN PATH " owner=no-such-user\n"));
	ck_assert(errors.may_pass);
	config_errors_deinit(&errors);
	ck_assert_ptr_null(load(LISTEN PATH " owner=no-such-user\nlisten = " PATH "x mode=8\n"));
	ck_assert(!errors.may_pass);
}
END_TEST

START_TEST(out_of_memory)
{
	load_without_memory(LISTEN PATH " mode=660 owner=root group=root\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tcase = tcase_create("access");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, words_after_a_path, 0, COUNT(good));
	tcase_add_loop_test(tcase, words_that_are_refused, 0, COUNT(bad));
	tcase_add_test(tcase, user_may_be_there_later);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
