/*
 * The two peers that scripts/quickstart puts around weir: an echo target and a client. The client sends and
 * sends without reading, then reads slowly and compares what came back with what it sent.
 */
#include "build_config.h"

#include "net/address.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BLOCK   (256 * 1024)
#define MIB     (1024 * 1024)
#define PACE_NS 4000000 /* the slow reader's rest after each block: about 60 MiB/s */

/* One end of a transfer: what went through it, and its FNV-1a checksum. */
struct tally {
	uint64_t bytes;
	uint64_t checksum;
};

struct sender {
	int fd;
	uint64_t bytes; /* to send */
	struct tally sent;
};

static void tally_add(struct tally *tally, const unsigned char *data, size_t length)
{
	uint64_t sum = tally->bytes == 0 ? 0xcbf29ce484222325 : tally->checksum;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ data[i]) * 0x100000001b3;
	tally->checksum = sum;
	tally->bytes += length;
}

/* Bytes that nothing on the way could guess or repeat unseen (xorshift64). */
static void fill(unsigned char *block, size_t length, uint64_t *seed)
{
	for (size_t at = 0; at < length; at += sizeof(*seed)) {
		*seed ^= *seed << 13;
		*seed ^= *seed >> 7;
		*seed ^= *seed << 17;
		memcpy(block + at, seed, sizeof(*seed));
	}
}

static void send_whole(int fd, const unsigned char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0)
			err(EXIT_FAILURE, "send");
		data += sent;
		length -= (size_t)sent;
	}
}

static size_t receive(int fd, unsigned char *data, size_t length)
{
	ssize_t received = recv(fd, data, length, 0);

	if (received < 0)
		err(EXIT_FAILURE, "recv");
	return (size_t)received;
}

/* One echo connection; a client that goes away ends it and nothing else, so errors are not worth a word. */
static void *echo_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned char *block = malloc(BLOCK);
	ssize_t received;

	while (block && (received = recv(fd, block, BLOCK, 0)) > 0) {
		for (ssize_t at = 0, sent; at < received; at += sent) {
			sent = send(fd, block + at, (size_t)(received - at), MSG_NOSIGNAL);
			if (sent < 0)
				goto end;
		}
	}
end:
	free(block);
	close(fd);
	return NULL;
}

static int listen_anywhere(void)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.in)};
	char text[ADDRESS_TEXT_MAX];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	endpoint.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, &endpoint.any, endpoint.length) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, &endpoint.any, &endpoint.length) < 0)
		err(EXIT_FAILURE, "cannot listen on 127.0.0.1");
	puts(endpoint_format(&endpoint.any, endpoint.length, text));
	fflush(stdout);
	return fd;
}

static int echo_main(void)
{
	int listener = listen_anywhere();

	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (fd < 0)
			err(EXIT_FAILURE, "accept");
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): a descriptor in a thread's argument */
		if (pthread_create(&thread, NULL, echo_connection, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
		else
			close(fd);
	}
}

static int connect_to(const char *text)
{
	struct address address;
	int fd;

	if (address_parse(text, &address) < 0 || address.kind != ADDRESS_LITERAL)
		errx(EXIT_FAILURE, "not an address such as 127.0.0.1:80: %s", text);
	fd = socket(address.endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &address.endpoint.any, address.endpoint.length) < 0)
		err(EXIT_FAILURE, "cannot connect to %s", text);
	address_deinit(&address);
	return fd;
}

static void *sender_run(void *arg)
{
	struct sender *sender = arg;
	uint64_t seed = 0x9e3779b97f4a7c15;
	unsigned char *block = malloc(BLOCK);

	if (!block)
		err(EXIT_FAILURE, "malloc");
	while (sender->sent.bytes < sender->bytes) {
		fill(block, BLOCK, &seed);
		send_whole(sender->fd, block, BLOCK);
		tally_add(&sender->sent, block, BLOCK);
	}
	free(block);
	return NULL;
}

/* Reads at a slow reader's pace until bytes have come, or fewer if the stream ends before. */
static struct tally read_slowly(int fd, uint64_t bytes)
{
	const struct timespec pace = {.tv_nsec = PACE_NS};
	unsigned char *block = malloc(BLOCK);
	struct tally received = {0};
	size_t length;

	if (!block)
		err(EXIT_FAILURE, "malloc");
	while (received.bytes < bytes && (length = receive(fd, block, BLOCK)) > 0) {
		tally_add(&received, block, length);
		nanosleep(&pace, NULL);
	}
	free(block);
	return received;
}

/* A line, or the end, of standard input: whoever started us says when to go on. */
static void wait_for_word(const char *prompt)
{
	int c;

	puts(prompt);
	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Says that no more comes, as a client does that is done, and expects the same from the other side and no
 * byte before. */
static bool end_cleanly(int fd)
{
	unsigned char byte;

	if (shutdown(fd, SHUT_WR) < 0)
		err(EXIT_FAILURE, "shutdown");
	return receive(fd, &byte, 1) == 0;
}

static int transfer_main(const char *address, uint64_t bytes)
{
	struct sender sender = {.fd = connect_to(address), .bytes = bytes};
	struct timespec start;
	struct tally received;
	pthread_t thread;
	bool same;

	if (pthread_create(&thread, NULL, sender_run, &sender) != 0)
		errx(EXIT_FAILURE, "cannot start a thread");
	wait_for_word("sending, not reading; Enter starts the reading");
	clock_gettime(CLOCK_MONOTONIC, &start);
	received = read_slowly(sender.fd, bytes);
	pthread_join(thread, NULL);
	printf("sent=%" PRIu64 " received=%" PRIu64 " sent_checksum=%016" PRIx64
	       " received_checksum=%016" PRIx64 " seconds=%.2f\n",
	       sender.sent.bytes, received.bytes, sender.sent.checksum, received.checksum,
	       seconds_since(&start));
	same = received.bytes == bytes && received.checksum == sender.sent.checksum;

	wait_for_word(same ? "same; Enter ends the connection" : "different; Enter ends the connection");
	return same && end_cleanly(sender.fd) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "echo") == 0)
		return echo_main();
	if (argc == 4 && strcmp(argv[1], "transfer") == 0 && strtoull(argv[3], NULL, 10) > 0)
		return transfer_main(argv[2], strtoull(argv[3], NULL, 10) * MIB);
	fprintf(stderr, "usage: quickstart_peer echo                  an echo target; prints its address\n"
	                "       quickstart_peer transfer ADDRESS MIB  a slow reader; needs an echo target "
	                "behind ADDRESS\n");
	return EXIT_FAILURE;
}
