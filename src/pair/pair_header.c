/*
 * The client's PROXY header. Exactly the header is taken from the socket, so what follows is the flow's. Part
 * of a header is taken at once: if it stayed in the socket, it would wake the worker for ever.
 */
#include "build_config.h"

#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the allocator adds to an allocation, at most, in bytes. */
#define ALLOCATION_COST 32

static void turn_away(struct pair *pair, const char *wrong)
{
	pair->arrival->wrong = wrong;
	pair_entry_turn_away(pair, REASON_BAD_PROXY_HEADER);
}

/* A header is to be sent on only if it says something. Without memory for that, the pair ends. */
static bool keep(struct pair *pair, const struct proxy_header *header)
{
	struct arrival *arrival = pair->arrival;

	if (pair->relay->config->send_proxy == SEND_PROXY_OFF)
		return true;
	arrival->told = malloc(sizeof(*header));
	if (!arrival->told)
		return false;
	*arrival->told = *header;
	return true;
}

static union client_address client_of(const struct proxy_header *header)
{
	const struct endpoint *source = &header->source;
	union client_address client = {.any = {.sa_family = source->any.sa_family}};

	if (source->any.sa_family == AF_INET)
		client.in = source->in;
	else if (source->any.sa_family == AF_INET6)
		client.in6 = source->in6;
	return client;
}

static void forget_bytes(struct arrival *arrival)
{
	free(arrival->bytes);
	arrival->bytes = NULL;
}

/* From here on the client is the one that the header tells, if it tells one. */
static void heed(struct pair *pair, const struct proxy_header *header)
{
	union client_address client = header->has_addresses ? client_of(header) : pair->arrival->via;

	forget_bytes(pair->arrival);
	if (!header->has_addresses)
		pair_header_free(pair);
	else if (!keep(pair, header)) {
		pair_entry_turn_away(pair, REASON_OUT_OF_MEMORY);
		return;
	}
	pair_entry_admit(pair, &client);
}

/*
 * Adds what was taken to what is kept, until the rest has come. There is room for any header at once: if it
 * grew byte by byte, those of many clients would leave holes between them.
 */
static void put_by(struct pair *pair, const unsigned char *bytes, size_t size)
{
	struct arrival *arrival = pair->arrival;

	if (!arrival->bytes)
		arrival->bytes = malloc(PROXY_HEADER_MAX);
	if (!arrival->bytes) {
		pair_entry_turn_away(pair, REASON_OUT_OF_MEMORY);
		return;
	}
	memcpy(arrival->bytes + arrival->size, bytes, size);
	arrival->size += size;
	pair_entry_await(pair);
}

/* The next size bytes in the socket are of the header, and lie at bytes. length: that of all of it, or 0. */
static void take(struct pair *pair, unsigned char *bytes, size_t size, const struct proxy_header *header,
                 size_t length)
{
	ssize_t taken = stream_receive(pair->client.fd, bytes, size);

	if (taken > 0 && pair->arrival->size + (size_t)taken == length)
		heed(pair, header);
	else if (taken > 0)
		put_by(pair, bytes, (size_t)taken);
	else
		pair_entry_await(pair); /* it is told again */
}

/* found bytes are next in the socket, and come after those that were taken before. */
static void judge(struct pair *pair, unsigned char *all, size_t found)
{
	size_t before = pair->arrival->size;
	struct proxy_header header;
	const char *why;
	int length = proxy_header_decode(all, before + found, &header, &why);

	pair->arrival->heard = true;
	if (length < 0)
		turn_away(pair, why);
	else
		take(pair, all + before, length > 0 ? (size_t)length - before : found, &header,
		     (size_t)length);
}

void pair_header_read(struct pair *pair)
{
	struct arrival *arrival = pair->arrival;
	unsigned char *all = pair->set->io.scratch;
	ssize_t found;

	if (arrival->size > 0)
		memcpy(all, arrival->bytes, arrival->size);
	found = stream_peek(pair->client.fd, all + arrival->size, PROXY_HEADER_MAX - arrival->size);
	if (found > 0) {
		judge(pair, all, (size_t)found);
	} else if (found == -EAGAIN) {
		pair_entry_await(pair);
	} else {
		pair->client.ended_first = true;
		turn_away(pair, "cut off");
	}
}

void pair_header_begin(struct pair *pair, const union client_address *client)
{
	pair->ticket.client = *client;
	pair->arrival = calloc(1, sizeof(*pair->arrival));
	if (!pair->arrival) {
		pair_entry_turn_away(pair, REASON_OUT_OF_MEMORY);
		return;
	}
	pair->arrival->via = *client;
	pair_entry_begin_phase(pair, PHASE_HEADER);
	pair_header_read(pair);
}

size_t pair_header_cost(size_t later)
{
	return sizeof(struct arrival) + ALLOCATION_COST + max_u64(PROXY_HEADER_MAX + ALLOCATION_COST, later);
}

void pair_header_sent(struct pair *pair)
{
	if (!pair->arrival)
		return;
	free(pair->arrival->told);
	pair->arrival->told = NULL;
}

void pair_header_free(struct pair *pair)
{
	if (!pair->arrival)
		return;
	pair_header_sent(pair);
	forget_bytes(pair->arrival);
	free(pair->arrival);
	pair->arrival = NULL;
}
