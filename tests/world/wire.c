/*
 * wire INTERFACE CONTROL-FIFO
 *
 * A network cable with bad habits, for one machine in one network namespace. It holds a TUN interface whose
 * address ends in .1. Every other address of that network is a link. A packet to a link comes back with
 * source and destination exchanged: whoever connects to link .2 reaches a listener on .1, and is seen there
 * as .2. The exchange leaves every checksum right.
 *
 * Lines in CONTROL-FIFO say how a link behaves: "LINK KEY VALUE", where LINK is the last byte of its address.
 *
 *   delay MS, jitter MS   every packet takes delay plus up to jitter, and none overtakes another
 *   late PERCENT          so many packets take LATE_MS more, and are overtaken
 *   loss PERCENT          so many are lost
 *   down 1                all are lost, down 0 ends it
 */
#include "build_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 256, PACKET_MAX = 2048, LATE_MS = 12, ON_THE_WAY_MAX = 20000 };

struct link {
	unsigned delay, jitter, late, loss, down;
	uint64_t last_due; /* of a packet that is not late */
};

struct packet {
	TAILQ_ENTRY(packet) next;
	uint64_t due;
	size_t length;
	unsigned char bytes[];
};

static struct link links[LINKS];
/* Sorted by the time they are due. */
static TAILQ_HEAD(packet_queue, packet) on_the_way = TAILQ_HEAD_INITIALIZER(on_the_way);
static size_t on_the_way_count;
static int tun, control;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The same decisions in every run. */
static bool chance(unsigned percent)
{
	return (unsigned)random() % 100 < percent;
}

static uint64_t due_time(struct link *link)
{
	uint64_t due = clock_now() + link->delay;

	if (link->jitter)
		due += (unsigned)random() % link->jitter;
	if (chance(link->late))
		return due + LATE_MS;
	if (due < link->last_due)
		due = link->last_due;
	link->last_due = due;
	return due;
}

static void insert(struct packet *packet)
{
	struct packet *before = TAILQ_LAST(&on_the_way, packet_queue);

	while (before && before->due > packet->due)
		before = TAILQ_PREV(before, packet_queue, next);
	if (before)
		TAILQ_INSERT_AFTER(&on_the_way, before, packet, next);
	else
		TAILQ_INSERT_HEAD(&on_the_way, packet, next);
	on_the_way_count++;
}

static void send_packet(struct packet *packet)
{
	/* The interface may be down: then the packet is lost like any other. */
	if (write(tun, packet->bytes, packet->length) < 0 && errno != EIO && errno != EAGAIN)
		die("write");
	TAILQ_REMOVE(&on_the_way, packet, next);
	on_the_way_count--;
	free(packet);
}

static uint64_t send_due(void)
{
	uint64_t now = clock_now();
	struct packet *packet;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): send_packet takes it off the queue */
	while ((packet = TAILQ_FIRST(&on_the_way)) && packet->due <= now)
		send_packet(packet);
	return packet ? packet->due - now : 1000;
}

static void take(const unsigned char *bytes, size_t length)
{
	struct iphdr header;
	struct packet *packet;
	struct link *link;

	if (length < sizeof(header))
		return;
	memcpy(&header, bytes, sizeof(header));
	link = &links[ntohl(header.daddr) & 0xff];
	if (header.version != 4 || link->down || chance(link->loss) || on_the_way_count >= ON_THE_WAY_MAX)
		return;
	packet = malloc(sizeof(*packet) + length);
	if (!packet)
		die("memory");
	packet->due = due_time(link);
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	memcpy(packet->bytes + offsetof(struct iphdr, saddr), &header.daddr, sizeof(header.daddr));
	memcpy(packet->bytes + offsetof(struct iphdr, daddr), &header.saddr, sizeof(header.saddr));
	insert(packet);
}

static void take_all(void)
{
	unsigned char bytes[PACKET_MAX];
	ssize_t length;

	while ((length = read(tun, bytes, sizeof(bytes))) > 0)
		take(bytes, (size_t)length);
}

static void obey(const char *line)
{
	unsigned number, value;
	char key[16];
	struct link *link;

	if (sscanf(line, "%u %15s %u", &number, key, &value) != 3 || number >= LINKS) {
		fprintf(stderr, "wire: not an order: %s", line);
		exit(EXIT_FAILURE);
	}
	link = &links[number];
	if (strcmp(key, "delay") == 0)
		link->delay = value;
	else if (strcmp(key, "jitter") == 0)
		link->jitter = value;
	else if (strcmp(key, "late") == 0)
		link->late = value;
	else if (strcmp(key, "loss") == 0)
		link->loss = value;
	else
		link->down = value;
}

/* A line is short, so a FIFO hands it out whole. */
static void obey_all(FILE *orders)
{
	char line[64];

	while (fgets(line, sizeof(line), orders))
		obey(line);
	clearerr(orders);
}

static void open_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0)
		die(name);
}

int main(int argc, char *argv[])
{
	FILE *orders;

	if (argc != 3)
		return EXIT_FAILURE;
	open_tun(argv[1]);
	control = open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC); /* for writing too: it never ends */
	orders = control < 0 ? NULL : fdopen(control, "r");
	if (!orders)
		die(argv[2]);
	for (;;) {
		struct pollfd fds[] = {{.fd = tun, .events = POLLIN}, {.fd = control, .events = POLLIN}};

		/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): orders is in use below, for ever */
		if (poll(fds, 2, (int)send_due()) < 0)
			die("poll");
		if (fds[1].revents)
			obey_all(orders);
		if (fds[0].revents)
			take_all();
	}
}
