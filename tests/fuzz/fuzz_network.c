/* Networks: the input is the text of two, with a line break between them. */
#include "build_config.h"

#include "fuzz.h"
#include "net/networks.h"

#include <stdlib.h>
#include <string.h>

static bool same(const struct network *a, const struct network *b)
{
	return a->kind == b->kind && a->length == b->length &&
	       memcmp(&a->first, &b->first, sizeof(a->first)) == 0;
}

static bool parse(const char *text, struct network *network)
{
	char again_text[NETWORK_TEXT_MAX];
	struct network again;

	if (network_parse(text, network) < 0)
		return false;
	network_format(network, again_text);
	fuzz_require(network_parse(again_text, &again) == 0);
	fuzz_require(same(network, &again));
	return true;
}

static union client_address client_of(const struct network *network)
{
	union client_address client = {.any.sa_family = AF_UNIX};

	if (network->kind == NETWORK_IP)
		client.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = network->first};
	return client;
}

static bool has(const struct network_lists *lists, const struct network *network)
{
	struct networks *networks = networks_new(lists);
	union client_address client = client_of(network);
	bool have;

	fuzz_require(networks != NULL);
	have = networks_have(networks, &client);
	networks_free(networks);
	return have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *end = text + strcspn(text, "\n");
	const char *second_text = *end ? end + 1 : end;
	struct network first, second;

	*end = '\0';
	if (parse(text, &first) && parse(second_text, &second)) {
		struct network_lists one = {.in = &first, .in_count = 1, .out = &second, .out_count = 1};
		struct network_lists other = {.in = &second, .in_count = 1, .out = &first, .out_count = 1};
		bool tie = same(&first, &second);

		/* Whatever the second is: its prefix is longer or not, or it has other addresses. */
		fuzz_require(has(&one, &first) == (!tie && !has(&other, &first)));
		fuzz_require(!tie || !has(&other, &first));
	}
	free(text);
	return 0;
}
