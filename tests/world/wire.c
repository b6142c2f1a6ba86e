/*
 * wire INTERFACE CONTROL-FIFO [large]
 *
 * A network cable with bad habits, for one machine in one network namespace. It holds a TUN interface whose
 * address ends in .1. Every other address of that network is a link. A packet to a link comes back with
 * source and destination exchanged: whoever connects to link .2 reaches a listener on .1, and is seen there
 * as .2. The exchange leaves every checksum right.
 *
 * With the word "large" it takes TCP segments before the kernel has cut them to the MTU, up to 64 KiB each.
 * It carries four times as much then, and what it delays or loses is such a segment. At most ON_THE_WAY_MAX
 * bytes are on their way; the rest is lost.
 *
 * Lines in CONTROL-FIFO say how a link behaves: "LINK KEY VALUE", where LINK is the last byte of its address.
 *
 *   delay MS, jitter MS   every packet takes delay plus up to jitter, and none overtakes another
 *   late PERCENT          so many packets take LATE_MS more, and are overtaken
 *   loss PERCENT          so many are lost
 *   rate KIB              so many KiB a second are carried each way; 0: as many as come
 *   queue KIB             so many KiB wait for that, QUEUE_KIB unless told; what comes then is lost
 *   down 1                all are lost, down 0 ends it
 */
#include "build_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
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

enum {
	LINKS = 256,
	PACKET_MAX = 65536 + 64,
	LATE_MS = 12,
	TURN = 64,
	ON_THE_WAY_MAX = 48 << 20,
	QUEUE_KIB = 64
};

#define NS_PER_MS 1000000u

struct link {
	unsigned delay, jitter, late, loss, down, rate, queue;
	uint64_t last_due;   /* of a packet that is not late */
	uint64_t carried[2]; /* each way: when all that has come so far is carried */
};

struct packet {
	TAILQ_ENTRY(packet) next;
	uint64_t due;
	size_t length;
	unsigned char bytes[]; /* with the virtio header, if there is one */
};

static struct link links[LINKS];
/* Sorted by the time they are due. */
static TAILQ_HEAD(packet_queue, packet) on_the_way = TAILQ_HEAD_INITIALIZER(on_the_way);
static size_t on_the_way_bytes;
static size_t header_size; /* of the virtio header before each packet */
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
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The same decisions in every run. */
static bool chance(unsigned percent)
{
	return (unsigned)random() % 100 < percent;
}

/* Which of two ways: addresses are the same on both, but the ports are exchanged. */
static unsigned way_of(const unsigned char *ip, size_t length)
{
	size_t ports = (ip[0] & 0xfu) * 4;

	return ports + 4 <= length && memcmp(ip + ports, ip + ports + 2, 2) < 0;
}

/* When a packet is carried that comes now; 0: it finds no room. */
static uint64_t carry(struct link *link, unsigned way, size_t length)
{
	uint64_t now = clock_now(), begin = link->carried[way] > now ? link->carried[way] : now;
	uint64_t queue = link->queue ? link->queue : QUEUE_KIB;

	if (!link->rate)
		return now;
	if ((begin - now) * link->rate > queue * 1000000000)
		return 0;
	link->carried[way] = begin + length * 1000000000 / 1024 / link->rate;
	return link->carried[way];
}

static uint64_t due_time(struct link *link, uint64_t carried)
{
	uint64_t due = carried + (uint64_t)link->delay * NS_PER_MS;

	if (link->jitter)
		due += (uint64_t)random() % ((uint64_t)link->jitter * NS_PER_MS);
	if (chance(link->late))
		return due + (uint64_t)LATE_MS * NS_PER_MS;
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
	on_the_way_bytes += packet->length;
}

static void send_packet(struct packet *packet)
{
	/* The interface may be down: then the packet is lost like any other. */
	if (write(tun, packet->bytes, packet->length) < 0 && errno != EIO && errno != EAGAIN)
		die("write");
	TAILQ_REMOVE(&on_the_way, packet, next);
	on_the_way_bytes -= packet->length;
	free(packet);
}

/* Returns how long it is until the next packet is due. */
static struct timespec send_due(void)
{
	uint64_t now = clock_now(), left;
	struct packet *packet;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): send_packet takes it off the queue */
	while ((packet = TAILQ_FIRST(&on_the_way)) && packet->due <= now)
		send_packet(packet);
	left = packet ? packet->due - now : 1000 * NS_PER_MS;
	return (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
}

static bool is_lost(const struct link *link, size_t length)
{
	return link->down || chance(link->loss) || on_the_way_bytes + length > ON_THE_WAY_MAX;
}

static void take(const unsigned char *bytes, size_t length)
{
	struct iphdr header;
	struct packet *packet;
	unsigned char *copy;
	struct link *link;
	uint64_t carried;

	if (length < header_size + sizeof(header))
		return;
	memcpy(&header, bytes + header_size, sizeof(header));
	link = &links[ntohl(header.daddr) & 0xff];
	if (header.version != 4 || is_lost(link, length))
		return;
	carried = carry(link, way_of(bytes + header_size, length - header_size), length);
	if (!carried)
		return;
	packet = malloc(sizeof(*packet) + length);
	if (!packet)
		die("memory");
	packet->due = due_time(link, carried);
	packet->length = length;
	memcpy(packet->bytes, bytes, length);
	copy = packet->bytes + header_size;
	memcpy(copy + offsetof(struct iphdr, saddr), &header.daddr, sizeof(header.daddr));
	memcpy(copy + offsetof(struct iphdr, daddr), &header.saddr, sizeof(header.saddr));
	insert(packet);
}

/* Not for ever: some packets may have become due. */
static void take_some(void)
{
	static unsigned char bytes[PACKET_MAX];
	ssize_t length;

	for (int i = 0; i < TURN && (length = read(tun, bytes, sizeof(bytes))) > 0; i++)
		take(bytes, (size_t)length);
}

static unsigned *setting(struct link *link, const char *key)
{
	const struct {
		const char *key;
		unsigned *value;
	} settings[] = {
	        {"delay", &link->delay}, {"jitter", &link->jitter}, {"late", &link->late},
	        {"loss", &link->loss},   {"rate", &link->rate},     {"queue", &link->queue},
	        {"down", &link->down},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].key, key) == 0)
			return settings[i].value;
	return NULL;
}

static void obey(const char *line)
{
	unsigned number, value, *place = NULL;
	char key[16];

	if (sscanf(line, "%u %15s %u", &number, key, &value) == 3 && number < LINKS)
		place = setting(&links[number], key);
	if (!place) {
		fprintf(stderr, "wire: not an order: %s", line);
		exit(EXIT_FAILURE);
	}
	*place = value;
}

/* A line is short, so a FIFO hands it out whole. */
static void obey_all(FILE *orders)
{
	char line[64];

	while (fgets(line, sizeof(line), orders))
		obey(line);
	clearerr(orders);
}

/* A segment keeps its virtio header, which says how to cut it, until the kernel takes it back. */
static void open_tun(const char *name, bool large)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | (large ? IFF_VNET_HDR : 0)};

	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0)
		die(name);
	if (ioctl(tun, TUNSETOFFLOAD, large ? TUN_F_CSUM | TUN_F_TSO4 : 0) < 0)
		die("TUNSETOFFLOAD");
	header_size = large ? sizeof(struct virtio_net_hdr) : 0;
}

int main(int argc, char *argv[])
{
	FILE *orders;

	if (argc != 3 && (argc != 4 || strcmp(argv[3], "large") != 0))
		return EXIT_FAILURE;
	open_tun(argv[1], argc == 4);
	control = open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC); /* for writing too: it never ends */
	orders = control < 0 ? NULL : fdopen(control, "r");
	if (!orders)
		die(argv[2]);
	for (;;) {
		struct pollfd fds[] = {{.fd = tun, .events = POLLIN}, {.fd = control, .events = POLLIN}};
		struct timespec left = send_due();

		/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): orders is in use below, for ever */
		if (ppoll(fds, 2, &left, NULL) < 0)
			die("poll");
		if (fds[1].revents)
			obey_all(orders);
		if (fds[0].revents)
			take_some();
	}
}
