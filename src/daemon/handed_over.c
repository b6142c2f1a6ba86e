#include "build_config.h"

#include "daemon/handed_over.h"

#include "base/number.h"
#include "base/units.h"
#include "daemon/program.h"
#include "relay/generations.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX (HANDED_OVER_PARTS_MAX + TAKEOVER_FIRST_PART)
#define VALUE_MAX (FILES_MAX * sizeof("2147483647,") + 32)

/* The number of the attempt follows the latter, if it is not the first. */
static const char rehearsal_word[] = "rehearse", carry_word[] = "carry";

/* ---- writing ---- */

static char *describe(const char *word, const int *files, size_t count)
{
	size_t size = strlen(word) + sizeof(":") + count * sizeof("2147483647,");
	char *text = malloc(size), *at;

	if (!text)
		return NULL;
	at = stpcpy(text, word);
	for (size_t i = 0; i < count; i++)
		at += snprintf(at, size - (size_t)(at - text), "%c%d", i > 0 ? ',' : ':',
		               files[i] < 0 ? 0 : files[i]);
	return text;
}

char *handed_over_describe(bool rehearsal, const int *files, size_t count)
{
	return describe(rehearsal ? rehearsal_word : carry_word, files, count);
}

char *handed_over_describe_again(const struct handed_over *handed)
{
	char word[32];

	snprintf(word, sizeof(word), "%s%u", carry_word, handed->attempt + 1);
	return describe(word, handed->files, handed->count + TAKEOVER_FIRST_PART);
}

void handed_over_pass_on(const int *files, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (files[i] >= 0)
			(void)fcntl(files[i], F_SETFD, 0);
}

void handed_over_pass_on_again(const struct handed_over *handed)
{
	handed_over_pass_on(handed->files, handed->count + TAKEOVER_FIRST_PART);
}

/* ---- reading ---- */

/* False if it is neither. */
static bool parse_word(const char *word, struct handed_over *handed)
{
	size_t length = sizeof(carry_word) - 1;
	uint64_t attempt = 0;

	handed->rehearsal = strcmp(word, rehearsal_word) == 0;
	if (handed->rehearsal)
		return true;
	if (strncmp(word, carry_word, length) != 0)
		return false;
	if (word[length] && units_parse_number(word + length, &attempt) < 0)
		return false;
	handed->attempt = (unsigned)min_u64(attempt, UINT_MAX);
	return true;
}

/* How many there are, or 0: they are not what describe writes. 0 among them is no file. */
static size_t parse_files(char *text, int files[FILES_MAX])
{
	size_t count = 0;
	uint64_t number;
	char *word;

	while ((word = strsep(&text, ","))) {
		if (count == FILES_MAX || units_parse_number(word, &number) < 0 || number > INT_MAX ||
		    (number <= STDERR_FILENO && (number > 0 || count > 0)))
			return 0;
		files[count++] = number > 0 ? (int)number : -1;
	}
	return count > TAKEOVER_FIRST_PART ? count : 0;
}

static int take_file(int fd, struct memory_text *text)
{
	int error = memory_file_map(fd, text);

	if (!error)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return error;
}

static int take_files(struct handed_over *handed, size_t count)
{
	const int *files = handed->files;
	int error = 0;

	handed->has_config = files[TAKEOVER_CONFIG] > 0;
	if (handed->has_config)
		error = take_file(files[TAKEOVER_CONFIG], &handed->config);
	if (!error)
		error = take_file(files[TAKEOVER_MAIN], &handed->main);
	for (size_t i = TAKEOVER_FIRST_PART; !error && i < count; i++)
		error = take_file(files[i], &handed->parts[handed->count++]);
	return error;
}

static int take(struct handed_over *handed, char *text)
{
	char *word = strsep(&text, ":");
	size_t count;

	if (!text || !parse_word(word, handed))
		return -EINVAL;
	count = parse_files(text, handed->files);
	return count > 0 ? take_files(handed, count) : -EINVAL;
}

int handed_over_take(struct handed_over *handed)
{
	const char *value = getenv(PROGRAM_VARIABLE);
	char text[VALUE_MAX];

	*handed = (struct handed_over){.count = 0};
	if (!value)
		return 0;
	if (strlen(value) >= sizeof(text))
		return -EINVAL;
	strcpy(text, value);
	unsetenv(PROGRAM_VARIABLE);
	return take(handed, text);
}

void handed_over_deinit(struct handed_over *handed)
{
	memory_file_unmap(&handed->config);
	memory_file_unmap(&handed->main);
	for (size_t i = 0; i < handed->count; i++)
		memory_file_unmap(&handed->parts[i]);
	for (size_t i = 0; handed->count > 0 && i < handed->count + TAKEOVER_FIRST_PART; i++)
		if (handed->files[i] >= 0)
			close(handed->files[i]);
	handed->count = 0;
}

size_t handed_over_size(const struct handed_over *handed)
{
	size_t size = handed->main.size;

	for (size_t i = 0; i < handed->count; i++)
		size += handed->parts[i].size;
	return size;
}

struct config *handed_over_config(const struct handed_over *handed)
{
	struct state_reader reader;

	state_reader_init(&reader, NULL, handed->main.start, handed->main.size);
	return generations_find_config(&reader);
}
