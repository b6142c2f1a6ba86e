#include "build_config.h"

#include "daemon/names_state.h"

#include "base/number.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NAME_MAX_BYTES 256 /* of a host name, and of a socket of the service manager, with NUL */

struct name_record {
	char host[NAME_MAX_BYTES];
	uint64_t interval, began, ended, due, retry;
	bool tried, slow, failing;
	uint64_t logged;
	bool known;         /* it has an answer */
	uint16_t addresses; /* that many of them follow */
};

static const struct state_field name_fields[] = {
        STATE_FIELD(struct name_record, host, STATE_TEXT),
        STATE_FIELD(struct name_record, interval, STATE_U64),
        STATE_FIELD(struct name_record, began, STATE_U64),
        STATE_FIELD(struct name_record, ended, STATE_U64),
        STATE_FIELD(struct name_record, due, STATE_U64),
        STATE_FIELD(struct name_record, retry, STATE_U64),
        STATE_FIELD(struct name_record, tried, STATE_BOOL),
        STATE_FIELD(struct name_record, slow, STATE_BOOL),
        STATE_FIELD(struct name_record, failing, STATE_BOOL),
        STATE_FIELD(struct name_record, logged, STATE_U64),
        STATE_FIELD(struct name_record, known, STATE_BOOL),
        STATE_FIELD(struct name_record, addresses, STATE_U16),
        STATE_FIELDS_END,
};
static const struct state_kind name_kind = STATE_KIND("name", struct name_record, name_fields);

struct address_record {
	struct endpoint at;
};

static const struct state_field address_fields[] = {
        STATE_FIELD(struct address_record, at, STATE_ENDPOINT),
        STATE_FIELDS_END,
};
static const struct state_kind address_kind = STATE_KIND("address", struct address_record, address_fields);

struct passed_record {
	char name[NAME_MAX_BYTES];
	int fd;
	struct endpoint endpoint;
	bool dual_stack;
};

static const struct state_field passed_fields[] = {
        STATE_FIELD(struct passed_record, name, STATE_TEXT),
        STATE_FIELD(struct passed_record, fd, STATE_SOCKET),
        STATE_FIELD(struct passed_record, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct passed_record, dual_stack, STATE_BOOL),
        STATE_FIELDS_END,
};
STATE_COVERS(struct passed_socket, 144);
static const struct state_kind passed_kind = STATE_KIND("passed", struct passed_record, passed_fields);

/* ---- host names ---- */

static void save(void *arg, const struct known_host *known)
{
	struct state_writer *writer = arg;
	struct name_record record = {
	        .interval = known->interval_ms,
	        .began = known->began,
	        .ended = known->ended,
	        .due = known->due,
	        .retry = known->retry_ms,
	        .tried = known->tried,
	        .slow = known->slow,
	        .failing = known->failing,
	        .logged = known->logged,
	        .known = known->answer != NULL,
	        .addresses = (uint16_t)min_u64(known->answer ? known->answer->count : 0, UINT16_MAX),
	};

	snprintf(record.host, sizeof(record.host), "%s", known->name);
	state_put(writer, &name_kind, &record);
	for (size_t i = 0; i < record.addresses; i++) {
		const struct address_record address = {known->answer->endpoint[i]};

		state_put(writer, &address_kind, &address);
	}
}

void names_save(struct resolver *resolver, struct state_writer *writer)
{
	resolver_each_known(resolver, save, writer);
}

static bool is_ip(const struct endpoint *endpoint)
{
	return endpoint->length > 0 && endpoint->any.sa_family != AF_UNIX;
}

/* The addresses that follow. NULL if they do not, or when out of memory. */
static struct address_list *take_addresses(struct state_reader *reader, uint16_t count)
{
	struct address_list *list = address_list_new(count);
	struct address_record record;

	for (uint16_t i = 0; list && i < count; i++) {
		if (state_get(reader, &address_kind, &record) && !is_ip(&record.at))
			state_fail(reader, "an address of a host was expected");
		if (state_error(reader)) {
			address_list_put(list);
			return NULL;
		}
		list->endpoint[list->count++] = record.at;
	}
	return list;
}

static int know(struct resolver *resolver, const struct name_record *record, struct address_list *answer)
{
	const struct known_host known = {
	        .name = record->host,
	        .interval_ms = record->interval,
	        .answer = answer,
	        .began = record->began,
	        .ended = record->ended,
	        .due = record->due,
	        .retry_ms = record->retry,
	        .tried = record->tried,
	        .slow = record->slow,
	        .failing = record->failing,
	        .logged = record->logged,
	};

	return resolver_know(resolver, &known);
}

static int restore(struct resolver *resolver, struct state_reader *reader)
{
	struct address_list *answer = NULL;
	struct name_record record;
	int error;

	if (!state_get(reader, &name_kind, &record))
		return -EPROTO;
	if (record.known)
		answer = take_addresses(reader, record.addresses);
	if (record.known && !answer)
		return state_error(reader) ? -EPROTO : -ENOMEM;
	error = know(resolver, &record, answer);
	address_list_put(answer);
	if (error != -EEXIST)
		return error;
	return state_fail(reader, "another host was expected");
}

int names_restore(struct resolver *resolver, struct state_reader *reader)
{
	int error = 0;

	while (!error && state_is_next(reader, &name_kind))
		error = restore(resolver, reader);
	return error ? error : state_result(reader);
}

/* ---- sockets of the service manager ---- */

void activation_save(const struct activation *activation, struct state_writer *writer)
{
	for (size_t i = 0; i < activation->count; i++) {
		const struct passed_socket *socket = &activation->sockets[i];
		struct passed_record record = {
		        .fd = socket->fd, .endpoint = socket->endpoint, .dual_stack = socket->dual_stack};

		snprintf(record.name, sizeof(record.name), "%s", socket->name);
		state_put(writer, &passed_kind, &record);
	}
}

/* With a flaw weir would not have started, so it has none. */
int activation_restore(struct activation *activation, struct state_reader *reader)
{
	struct passed_record record;
	int error = 0;

	while (!error && state_is_next(reader, &passed_kind)) {
		struct passed_socket socket = {.name = NULL};

		if (!state_get(reader, &passed_kind, &record))
			return -EPROTO;
		if (record.fd < 0)
			return state_fail(reader, "a socket was expected");
		socket.fd = record.fd;
		socket.endpoint = record.endpoint;
		socket.dual_stack = record.dual_stack;
		error = activation_add_known(activation, &socket, record.name);
	}
	return error ? error : state_result(reader);
}
