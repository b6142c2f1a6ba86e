#include "build_config.h"

#include "daemon/handed_over.h"

#include "base/units.h"
#include "daemon/program.h"
#include "relay/generations.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX (HANDED_OVER_PARTS_MAX + 2)

static const char rehearsal_word[] = "rehearse:", carry_word[] = "carry:";

/* ---- writing ---- */

char *handed_over_describe(bool rehearsal, const int *files, size_t count)
{
	size_t size = sizeof(rehearsal_word) + count * sizeof("2147483647,");
	char *text = malloc(size), *at;

	if (!text)
		return NULL;
	at = stpcpy(text, rehearsal ? rehearsal_word : carry_word);
	for (size_t i = 0; i < count; i++)
		at += snprintf(at, size - (size_t)(at - text), "%s%d", i > 0 ? "," : "",
		               files[i] < 0 ? 0 : files[i]);
	return text;
}

/* ---- reading ---- */

static bool take_word(char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

/* How many there are, or 0: they are not what handed_over_describe writes. 0 among them is no file. */
static size_t parse_files(char *text, int files[FILES_MAX])
{
	size_t count = 0;
	uint64_t number;
	char *word;

	while ((word = strsep(&text, ","))) {
		if (count == FILES_MAX || units_parse_number(word, &number) < 0 || number > INT_MAX ||
		    (number <= STDERR_FILENO && (number > 0 || count > 0)))
			return 0;
		files[count++] = (int)number;
	}
	return count > 2 ? count : 0;
}

/* The file is not needed any more, as what is in it stays. */
static int take_file(int fd, struct memory_text *text)
{
	int error = memory_file_map(fd, text);

	if (!error)
		close(fd);
	return error;
}

static int take_files(struct handed_over *handed, const int *files, size_t count)
{
	int error = 0;

	handed->has_config = files[0] > 0;
	if (handed->has_config)
		error = take_file(files[0], &handed->config);
	if (!error)
		error = take_file(files[1], &handed->main);
	handed->parts = calloc(count - 2, sizeof(*handed->parts));
	if (!error && !handed->parts)
		error = -ENOMEM;
	for (size_t i = 2; !error && i < count; i++)
		error = take_file(files[i], &handed->parts[handed->count++]);
	return error;
}

static int take(struct handed_over *handed, char *text)
{
	int files[FILES_MAX];
	size_t count;

	handed->rehearsal = take_word(&text, rehearsal_word);
	if (!handed->rehearsal && !take_word(&text, carry_word))
		return -EINVAL;
	count = parse_files(text, files);
	return count > 0 ? take_files(handed, files, count) : -EINVAL;
}

int handed_over_take(struct handed_over *handed)
{
	const char *value = getenv(PROGRAM_VARIABLE);
	char *text;
	int error;

	*handed = (struct handed_over){.count = 0};
	if (!value)
		return 0;
	text = strdup(value);
	unsetenv(PROGRAM_VARIABLE);
	if (!text)
		return -ENOMEM;
	error = take(handed, text);
	free(text);
	return error;
}

void handed_over_deinit(struct handed_over *handed)
{
	memory_file_unmap(&handed->config);
	memory_file_unmap(&handed->main);
	for (size_t i = 0; i < handed->count; i++)
		memory_file_unmap(&handed->parts[i]);
	free(handed->parts);
	*handed = (struct handed_over){.count = 0};
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
