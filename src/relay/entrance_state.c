#include "build_config.h"

#include "relay/entrance_state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SOCKETS_MAX 4096 /* of an entrance; far more than there may be workers */

/* What struct facade adds is saved in facade_state.c. */
STATE_COVERS(struct entrance, 1144);
STATE_COVERS(struct socket_tuning, 128);

struct entrance_record {
	struct endpoint key, endpoint;
	bool dual_stack;
	uint32_t passed; /* the number of the socket in activation, from 1; 0: it is ours */
	bool ours;       /* the path in endpoint; made describes it */
	uint64_t device, inode;
	uint32_t mode, owner, group;
	struct unix_access access;
	uint32_t count;
	bool shared;
	uint32_t worker;
	bool listens, was_shut;
	uint64_t linger_until;
	struct socket_tuning tuning;
};

static const struct state_field entrance_fields[] = {
        STATE_FIELD(struct entrance_record, key, STATE_ENDPOINT),
        STATE_FIELD(struct entrance_record, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct entrance_record, dual_stack, STATE_BOOL),
        STATE_FIELD(struct entrance_record, passed, STATE_U32),
        STATE_FIELD(struct entrance_record, ours, STATE_BOOL),
        STATE_FIELD(struct entrance_record, device, STATE_U64),
        STATE_FIELD(struct entrance_record, inode, STATE_U64),
        STATE_FIELD(struct entrance_record, mode, STATE_U32),
        STATE_FIELD(struct entrance_record, owner, STATE_U32),
        STATE_FIELD(struct entrance_record, group, STATE_U32),
        UNIX_ACCESS_STATE_FIELDS(struct entrance_record, access, "set_"),
        STATE_NAMED("sockets", struct entrance_record, count, STATE_U32),
        STATE_FIELD(struct entrance_record, shared, STATE_BOOL),
        STATE_FIELD(struct entrance_record, worker, STATE_U32),
        STATE_FIELD(struct entrance_record, listens, STATE_BOOL),
        STATE_FIELD(struct entrance_record, was_shut, STATE_BOOL),
        STATE_FIELD(struct entrance_record, linger_until, STATE_U64),
        STATE_NAMED("nodelay", struct entrance_record, tuning.nodelay, STATE_BOOL),
        STATE_NAMED("keepalive", struct entrance_record, tuning.keepalive, STATE_BOOL),
        STATE_NAMED("free_bind", struct entrance_record, tuning.free_bind, STATE_BOOL),
        STATE_NAMED("rcvbuf", struct entrance_record, tuning.rcvbuf, STATE_U64),
        STATE_NAMED("sndbuf", struct entrance_record, tuning.sndbuf, STATE_U64),
        STATE_NAMED("notsent_lowat", struct entrance_record, tuning.notsent_lowat, STATE_U64),
        STATE_NAMED("keepalive_idle", struct entrance_record, tuning.keepalive_idle, STATE_U64),
        STATE_NAMED("keepalive_interval", struct entrance_record, tuning.keepalive_interval, STATE_U64),
        STATE_NAMED("keepalive_count", struct entrance_record, tuning.keepalive_count, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind entrance_kind =
        STATE_KIND("entrance", struct entrance_record, entrance_fields);

struct listener_state {
	int fd;
};

static const struct state_field listener_fields[] = {
        STATE_FIELD(struct listener_state, fd, STATE_SOCKET),
        STATE_FIELDS_END,
};
static const struct state_kind listener_kind = STATE_KIND("listener", struct listener_state, listener_fields);

/* ---- saving ---- */

static void fill(struct entrance_record *state, const struct entrance *entrance,
                 const struct activation *activation)
{
	const struct stat *made = &entrance->made;

	*state = (struct entrance_record){
	        .key = entrance->key.endpoint,
	        .endpoint = entrance->endpoint,
	        .dual_stack = entrance->key.dual_stack,
	        .ours = entrance->unlink_path,
	        .device = made->st_dev,
	        .inode = made->st_ino,
	        .mode = made->st_mode,
	        .owner = made->st_uid,
	        .group = made->st_gid,
	        .access = entrance->access,
	        .count = entrance->count,
	        .shared = entrance->shared,
	        .worker = entrance->worker,
	        .listens = entrance->listens,
	        .was_shut = atomic_load(&entrance->was_shut),
	        .linger_until = entrance->linger_until,
	        .tuning = entrance->tuning,
	};
	if (entrance_is_passed(entrance))
		state->passed = (uint32_t)(entrance->key.passed - activation->sockets) + 1;
}

void entrance_save(const struct entrance *entrance, const struct activation *activation,
                   struct state_writer *writer)
{
	struct entrance_record state;

	fill(&state, entrance, activation);
	state_put(writer, &entrance_kind, &state);
	if (entrance_is_passed(entrance)) /* saved with activation */
		return;
	for (unsigned i = 0; i < entrance->count; i++)
		state_put(writer, &listener_kind, &(struct listener_state){entrance->fds[i]});
}

/* ---- restoring ---- */

static int find_passed(struct entrance *entrance, const struct activation *activation, uint32_t number,
                       struct state_reader *reader)
{
	if (number == 0)
		return 0;
	if (number > activation->count)
		return state_fail(reader, "the number of a socket of the service manager was expected");
	entrance->key.passed = &activation->sockets[number - 1];
	return 0;
}

static int claim_listener(struct entrance *entrance, struct state_reader *reader)
{
	struct listener_state listener;

	if (!state_get(reader, &listener_kind, &listener))
		return -EPROTO;
	if (listener.fd < 0)
		return state_fail(reader, "a listener with a socket was expected");
	entrance->fds[entrance->count++] = listener.fd;
	return 0;
}

static int claim_sockets(struct entrance *entrance, unsigned count, struct state_reader *reader)
{
	const bool passed = entrance_is_passed(entrance);
	int error = 0;

	if (count > (entrance->shared ? 1 : SOCKETS_MAX))
		return state_fail(reader, "an entrance with fewer sockets was expected");
	if (count == 0)
		return 0;
	entrance->fds = calloc(count, sizeof(*entrance->fds));
	if (!entrance->fds)
		return -ENOMEM;
	if (passed)
		entrance->fds[entrance->count++] = entrance->key.passed->fd;
	while (!error && entrance->count < count)
		error = claim_listener(entrance, reader);
	return error;
}

static void take(struct entrance *entrance, const struct entrance_record *state, unsigned workers)
{
	entrance->key.endpoint = state->key;
	entrance->key.dual_stack = state->dual_stack;
	entrance->endpoint = state->endpoint;
	endpoint_format(&entrance->endpoint.any, entrance->endpoint.length, entrance->text);
	entrance->made.st_dev = state->device;
	entrance->made.st_ino = state->inode;
	entrance->made.st_mode = state->mode;
	entrance->made.st_uid = state->owner;
	entrance->made.st_gid = state->group;
	entrance->access = state->access;
	entrance->workers = workers;
	entrance->shared = state->shared;
	entrance->worker = state->worker % workers;
	entrance->listens = state->listens;
	atomic_store(&entrance->was_shut, state->was_shut);
	entrance->linger_until = state->linger_until;
	entrance->tuning = state->tuning;
}

int entrance_restore(struct entrance *entrance, const struct activation *activation, unsigned workers,
                     struct state_reader *reader)
{
	struct entrance_record state;
	int error;

	if (!state_get(reader, &entrance_kind, &state))
		return -EPROTO;
	if (state.endpoint.length == 0 || (state.ours && !endpoint_is_path(&state.endpoint)))
		return state_fail(reader, "an entrance with an address was expected");
	take(entrance, &state, workers);
	if (state.ours && !state_is_rehearsal(reader)) /* which leaves the path alone, however it ends */
		entrance->unlink_path = entrance->endpoint.un.sun_path;
	error = find_passed(entrance, activation, state.passed, reader);
	return error ? error : claim_sockets(entrance, state.count, reader);
}

/* Without memory the program begins once more, with these sockets: see daemon/takeover_again.h. */
void entrance_drop(struct entrance *entrance, int error)
{
	entrance->unlink_path = NULL;
	if (error != -ENOMEM) {
		entrance_close(entrance);
		return;
	}
	free(entrance->fds);
	entrance->fds = NULL;
	entrance->count = 0;
}
