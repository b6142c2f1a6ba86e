/* Asks for /metrics, so many times and so often, as a monitoring system does. */
#include "build_config.h"

#include "load_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct scraper {
	const struct load_options *options;
	uint64_t bytes;      /* of the last answer */
	uint64_t slowest_ns; /* of all answers */
	struct client_failures failures;
};

/* How many bytes came up to the end of the stream, or -1. *ok: the first ones say that all is well. */
static ssize_t receive_all(int fd, bool *ok)
{
	static const char expected[] = "HTTP/1.1 200 ";
	static char answer[65536];
	ssize_t received, total = 0;

	while ((received = recv(fd, answer, sizeof(answer), 0)) > 0) {
		if (total == 0)
			*ok = strncmp(answer, expected, sizeof(expected) - 1) == 0;
		total += received;
	}
	return received < 0 ? -1 : total;
}

static void scrape(struct scraper *scraper)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	uint64_t start = load_now_ns(), took;
	int fd = client_connect(scraper->options);
	bool ok = false;
	ssize_t received = -1;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1)
		received = receive_all(fd, &ok);
	if (received < 0)
		client_failed(&scraper->failures, strerror(errno));
	else if (!ok)
		client_failed(&scraper->failures, "no metrics");
	close(fd);
	took = load_now_ns() - start;
	scraper->bytes = received > 0 ? (uint64_t)received : 0;
	scraper->slowest_ns = took > scraper->slowest_ns ? took : scraper->slowest_ns;
}

static void sleep_until(uint64_t ns)
{
	uint64_t now = load_now_ns(), left = ns > now ? ns - now : 0;
	struct timespec time = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};

	nanosleep(&time, NULL);
}

/* The last one has as much time to itself as the others. */
int load_scrape(const struct load_options *options)
{
	struct scraper scraper = {.options = options};
	uint64_t start;

	client_start();
	start = load_now_ns();
	for (uint64_t i = 0; i < options->count; i++) {
		scrape(&scraper);
		sleep_until(start + (i + 1) * 1000000000 / options->rate);
	}
	printf("{\"seconds\": %.6f, \"bytes\": %llu, \"longest_ms\": %.3f, ",
	       (double)(load_now_ns() - start) / 1e9, (unsigned long long)scraper.bytes,
	       (double)scraper.slowest_ns / 1e6);
	client_print_failures(&scraper.failures);
	client_finish();
	return EXIT_SUCCESS;
}
