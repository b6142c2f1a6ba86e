#include "build_config.h"

#include "relay/relay_stage.h"

#include "base/evloop.h"

#include <netdb.h>

struct relay *relay;
struct resolver *resolver;
static struct lookups *lookups;
static struct event_base *base;

struct endpoint moving;

struct address_list *fake_lookup(const char *host, void *arg, int *error)
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
		endpoint->in = (struct sockaddr_in){.sin_family = AF_INET};
		endpoint->in.sin_addr.s_addr =
		        htonl((count == 3 ? 0x0a000001 : 0x0a010001) + (uint32_t)list->count);
	}
	return list;
}

struct event_base *look_up_base(void)
{
	return base;
}

void resolve(struct relay *one)
{
	for (size_t i = 0; i < config_count_targets(one->config); i++) {
		const struct address *address = &config_nth_target(one->config, i)->address;
		struct resolver_name *same;

		if (address->kind != ADDRESS_NAME)
			continue;
		same = resolver_add(resolver, "test", address->host, address->port, 3600000, NULL, NULL);
		LOOP_UNTIL(base, resolver_name_tried(same));
	}
}

void begin(const char *const *targets, const char *const *options)
{
	relay = relays_new(LISTEN, targets, options, resolver, 2);
	resolve(relay);
}

void begin_with(const char *lines)
{
	relay = relays_make(relays_config_of(lines), resolver, 2);
	resolve(relay);
}

void setup(void)
{
	capture_begin();
	base = evloop_new();
	lookups = lookups_new(base, fake_lookup, NULL);
	resolver = resolver_new(base, lookups);
	ck_assert_ptr_nonnull(resolver);
}

void teardown(void)
{
	relays_free(relay);
	resolver_free(resolver);
	lookups_free(lookups);
	event_base_free(base);
	capture_end();
}
