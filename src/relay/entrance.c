#include "build_config.h"

#include "relay/entrance.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/unix_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int entrance_key_compare(const struct entrance_key *a, const struct entrance_key *b)
{
	if (a->passed != b->passed)
		return (uintptr_t)a->passed < (uintptr_t)b->passed ? -1 : 1;
	if (a->dual_stack != b->dual_stack)
		return a->dual_stack ? 1 : -1;
	return endpoint_compare(&a->endpoint, &b->endpoint);
}

/* One IPv6 socket that takes IPv4 clients too, or an IPv4 socket if the kernel has no IPv6. */
static void wildcard_keys(in_port_t port, struct entrance_key keys[ENTRANCE_KEYS])
{
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = port};

	keys[0] = (struct entrance_key){.endpoint = {.length = sizeof(any6)}, .dual_stack = true};
	keys[0].endpoint.in6 = any6;
	keys[1] = (struct entrance_key){.endpoint = {.length = sizeof(any4)}};
	keys[1].endpoint.in = any4;
}

size_t entrance_keys(const struct address *address, struct entrance_key keys[ENTRANCE_KEYS])
{
	if (address->kind == ADDRESS_WILDCARD) {
		wildcard_keys(htons(address->port), keys);
		return ENTRANCE_KEYS;
	}
	keys[0] = (struct entrance_key){.endpoint = address->endpoint};
	return 1;
}

bool entrance_is_not_here(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* The sockets that are ours to shut and to close. */
static unsigned count_own(const struct entrance *entrance)
{
	return entrance_is_passed(entrance) ? 0 : entrance->count;
}

/* Another daemon may have taken over the path since then. */
static bool is_still_ours(const struct entrance *entrance)
{
	struct stat status;

	return lstat(entrance->unlink_path, &status) == 0 && status.st_dev == entrance->made.st_dev &&
	       status.st_ino == entrance->made.st_ino;
}

/* While the socket is open, no other file can have its inode. */
static void remove_path(struct entrance *entrance)
{
	if (entrance->unlink_path && is_still_ours(entrance))
		unlink(entrance->unlink_path);
	entrance->unlink_path = NULL;
}

void entrance_shut_out(struct entrance *entrance)
{
	uint64_t linger = 0;

	atomic_store(&entrance->was_shut, true); /* before anybody can be accepted who is deaf */
	remove_path(entrance);
	for (unsigned i = 0; i < count_own(entrance); i++)
		linger = socket_shut_out(entrance->fds[i]);
	entrance->linger_until = clock_ms() + linger;
}

void entrance_let_in(struct entrance *entrance)
{
	for (unsigned i = 0; i < count_own(entrance); i++)
		socket_let_in(entrance->fds[i]);
}

void entrance_retune(struct entrance *entrance, const struct retuning *retuning)
{
	int error = 0;

	for (unsigned i = 0; i < entrance->count; i++) {
		int result = socket_retune(entrance->fds[i], retuning->pattern);

		error = result ? result : error;
	}
	if (error)
		log_warning("clients at %s: some socket options stay as they were: %s", entrance->text,
		            strerror(-error));
	entrance->tuning = retuning->tuning;
}

void entrance_close(struct entrance *entrance)
{
	remove_path(entrance);
	for (unsigned i = 0; i < count_own(entrance); i++)
		close(entrance->fds[i]);
	free(entrance->fds);
	entrance->fds = NULL;
	entrance->count = 0;
	entrance->listens = false;
}

void entrance_refuse(struct entrance *entrance)
{
	if (!entrance_is_tcp(entrance)) {
		entrance_close(entrance);
		return;
	}
	for (unsigned i = 0; i < entrance->count; i++)
		socket_unlisten(entrance->fds[i]);
	(void)socket_hold(entrance->fds[0], true);
	entrance_let_in(entrance);
	entrance->listens = false;
}

static int add_fd(struct entrance *entrance, int fd)
{
	entrance->fds[entrance->count++] = fd;
	return 0;
}

static int add_socket(struct entrance *entrance, const struct socket_tuning *tuning,
                      enum socket_sharing sharing)
{
	int fd = socket_bind(&entrance->endpoint, tuning, sharing, entrance->key.dual_stack);

	return fd < 0 ? fd : add_fd(entrance, fd);
}

static int remember_path(struct entrance *entrance)
{
	const struct endpoint *endpoint = &entrance->endpoint;

	if (!endpoint_is_path(endpoint))
		return 0;
	if (lstat(endpoint->un.sun_path, &entrance->made) < 0)
		return -errno;
	if (!S_ISSOCK(entrance->made.st_mode)) /* somebody has replaced it meanwhile */
		return -EADDRINUSE;
	entrance->unlink_path = endpoint->un.sun_path;
	return 0;
}

/*
 * The first socket settles which port 0 stands for. Only a socket that is bound to it by its number keeps it
 * while it refuses.
 */
static int settle_port(struct entrance *entrance, const struct socket_tuning *tuning)
{
	struct endpoint *endpoint = &entrance->endpoint;
	int chosen = entrance->fds[0], error;

	if (endpoint_port(endpoint) != 0)
		return 0;
	endpoint->length = sizeof(endpoint->un);
	if (getsockname(chosen, &endpoint->any, &endpoint->length) < 0)
		return -errno;
	entrance->count = 0;
	error = add_socket(entrance, tuning, SOCKET_SOLE);
	close(chosen);
	return error;
}

static int bind_tcp(struct entrance *entrance, const struct socket_tuning *tuning, unsigned workers)
{
	int error = add_socket(entrance, tuning, SOCKET_SOLE);

	if (!error)
		error = settle_port(entrance, tuning);
	for (unsigned i = 1; !error && i < workers; i++)
		error = add_socket(entrance, tuning, SOCKET_SHARED);
	return error;
}

int entrance_set_access(struct entrance *entrance, const struct unix_access *access)
{
	int error = 0;

	if (!endpoint_is_path(&entrance->endpoint) || unix_access_equal(access, &entrance->access))
		return 0;
	if (entrance->unlink_path)
		error = unix_path_apply(entrance->unlink_path, &entrance->made, access);
	if (!error)
		entrance->access = *access;
	return error;
}

static int bind_unix(struct entrance *entrance, const struct socket_tuning *tuning)
{
	int error = add_socket(entrance, tuning, SOCKET_SOLE);

	entrance->shared = true;
	return error ? error : remember_path(entrance);
}

static int take_passed(struct entrance *entrance)
{
	entrance->shared = true;
	return add_fd(entrance, entrance->key.passed->fd);
}

static int bind_sockets(struct entrance *entrance, unsigned workers)
{
	int error;

	entrance->fds = calloc(workers, sizeof(*entrance->fds));
	if (!entrance->fds)
		return -ENOMEM;
	if (entrance_is_passed(entrance))
		error = take_passed(entrance);
	else if (entrance->endpoint.any.sa_family == AF_UNIX)
		error = bind_unix(entrance, &entrance->tuning);
	else
		error = bind_tcp(entrance, &entrance->tuning, workers);
	if (error)
		entrance_close(entrance);
	return error;
}

static int add_worker_socket(struct entrance *entrance)
{
	int error = add_socket(entrance, &entrance->tuning, SOCKET_SHARED);

	if (error || !entrance->listens)
		return error;
	error = socket_listen(entrance->fds[entrance->count - 1]);
	if (error)
		close(entrance->fds[--entrance->count]);
	return error;
}

static int widen(struct entrance *entrance)
{
	int *grown = reallocarray(entrance->fds, entrance->workers, sizeof(*grown)), error = 0;

	if (!grown)
		return -ENOMEM;
	entrance->fds = grown;
	if (entrance->listens && entrance->count == 1)
		error = socket_share(entrance->fds[0]);
	while (!error && entrance->count < entrance->workers)
		error = add_worker_socket(entrance);
	return error;
}

void entrance_widen(struct entrance *entrance)
{
	int error = entrance->count > 0 && entrance->count < entrance_most(entrance) ? widen(entrance) : 0;

	if (error)
		log_warning("clients at %s: %u listening sockets for %u workers: %s", entrance->text,
		            entrance->count, entrance->workers, strerror(-error));
}

static int release(struct entrance *entrance)
{
	int error = socket_hold(entrance->fds[0], false);

	if (!error)
		entrance_widen(entrance);
	return error;
}

int entrance_bind_again(struct entrance *entrance, unsigned workers)
{
	int error;

	atomic_store(&entrance->was_shut, false);
	entrance->linger_until = 0;
	if (entrance->count > 0)
		return release(entrance);
	entrance->tuning.access = &entrance->access;
	error = bind_sockets(entrance, workers);
	if (!error && unix_access_is_set(&entrance->access))
		error = unix_path_apply(entrance->unlink_path, &entrance->made, &entrance->access);
	if (error)
		entrance_close(entrance);
	return error;
}

int entrance_bind(struct entrance *entrance, const struct entrance_key *key,
                  const struct socket_tuning *tuning, unsigned workers)
{
	int error;

	*entrance = (struct entrance){
	        .key = *key, .endpoint = key->endpoint, .tuning = *tuning, .workers = workers};
	error = bind_sockets(entrance, workers);
	if (error)
		return error;
	endpoint_format(&entrance->endpoint.any, entrance->endpoint.length, entrance->text);
	return 0;
}

/*
 * With SO_REUSEPORT, a second daemon of the same user could join in unnoticed and get half of the clients. So
 * the first socket goes without it until it listens, which fails if another daemon listens there. It stays
 * open, because closing a listening socket resets the clients that wait in it.
 */
int entrance_listen(struct entrance *entrance)
{
	int error = 0;

	if (entrance->listens)
		return 0;
	if (!entrance_is_passed(entrance))
		error = socket_listen(entrance->fds[0]);
	if (!error && entrance->count > 1)
		error = socket_share(entrance->fds[0]);
	for (unsigned i = 1; !error && i < entrance->count; i++)
		error = socket_listen(entrance->fds[i]);
	entrance->listens = !error;
	return error;
}

/* Whether the entrance stands for every address of this family that the machine has. */
static bool is_for_all(const struct entrance *entrance, sa_family_t family)
{
	const struct endpoint *own = &entrance->endpoint;

	if (own->any.sa_family == AF_INET)
		return family == AF_INET && own->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return own->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&own->in6.sin6_addr) &&
	       (family == AF_INET6 || (family == AF_INET && entrance->key.dual_stack));
}

bool entrance_overlaps(const struct entrance *a, const struct entrance *b)
{
	const struct endpoint *one = &a->endpoint, *other = &b->endpoint;

	if (endpoint_equal(one, other))
		return true;
	return (is_for_all(a, other->any.sa_family) || is_for_all(b, one->any.sa_family)) &&
	       endpoint_port(one) == endpoint_port(other);
}

bool entrance_matches(const struct entrance *entrance, const struct endpoint *endpoint)
{
	const struct endpoint *own = &entrance->endpoint;
	struct endpoint to = endpoint_reached(endpoint);

	if (endpoint_equal(own, &to))
		return true;
	return is_for_all(entrance, to.any.sa_family) && endpoint_port(own) == endpoint_port(&to) &&
	       socket_address_is_ours(&to);
}
