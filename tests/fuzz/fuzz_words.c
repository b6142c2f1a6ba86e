/* Values of listen and target: the input is the text of one, an address and the words after it. */
#include "build_config.h"

#include "config/addresses.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Fits, and reads back from a line of relay.ini. */
static void require_line(const char *text)
{
	fuzz_require(strlen(text) < ADDRESSES_TEXT_MAX);
	fuzz_require(text[0] > ' ' && text[strlen(text) - 1] != ' ');
	for (; *text; text++)
		fuzz_require((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void require_same_listen(const struct address *address)
{
	char text[ADDRESSES_TEXT_MAX], text_again[ADDRESSES_TEXT_MAX];
	struct address again;

	require_line(addresses_format_listen(address, text));
	fuzz_require(addresses_parse_listen(text, &again) == NULL);
	fuzz_require(again.access.has_mode == address->access.has_mode);
	fuzz_require(again.access.mode == address->access.mode);
	fuzz_require(strcmp(addresses_format_listen(&again, text_again), text) == 0);
	address_deinit(&again);
}

static void require_same_target(const struct config_target *target)
{
	char text[ADDRESSES_TEXT_MAX], text_again[ADDRESSES_TEXT_MAX];
	struct config_target again;

	fuzz_require(target->weight >= 1 && target->weight <= TARGET_WEIGHT_MAX);
	fuzz_require(!target->address.owner && !target->address.group);
	require_line(addresses_format_target(target, text));
	fuzz_require(addresses_parse_target(text, &again) == NULL);
	fuzz_require(again.weight == target->weight);
	fuzz_require(strcmp(addresses_format_target(&again, text_again), text) == 0);
	address_deinit(&again.address);
}

/* What is wrong with a value is said in words of our own, whatever it is. */
static void require_problem(const char *problem)
{
	fuzz_require(strlen(problem) > 0 && strlen(problem) < 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct config_target target;
	struct address address;
	const char *problem = addresses_parse_listen(text, &address);

	if (problem) {
		require_problem(problem);
	} else {
		require_same_listen(&address);
		address_deinit(&address);
	}
	problem = addresses_parse_target(text, &target);
	if (problem) {
		require_problem(problem);
	} else {
		require_same_target(&target);
		address_deinit(&target.address);
	}
	free(text);
	return 0;
}
