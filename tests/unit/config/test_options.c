/* The option table and what must agree with it: printing, the samples and the manual. */
#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(references_are_counted)
{
	struct config *config = load_good(RELAY);

	ck_assert_ptr_eq(config_get(config), config);
	config_put(config);
	ck_assert_str_eq(config->relays[0].name, "r"); /* the sanitizer would see a use after free */
	config_put(config);
	config_put(NULL);
}
END_TEST

/* The printed configuration can be loaded, and prints the same again. */
static void check_round_trip(const struct config *config)
{
	char *printed = print(config), *again;
	struct config *reloaded = load_good(printed);

	again = print(reloaded);
	ck_assert_str_eq(again, printed);
	ck_assert_mem_eq(reloaded->relays[0].limits, config->relays[0].limits,
	                 sizeof(config->relays[0].limits));
	config_put(reloaded);
	free(printed);
	free(again);
}

START_TEST(printed_settings_load_back)
{
	struct config *config =
	        load_good("[global]\nworkers = 2\n[defaults]\nupload_high_watermark = 64K\n"
	                  "max_connections = 7\n" RELAY "listen = *:0\nlisten = [::1]:5\n"
	                  "target = unix:@x\n[relay s]\nhigh_watermark = 2M\n"
	                  "listen = unix:/tmp/a\ntarget = db.example.org.:1\ntarget = [::2]:1 weight=100\n"
	                  "backup_target = unix:/tmp/b weight=7\nbackup_target = b:1\n");

	check_round_trip(config);
	config_put(config);
}
END_TEST

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 11) % limit;
}

/* A random valid value as relay.ini spells it. A word in the option's expected text determines its kind. */
static void random_value(const struct option *option, char buf[64])
{
	uint64_t range = option->maximum - option->minimum + 1;
	uint64_t number = option->minimum + random_below(random_below(2) ? range : (range < 9 ? range : 9));
	static const char *const words[] = {"auto",           "off",     "on",          "reset",
	                                    "close",          "text",    "json",        "-",
	                                    "error",          "warning", "debug",       "try",
	                                    "refuse",         "source",  "round_robin", "least_connections",
	                                    "accept",         "data",    "v1",          "v2",
	                                    "/tmp/weir-dump", "none"};
	struct config_relay scratch = {0};

	if (strstr(option->expected, "size"))
		units_format_size(number, buf);
	else if (strstr(option->expected, "duration"))
		units_format_duration(number, buf);
	else if (strstr(option->expected, "number"))
		sprintf(buf, "%" PRIu64, number);
	else if (strstr(option->expected, "path"))
		strcpy(buf, random_below(2) ? "-" : "/tmp/weir-dump");
	else
		do
			strcpy(buf, words[random_below(COUNT(words))]);
		while (option_set(option, &scratch, buf));
	if (option->sections & SECTION_RELAY)
		config_free_relay(&scratch);
}

/* Random settings of one section as text. Low watermarks are small and high ones large, so low < high. */
static size_t random_section(unsigned section, char *text)
{
	size_t length = 0;
	char value[64];

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (!(option->sections & section) || option_repeats(option) || random_below(3) == 0)
			continue;
		if (strstr(option->key, "low_watermark"))
			units_format_size(random_below(1 << 20), value);
		else if (strstr(option->key, "high_watermark"))
			units_format_size((1 << 20) + random_below(1 << 30), value);
		else
			random_value(option, value);
		if (strcmp(option->key, "stall_timeout") == 0 && strcmp(value, "0") == 0)
			strcpy(value, "1s"); /* there may be a min_rate */
		if (strcmp(option->key, "fail_limit") == 0 && strcmp(value, "0") == 0)
			strcpy(value, "1"); /* when_down may be refuse */
		length += (size_t)sprintf(text + length, "%s = %s\n", option->key, value);
	}
	return length;
}

/* Every setting is printed as it was set. All values here are in the form that is printed. */
static void check_lines(const char *text, const char *printed)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		char wanted[256];

		snprintf(wanted, sizeof(wanted), "\n%.*s\n", (int)(strchr(line, '\n') - line), line);
		ck_assert_msg(*line == '[' || strstr(printed, wanted), "%s is missing in\n%s", wanted,
		              printed);
	}
}

START_TEST(random_settings_load_back)
{
	char text[8192], *printed;
	struct config *config;
	size_t length;

	random_state = (uint64_t)_i;
	length = (size_t)sprintf(text, "[global]\n");
	length += random_section(SECTION_GLOBAL, text + length);
	length += (size_t)sprintf(text + length, RELAY);
	random_section(SECTION_RELAY, text + length);
	config = load_good(text);
	printed = print(config);
	check_lines(text, printed);
	free(printed);
	check_round_trip(config);
	config_put(config);
}
END_TEST

static char *read_source(const char *name)
{
	char path[512], *text = calloc(1, TEXT_MAX);
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", SRCDIR, name);
	in = fopen(path, "r");
	ck_assert_msg(in, "no %s", path);
	ck_assert_uint_lt(fread(text, 1, TEXT_MAX - 1, in), TEXT_MAX - 1);
	fclose(in);
	return text;
}

static bool has_line(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool has_line(const char *text, const char *format, ...)
{
	char line[256] = "\n";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + 1, sizeof(line) - 2, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	return strstr(text, line) != NULL;
}

static const char *section_text(const char *text, const char *head)
{
	const char *found = strstr(text, head);

	ck_assert_msg(found, "no %s", head);
	return found;
}

/* The sample and the manual list every option with its default. */
START_TEST(option_is_documented)
{
	const struct option *option = &option_table[_i];
	bool global = option->sections == SECTION_GLOBAL;
	char *sample = read_source("conf/relay.ini"), *manual = read_source("man/relay.ini.5");
	char item[64];
	const char *sample_part = section_text(sample, global ? "\n#[global]\n" : "\n#[defaults]\n");
	const char *manual_part =
	        section_text(manual, global ? "\n.Sh GLOBAL SETTINGS\n" : "\n.Sh RELAY SETTINGS\n");

	if (option->default_text) {
		ck_assert_msg(has_line(sample_part, "#%s = %s", option->key, option->default_text),
		              "conf/relay.ini lacks #%s = %s", option->key, option->default_text);
		ck_assert_msg(
		        has_line(manual_part, ".It Ic %s No = Ar %s", option->key, option->default_text),
		        "man/relay.ini.5 lacks .It Ic %s No = Ar %s", option->key, option->default_text);
	} else {
		ck_assert_msg(strstr(sample_part, option->key), "conf/relay.ini lacks %s", option->key);
		snprintf(item, sizeof(item), "\n.It Ic %s No = Ar ", option->key);
		ck_assert_msg(strstr(manual_part, item), "man/relay.ini.5 lacks %s", item);
	}
	free(sample);
	free(manual);
}
END_TEST

/* One list of keys for each effect, as "\n.It effect\n" and then ".Ic key" in a line of its own. */
static bool is_listed(const char *part, enum option_effect effect, const char *key)
{
	char head[64], line[80], with_comma[80], *list;
	const char *begin, *end, *next;
	bool listed;

	snprintf(head, sizeof(head), "\n.It %s\n", option_effect_name(effect));
	snprintf(line, sizeof(line), "\n.Ic %s\n", key);
	snprintf(with_comma, sizeof(with_comma), "\n.Ic %s ,\n", key);
	begin = section_text(part, head) + strlen(head) - 1;
	end = strstr(begin, "\n.Pp\n");
	next = strstr(begin, "\n.El\n");
	ck_assert_ptr_nonnull(next);
	if (!end || next < end)
		end = next;
	list = strndup(begin, (size_t)(end - begin + 1));
	listed = strstr(list, line) || strstr(list, with_comma);
	free(list);
	return listed;
}

START_TEST(manual_says_when_it_applies)
{
	const struct option *option = &option_table[_i];
	char *manual = read_source("man/relay.ini.5");
	const char *part = section_text(manual, "\n.Sh RELOADING\n");

	for (enum option_effect effect = APPLIES_AT_ONCE; effect <= APPLIES_BY_TAKEOVER; effect++)
		ck_assert_msg(is_listed(part, effect, option->key) == (effect == option->applies),
		              "man/relay.ini.5, RELOADING: %s %s", option->key, option_effect_name(effect));
	free(manual);
}
END_TEST

/* Whoever replaces settings compares such keys, and only in [global]. */
START_TEST(what_needs_a_takeover_can_be_compared)
{
	const struct option *option = &option_table[_i];

	ck_assert_int_ge(option->applies, APPLIES_AT_ONCE);
	if (option->applies == APPLIES_BY_TAKEOVER) {
		ck_assert_uint_eq(option->sections, SECTION_GLOBAL);
		ck_assert(!option_repeats(option) && !strstr(option->expected, "path"));
	}
}
END_TEST

START_TEST(keys_that_need_a_takeover_are_named)
{
	struct config *before = load_good("[global]\nmemory_max = 1M\n" RELAY);
	struct config *same = load_good("[global]\nmemory_max = 2M\nworkers = auto\n" RELAY "splice = off\n");
	struct config *other = load_good("[global]\nworkers = 3\n" RELAY);
	char text[64] = "";

	ck_assert_ptr_null(config_needs_takeover(before, before, text, sizeof(text)));
	ck_assert_ptr_null(config_needs_takeover(before, same, text, sizeof(text)));
	ck_assert_ptr_eq(config_needs_takeover(before, other, text, sizeof(text)), text);
	ck_assert_str_eq(text, "workers");
	config_put(before);
	config_put(same);
	config_put(other);
}
END_TEST

static char *explain(const struct config *config)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	config_explain(config, out);
	fclose(out);
	return text;
}

/* Without its comments it is what config_print writes, and it loads back as it is. */
START_TEST(explained_settings_load_back)
{
	struct config *config =
	        load_good("[global]\nworkers = 2\n" RELAY "listen = *:0\nidle_timeout = 3s\n");
	char *plain = print(config), *explained = explain(config), *again;
	struct config *reloaded = load_good(explained);

	ck_assert(has_line(explained, "# applies by taking over\nworkers = 2"));
	ck_assert(has_line(explained, "# applies at once\nlisten = 127.0.0.1:1\nlisten = *:0"));
	ck_assert(has_line(explained, "# applies to new pairs\nidle_timeout = 3s"));
	ck_assert(has_line(explained, "# applies to new entrances\nfree_bind = off"));
	again = print(reloaded);
	ck_assert_str_eq(again, plain);
	free(again);
	free(plain);
	free(explained);
	config_put(reloaded);
	config_put(config);
}
END_TEST

/* The table has each limit twice, as a number and in words. */
START_TEST(expected_text_names_the_limits)
{
	const struct option *option = &option_table[_i];
	char low[UNITS_TEXT_MAX] = "", high[UNITS_TEXT_MAX] = "";

	if (strstr(option->expected, "a size")) {
		units_format_size(option->minimum, low);
		units_format_size(option->maximum, high);
	} else if (strstr(option->expected, "a duration")) {
		units_format_duration(option->minimum, low);
		units_format_duration(option->maximum, high);
	} else if (option->maximum) {
		snprintf(low, sizeof(low), "%" PRIu64, option->minimum);
		snprintf(high, sizeof(high), "%" PRIu64, option->maximum);
	}
	ck_assert_msg(strstr(option->expected, low) && strstr(option->expected, high),
	              "%s: \"%s\" is not %s to %s", option->key, option->expected, low, high);
	ck_assert(!option->allows_auto == !strstr(option->expected, "auto") || !option->maximum);
	ck_assert(strlen(option->help) > 0 && option->help[strlen(option->help) - 1] == '.');
}
END_TEST

/* The sample with every "#key" line uncommented. */
START_TEST(sample_is_good_and_has_the_defaults)
{
	char *sample = read_source("conf/relay.ini"), *out = sample, *printed, *plain;
	struct config *config;

	for (const char *in = sample; *in; in++)
		if (!(*in == '#' && (in == sample || in[-1] == '\n') && in[1] != ' ' && in[1] != '\n'))
			*out++ = *in;
	*out = '\0';
	config = load_good(sample);
	printed = print(config);
	config_put(config);
	config = load_good("[relay example]\nlisten = 127.0.0.1:8080\ntarget = 127.0.0.1:80\n");
	plain = print(config);
	config_put(config);
	ck_assert_str_eq(printed, plain);
	free(plain);
	free(printed);
	free(sample);
}
END_TEST

START_TEST(minimal_sample_is_good)
{
	char *sample = read_source("conf/relay-minimal.ini");

	config_put(load_good(sample));
	free(sample);
}
END_TEST

/* Every example in the manual that is a configuration file. */
START_TEST(examples_of_the_manual_are_good)
{
	static const char begin[] = ".Bd -literal -offset indent\n";
	char *manual = read_source("man/relay.ini.5"), *end;
	int count = 0;

	for (char *example = manual; (example = strstr(example, begin)); example = end + 1) {
		example += strlen(begin);
		end = strstr(example, "\n.Ed\n");
		ck_assert_ptr_nonnull(end);
		if (*example != '[')
			continue;
		*end = '\0';
		config_put(load_good(example));
		count++;
	}
	ck_assert_int_eq(count, 4);
	free(manual);
}
END_TEST

START_TEST(option_table_is_sound)
{
	const struct option *option = &option_table[_i];

	ck_assert_ptr_eq(option_find(option->key, option->sections), option);
	ck_assert_str_eq(option_nearest(option->key, option->sections), option->key);
	if (option->follows)
		ck_assert_ptr_nonnull(option_find(option->follows, option->sections));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("options");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, references_are_counted);
	tcase_add_test(tcase, printed_settings_load_back);
	tcase_add_loop_test(tcase, random_settings_load_back, 0, 50);
	tcase_add_loop_test(tcase, option_is_documented, 0, (int)option_count);
	tcase_add_loop_test(tcase, manual_says_when_it_applies, 0, (int)option_count);
	tcase_add_loop_test(tcase, what_needs_a_takeover_can_be_compared, 0, (int)option_count);
	tcase_add_test(tcase, keys_that_need_a_takeover_are_named);
	tcase_add_test(tcase, explained_settings_load_back);
	tcase_add_loop_test(tcase, expected_text_names_the_limits, 0, (int)option_count);
	tcase_add_test(tcase, sample_is_good_and_has_the_defaults);
	tcase_add_test(tcase, minimal_sample_is_good);
	tcase_add_test(tcase, examples_of_the_manual_are_good);
	tcase_add_loop_test(tcase, option_table_is_sound, 0, (int)option_count);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
