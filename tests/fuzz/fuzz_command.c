/*
 * The command line. Each line of the input that begins with l, T or o is that option. Any other is a line of
 * the file that --config names.
 */
#include "build_config.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64 /* of one kind; more are dropped */

struct words {
	char *word[WORDS_MAX];
	size_t count;
};

static void add(struct words *words, char *word)
{
	if (words->count < WORDS_MAX)
		words->word[words->count++] = word;
}

/* Copies the lines that are not options to file. Returns how long it is then. */
static size_t sort_out(char *text, char *file, struct words *listen, struct words *target,
                       struct words *option)
{
	size_t length = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		switch (*line) {
		case 'l':
			add(listen, line + 1);
			break;
		case 'T':
			add(target, line + 1);
			break;
		case 'o':
			add(option, line + 1);
			break;
		default:
			length = (size_t)(stpcpy(file + length, line) - file);
			file[length++] = '\n';
		}
	}
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words listen = {.count = 0}, target = {.count = 0}, option = {.count = 0};
	char *text = fuzz_text(data, size), *file = fuzz_text(data, size);
	size_t file_size = sort_out(text, file, &listen, &target, &option);
	struct config_request request = {
	        .file = file_size > 1 ? fuzz_file(file, file_size) : NULL,
	        .listen = listen.word,
	        .listen_count = listen.count,
	        .target = target.word,
	        .target_count = target.count,
	        .option = option.word,
	        .option_count = option.count,
	};

	fuzz_load(&request);
	free(text);
	free(file);
	return 0;
}
