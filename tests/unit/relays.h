/*
 * Shared by the tests of the layers above the flow: a relay made from command-line settings, addresses as
 * text, the log, and counting descriptors.
 */
#ifndef WEIR_UNIT_RELAYS_H
#define WEIR_UNIT_RELAYS_H

#include "capture.h"
#include "config/config.h"
#include "loop.h"
#include "relay/generation.h"
#include "relay/relay.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>

/* A list of texts, ended by NULL. */
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define LISTEN     TEXTS("127.0.0.1:0")

static inline char **relays_copy(const char *const *list, size_t *count)
{
	char **copy = calloc(32, sizeof(*copy));

	ck_assert_ptr_nonnull(copy);
	for (*count = 0; list && list[*count]; ++*count)
		copy[*count] = strdup(list[*count]);
	return copy;
}

static inline void relays_free_copy(char **copy, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(copy[i]);
	free(copy);
}

/* The lists are the arguments of -l, -T and -o. The last may be NULL. */
static inline struct config *relays_config(const char *const *listen, const char *const *target,
                                           const char *const *option)
{
	struct config_request request = {.file = NULL};
	struct config_errors errors = {.count = 0};
	struct config *config;

	request.listen = relays_copy(listen, &request.listen_count);
	request.target = relays_copy(target, &request.target_count);
	request.option = relays_copy(option, &request.option_count);
	config = config_load(&request, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count > 0 ? errors.text[0] : "?");
	config_errors_deinit(&errors);
	relays_free_copy(request.listen, request.listen_count);
	relays_free_copy(request.target, request.target_count);
	relays_free_copy(request.option, request.option_count);
	return config;
}

/* As a file with one relay whose targets are these lines. */
static inline struct config *relays_config_of(const char *lines)
{
	char path[] = "/tmp/weir-test-relays-XXXXXX";
	struct config_request request = {.file = path};
	struct config_errors errors = {.count = 0};
	int fd = mkstemp(path);
	struct config *config;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "[relay command-line]\nlisten = 127.0.0.1:0\n%s", lines), 0);
	close(fd);
	config = config_load(&request, &errors);
	unlink(path);
	ck_assert_msg(config != NULL, "%s", errors.count > 0 ? errors.text[0] : "?");
	config_errors_deinit(&errors);
	return config;
}

static inline bool relays_has_port(struct sockaddr_in *address, unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), result;

	address->sin_port = htons((in_port_t)port);
	result = bind(fd, (struct sockaddr *)address, sizeof(*address));
	close(fd);
	return result == 0;
}

/* The first of so many ports of this address that are in a row and that nobody has. */
static inline unsigned relays_free_ports(const char *ip, unsigned count)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	unsigned in_a_row = 0;

	ck_assert_int_eq(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	for (unsigned port = 40000; port < 65000; port++) {
		in_a_row = relays_has_port(&address, port) ? in_a_row + 1 : 0;
		if (in_a_row == count)
			return port - count + 1;
	}
	ck_abort_msg("no free ports");
	return 0;
}

/* Where relays_listen takes entrances. No relay takes over those of another. */
static inline struct facade *relays_facade(unsigned workers)
{
	static struct facade facade;

	if (facade.workers == 0)
		facade_init(&facade, workers);
	facade.workers = workers;
	return &facade;
}

/* The relay of this configuration, the only one of its generation. It must be freed with relays_free. */
static inline struct relay *relays_make(struct config *config, struct resolver *resolver, unsigned workers)
{
	struct standings *standings = standings_new(workers, NULL);
	struct generation *generation;

	ck_assert_ptr_nonnull(standings);
	generation = generation_new(config, standings, resolver, NULL);
	ck_assert_ptr_nonnull(generation);
	config_put(config);
	return generation->relays[0];
}

static inline struct relay *relays_new(const char *const *listen, const char *const *target,
                                       const char *const *option, struct resolver *resolver, unsigned workers)
{
	return relays_make(relays_config(listen, target, option), resolver, workers);
}

/* Nobody holds it any more. Takes NULL. */
static inline void relays_free(struct relay *relay)
{
	struct standings *standings = relay ? relay->standing->standings : NULL;

	relay_put(relay);
	standings_free(standings);
}

/* A socket that listens, or -errno. */
static inline int relays_listen_at(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                                   enum socket_sharing sharing, bool dual_stack)
{
	int fd = socket_bind(endpoint, tuning, sharing, dual_stack);
	int error = fd < 0 ? fd : socket_listen(fd);

	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

/* As the daemon does when it starts. */
static inline int relays_listen(struct relay *relay)
{
	int error = relay_bind(relay, relays_facade(relay->generation->workers), NULL);

	return error ? error : relay_listen(relay);
}

/* That of the worker whose's first socket of the entrance, or -1. */
static inline int entrance_fd(const struct entrance *entrance, unsigned whose)
{
	unsigned number = entrance_first(entrance, whose);

	return number < entrance->count ? entrance->fds[number] : -1;
}

/* A socket's own address as text, in one of eight buffers used in turn. */
static inline const char *relays_address(int fd)
{
	static char text[8][ADDRESS_TEXT_MAX];
	static unsigned next;
	struct endpoint endpoint = {.length = sizeof(endpoint.un)};

	ck_assert_int_eq(getsockname(fd, &endpoint.any, &endpoint.length), 0);
	return endpoint_format(&endpoint.any, endpoint.length, text[next++ % 8]);
}

static inline int relays_connect(int listener)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.un)};
	int fd;

	ck_assert_int_eq(getsockname(listener, &endpoint.any, &endpoint.length), 0);
	fd = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, &endpoint.any, endpoint.length), 0);
	loop_nonblocking(fd);
	return fd;
}

static inline unsigned relays_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

#endif
