#include "build_config.h"

#include "relay/relay_stage.h"

#include <netdb.h>

struct relay *relay;
struct resolver *resolver;

struct endpoint moving;

struct address_list *fake_lookup(const char *host, uint16_t port, void *arg, int *error)
{
	size_t count = strcmp(host, "three.example") == 0 ? 3 : strcmp(host, "one.example") == 0;
	struct address_list *list;

	(void)arg;
	if (strcmp(host, "moving.example") == 0)
		return address_list_single(&moving);
	list = address_list_new(3);
	if (count == 0) {
		address_list_put(list);
		*error = EAI_NONAME;
		return NULL;
	}
	for (; list->count < count; list->count++) {
		struct endpoint *endpoint = &list->endpoint[list->count];

		endpoint->length = sizeof(endpoint->in);
		endpoint->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		endpoint->in.sin_addr.s_addr =
		        htonl((count == 3 ? 0x0a000001 : 0x0a010001) + (uint32_t)list->count);
	}
	return list;
}

void begin(const char *const *targets, const char *const *options)
{
	resolver = resolver_new(3600000, fake_lookup, NULL);
	ck_assert_ptr_nonnull(resolver);
	relay = relays_new(LISTEN, targets, options, resolver, 2);
	ck_assert_int_eq(resolver_start(resolver), 0);
	resolver_wait(resolver, PATIENCE_MS);
}

void setup(void)
{
	capture_begin();
}

void teardown(void)
{
	relay_put(relay);
	resolver_free(resolver);
	capture_end();
}
