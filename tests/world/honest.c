/*
 * honest fresh|established ADDRESS MILLISECONDS
 *
 * A client that does nothing wrong: round trips of one small message, one after the other, to something that
 * sends back what it gets. "fresh": a connection for each, from connect to the answer. Prints how many there
 * were and how long the middle one, the 99th of 100 and the longest took. The exit status is 1 if one of them
 * failed.
 */
#include "build_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TRIPS_MAX = 100000, PAUSE_US = 2000, PATIENCE_S = 30 };

static struct sockaddr_in relay;
static uint32_t trips[TRIPS_MAX];
static size_t count;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "honest: %s: %s after %zu round trips\n", what, strerror(errno), count);
	exit(EXIT_FAILURE);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int connect_to_relay(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&relay, sizeof(relay)) < 0)
		die("connect");
	return fd;
}

static void ask(int fd)
{
	char question[16] = "honest question", answer[16];

	if (send(fd, question, sizeof(question), MSG_NOSIGNAL) != sizeof(question))
		die("send");
	errno = 0;
	if (recv(fd, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		die("recv");
	if (memcmp(question, answer, sizeof(answer)) != 0)
		die("the answer is another one");
}

static void visit(int fd)
{
	uint64_t began = now_us();
	int own = fd < 0 ? connect_to_relay() : fd;

	ask(own);
	trips[count++] = (uint32_t)(now_us() - began);
	if (fd < 0)
		close(own);
	usleep(PAUSE_US);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void parse_address(char *text)
{
	char *colon = strrchr(text, ':');

	relay.sin_family = AF_INET;
	if (colon)
		*colon = '\0';
	if (!colon || inet_pton(AF_INET, text, &relay.sin_addr) != 1)
		exit(EXIT_FAILURE);
	relay.sin_port = htons((uint16_t)atoi(colon + 1));
}

int main(int argc, char *argv[])
{
	uint64_t end;
	int fd = -1;

	if (argc != 4)
		return EXIT_FAILURE;
	parse_address(argv[2]);
	if (strcmp(argv[1], "established") == 0)
		fd = connect_to_relay();
	end = now_us() + strtoull(argv[3], NULL, 10) * 1000;
	do
		visit(fd);
	while (now_us() < end && count < TRIPS_MAX);
	qsort(trips, count, sizeof(trips[0]), compare);
	printf("%s: %zu round trips, p50 %u us, p99 %u us, longest %u us\n", argv[1], count, trips[count / 2],
	       trips[count * 99 / 100], trips[count - 1]);
	return EXIT_SUCCESS;
}
