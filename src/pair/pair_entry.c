/*
 * What comes before a target: the client's PROXY header (pair_header.c), whether it may have a pair, and its
 * first byte.
 *
 *   accepted ──► header ──► admitted ──► silent ──► seeks a target
 *                accept_proxy            connect_on = data
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>

void pair_entry_turn_away(struct pair *pair, enum reason reason)
{
	pair->turned_away = reason;
}

void pair_entry_await(struct pair *pair)
{
	if (event_add(pair_event(&pair->client), NULL) < 0)
		pair_entry_turn_away(pair, REASON_OUT_OF_MEMORY);
}

/* The byte stays where it is. */
static void look_for_data(struct pair *pair)
{
	struct peer *client = &pair->client;
	unsigned char first;
	ssize_t found = stream_peek(client->fd, &first, sizeof(first));

	if (found > 0) {
		pair_connect_begin(pair, clock_ms());
	} else if (found == 0) {
		client->ended_first = true;
		pair_entry_turn_away(pair, REASON_NO_DATA);
	} else if (found == -EAGAIN) {
		pair_entry_await(pair);
	} else {
		flow_source_failed(&client->from, (int)found);
	}
}

/* Whoever had no header was judged by allow and deny before there was a pair. */
static enum reason judge(struct pair *pair, const union client_address *client, bool had_header)
{
	if (had_header && relay_denies(pair->relay, client)) {
		pair->ticket.client = *client;
		return REASON_DENIED;
	}
	return admission_tell_client(&pair->ticket, client) ? REASON_NONE : REASON_OVER_LIMIT;
}

void pair_entry_admit(struct pair *pair, const union client_address *client)
{
	bool had_header = pair->phase == PHASE_HEADER;
	enum reason reason = judge(pair, client, had_header);

	pair->phase = PHASE_WAITING; /* nothing of a header is left to come */
	if (reason) {
		pair_entry_turn_away(pair, reason);
	} else if (pair->relay->config->connect_on == CONNECT_ON_DATA) {
		pair_entry_begin_phase(pair, PHASE_SILENT);
		look_for_data(pair);
	} else {
		pair_connect_begin(pair, had_header ? clock_ms() : pair->born);
	}
}

EVENT_CALLBACK(on_client, struct pair, pair)
{
	if (pair->phase == PHASE_HEADER)
		pair_header_read(pair);
	else
		look_for_data(pair);
	pair_settle(pair);
}

void pair_entry_begin_phase(struct pair *pair, enum phase phase)
{
	pair->phase = phase;
	event_assign(pair_event(&pair->client), pair->set->io.base, pair->client.fd, EV_READ, on_client,
	             pair);
}

void pair_entry_begin(struct pair *pair, const union client_address *client)
{
	pair->phase = PHASE_WAITING;
	if (relay_wants_header(pair->relay, client))
		pair_header_begin(pair, client);
	else
		pair_entry_admit(pair, client);
}

void pair_entry_forget(struct pair *pair)
{
	if (pair_is_entering(pair))
		event_del(pair_event(&pair->client));
}
