/* Addresses: the input is the text of one, and the name of a unix socket that a peer may have. */
#include "build_config.h"

#include "fuzz.h"
#include "net/address.h"

#include <stdlib.h>
#include <string.h>

/* Fits, and is one word that a line of relay.ini or of the log can hold. */
static void require_word(const char *text)
{
	fuzz_require(strlen(text) < ADDRESS_TEXT_MAX);
	fuzz_require(text[0] != '\0');
	for (; *text; text++)
		fuzz_require((unsigned char)*text > ' ' && *text != 0x7f);
}

static void require_printable(const char *text)
{
	require_word(text);
	for (; *text; text++)
		fuzz_require((unsigned char)*text < 0x7f);
}

static void require_equal(const struct address *a, const struct address *b)
{
	fuzz_require(a->kind == b->kind);
	fuzz_require(a->port == b->port);
	fuzz_require(!a->host == !b->host);
	fuzz_require(!a->host || strcmp(a->host, b->host) == 0);
	fuzz_require(a->endpoint.length == b->endpoint.length);
	fuzz_require(memcmp(&a->endpoint.any, &b->endpoint.any, a->endpoint.length) == 0);
}

static void require_same_again(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX], peer_text[ADDRESS_TEXT_MAX];
	struct address again;

	require_word(address_format(address, text));
	fuzz_require(address_parse(text, &again) == 0);
	require_equal(address, &again);
	address_deinit(&again);
	if (address->kind == ADDRESS_LITERAL)
		require_printable(
		        endpoint_format(&address->endpoint.any, address->endpoint.length, peer_text));
}

/* Whoever connects over a unix socket chooses its own name, any bytes. */
static void name_peer(const uint8_t *name, size_t size)
{
	struct sockaddr_un *un = malloc(sizeof(*un));
	char text[ADDRESS_TEXT_MAX];

	fuzz_require(un != NULL);
	un->sun_family = AF_UNIX;
	if (size > sizeof(un->sun_path))
		size = sizeof(un->sun_path);
	if (size > 0)
		memcpy(un->sun_path, name, size);
	require_printable(endpoint_format((const struct sockaddr *)un,
	                                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size), text));
	free(un);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct address address;

	if (address_parse(text, &address) == 0) {
		require_same_again(&address);
		address_deinit(&address);
	}
	name_peer(data, size);
	free(text);
	return 0;
}
