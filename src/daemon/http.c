#include "build_config.h"

#include "daemon/http.h"

#include "base/log.h"
#include "base/mailbox.h"
#include "base/units.h"
#include "daemon/http_library.h"
#include "daemon/http_thread.h"
#include "relay/entrance.h"
#include "relay/entrance_state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * libmicrohttpd ends connections that are silent, but not those that dribble. A worker that gives no answer
 * for so long is stuck.
 */
static const struct http_limits limits = {.client_ms = 30000, .wait_ms = 5000};

struct http {
	struct event_base *base;
	const struct activation *activation;
	void (*want)(void *arg, enum report_depth depth);
	void *arg;
	struct mailbox wants; /* from the thread */
	struct message want_messages[REPORT_DEPTHS];
	struct http_thread *thread; /* or NULL: it was not needed yet */
	/* The thread's, but whoever may connect there is set here. Or NULL. */
	struct entrance *current;
	struct unix_access adopted; /* of current, as the settings in force ask for it */
	struct entrance *prepared;  /* or NULL */
	struct unix_access asked;   /* of the next settings */
	bool moves;                 /* from current to prepared */
};

static void take_want(void *arg, struct message *message)
{
	struct http *http = arg;

	http->want(http->arg, (enum report_depth)(message - http->want_messages));
}

struct http *http_new(struct event_base *base, const struct activation *activation,
                      void (*want)(void *arg, enum report_depth depth), void *arg)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->base = base;
	http->activation = activation;
	http->want = want;
	http->arg = arg;
	http->wants.fd = -1;
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	http_abandon(http);
	http_thread_free(http->thread);
	mailbox_close(&http->wants);
	free(http);
}

static int make_thread(struct http *http)
{
	int error = http_library_load();

	if (!error && http->wants.fd < 0)
		error = mailbox_open(&http->wants, http->base, take_want, http);
	if (error)
		return error;
	http->thread = http_thread_new(&limits, &http->wants, http->want_messages);
	return http->thread ? 0 : -ENOMEM;
}

static int start_thread(struct http *http)
{
	return http->thread ? 0 : make_thread(http);
}

/* ---- where to listen ---- */

static int find_passed(const struct http *http, const char *name, struct entrance_key *key)
{
	const struct passed_socket *passed = activation_find(http->activation, name, NULL);

	if (!passed)
		return -EADDRNOTAVAIL;
	if (activation_find(http->activation, name, passed))
		return -ENOTUNIQ;
	*key = (struct entrance_key){passed->endpoint, passed->dual_stack, passed};
	return 1;
}

/* How many there are, or -errno. */
static int find_keys(const struct http *http, const struct address *address,
                     struct entrance_key keys[ENTRANCE_KEYS])
{
	if (address->kind == ADDRESS_SYSTEMD)
		return find_passed(http, address->host, keys);
	return (int)entrance_keys(address, keys);
}

static bool is_current(const struct http *http, const struct entrance_key *keys, int count)
{
	for (int i = 0; http->current && i < count; i++)
		if (entrance_key_compare(&http->current->key, &keys[i]) == 0)
			return true;
	return false;
}

/* Nothing is left open if that fails. */
static int open_entrance(struct entrance *entrance, const struct entrance_key *keys, int count,
                         const struct unix_access *access)
{
	const struct socket_tuning tuning = {.nodelay = true,
	                                     .access = access,
	                                     .rcvbuf = HTTP_REQUEST_MAX,
	                                     .sndbuf = UNITS_AUTO,
	                                     .notsent_lowat = UNITS_AUTO};
	int error = -EADDRNOTAVAIL;

	for (int i = 0; entrance_is_not_here(error) && i < count; i++)
		error = entrance_bind(entrance, &keys[i], &tuning, 1);
	if (error)
		return error;
	error = entrance_set_access(entrance, access);
	if (!error)
		error = entrance_listen(entrance);
	if (error)
		entrance_close(entrance);
	return error;
}

static int prepare_entrance(struct http *http, const struct entrance_key *keys, int count,
                            const struct unix_access *access)
{
	struct entrance *entrance = calloc(1, sizeof(*entrance));
	int error = entrance ? open_entrance(entrance, keys, count, access) : -ENOMEM;

	if (error) {
		free(entrance);
		return error;
	}
	http->prepared = entrance;
	http->moves = true;
	return start_thread(http);
}

static int prepare_address(struct http *http, const struct address *address)
{
	struct entrance_key keys[ENTRANCE_KEYS];
	int count = find_keys(http, address, keys);

	if (count < 0)
		return count;
	if (is_current(http, keys, count))
		return entrance_set_access(http->current, &address->access);
	return prepare_entrance(http, keys, count, &address->access);
}

static void complain(const struct address *address, int error)
{
	char text[ADDRESS_TEXT_MAX];

	if (error == -ELIBACC)
		log_error("http_listen: cannot load %s", MICROHTTPD_LIBRARY);
	else
		log_error("http_listen: cannot listen on %s: %s", address_format(address, text),
		          strerror(-error));
}

int http_prepare(struct http *http, const struct config_global *global)
{
	const struct address *address = &global->http_listen;
	int error = 0;

	if (!http)
		return 0;
	http->asked = address->access;
	if (config_serves_http(global))
		error = prepare_address(http, address);
	else
		http->moves = http->current;
	if (error)
		complain(address, error);
	return error;
}

void http_adopt(struct http *http)
{
	if (!http)
		return;
	http->adopted = http->asked;
	if (!http->moves)
		return;
	if (http->prepared)
		log_info("http_listen: listening on %s", http->prepared->text);
	http->current = http->prepared;
	http_thread_listen(http->thread, http->prepared); /* consumed */
	http->prepared = NULL;
	http->moves = false;
}

void http_abandon(struct http *http)
{
	if (!http)
		return;
	if (http->current)
		(void)entrance_set_access(http->current, &http->adopted);
	if (http->prepared)
		entrance_close(http->prepared);
	free(http->prepared);
	http->prepared = NULL;
	http->moves = false;
}

void http_take_report(struct http *http, struct report *report)
{
	http_thread_put(http->thread, report);
}

void http_drain(struct http *http)
{
	if (http && http->thread)
		http_thread_drain(http->thread);
}

/* ---- taking over ---- */

void http_pause(struct http *http)
{
	if (http && http->thread)
		http_thread_pause(http->thread, true);
}

void http_resume(struct http *http)
{
	if (http && http->thread)
		http_thread_pause(http->thread, false);
}

bool http_is_idle(struct http *http)
{
	return !http || !http->thread || http_thread_is_idle(http->thread);
}

/* Where it listens follows. */
struct http_state {
	bool listens;
};

static const struct state_field http_fields[] = {
        STATE_FIELD(struct http_state, listens, STATE_BOOL),
        STATE_FIELDS_END,
};
static const struct state_kind http_kind = STATE_KIND("http", struct http_state, http_fields);

void http_save(const struct http *http, struct state_writer *writer)
{
	if (!http || !http->current)
		return;
	state_put(writer, &http_kind, &(struct http_state){.listens = true});
	entrance_save(http->current, http->activation, writer);
}

static void go_on_listening(struct http *http, struct entrance *entrance)
{
	http->current = entrance;
	http_thread_listen(http->thread, entrance); /* consumed */
}

int http_restore(struct http *http, struct config_global *global, struct state_reader *reader)
{
	struct http_state state;
	struct entrance *entrance;
	int error;

	if (!http || !state_is_next(reader, &http_kind) || !state_get(reader, &http_kind, &state))
		return state_error(reader) ? -EPROTO : 0;
	entrance = calloc(1, sizeof(*entrance));
	error = entrance ? entrance_restore(entrance, http->activation, 1, reader) : -ENOMEM;
	if (!error)
		error = start_thread(http);
	if (!error && !state_is_rehearsal(reader)) {
		http->adopted = http->asked = global->http_listen.access = entrance->access;
		go_on_listening(http, entrance);
		return 0;
	}
	if (entrance)
		entrance_drop(entrance, error);
	free(entrance);
	return error;
}
