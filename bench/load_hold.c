/* Connections that are only held open: idle, or given bytes that they read slowly or not at all. */
#include "build_config.h"

#include "load_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 10

static void read_slowly(const int *fds, const struct load_options *options)
{
	size_t share = options->rate * TICK_MS / 1000;

	for (unsigned i = 0; i < options->connections; i++)
		if (recv(fds[i], NULL, share, MSG_TRUNC) < 0 && errno != EAGAIN)
			load_die("receive on a held connection");
}

/* Reads at the rate asked for until standard input ends. The line that starts other clients is ignored. */
static void hold(const int *fds, const struct load_options *options)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[16];

	for (;;) {
		int ready = poll(&input, 1, options->rate != 0 ? TICK_MS : -1);

		if (ready < 0)
			load_die("poll");
		if (ready > 0 && read(STDIN_FILENO, line, sizeof(line)) <= 0)
			return;
		if (options->rate != 0)
			read_slowly(fds, options);
	}
}

int load_hold(const struct load_options *options)
{
	struct load_request request = {.magic = LOAD_MAGIC,
	                               .flags = options->flags != 0 ? options->flags : LOAD_ECHO,
	                               .give = LOAD_FOREVER,
	                               .send_buffer = options->buffer,
	                               .piece = options->piece};
	int *fds = load_alloc(options->connections, sizeof(*fds));

	for (unsigned i = 0; i < options->connections; i++) {
		fds[i] = client_open(options, &request);
		if (request.flags & LOAD_GIVE)
			client_ask_to_give(fds[i]);
	}
	puts("ready");
	if (fflush(stdout) != 0)
		load_die("standard output");
	hold(fds, options);
	free(fds);
	return EXIT_SUCCESS;
}
