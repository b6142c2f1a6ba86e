#include "build_config.h"

#include "net/local_ports.h"

#include "base/clock.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Other programs must not notice. connect(2) without a port passes over every port that somebody has bound,
 * whatever its destination, even in TIME_WAIT. With the whole range bound, it fails for all programs. It
 * first searches every second port of the range, beginning with the lowest. bind(2) to port 0 searches the
 * others. weir takes only some of those others: at most three quarters, and no more than it needs.
 */
#define FEW_PORTS 512
static unsigned most_of(size_t count)
{
	return (unsigned)(count - count / 4);
}

/*
 * How long a port should rest. If the last acknowledgement of the connection before was lost, the target
 * sends its FIN again within this time, and is then ready for a new connection.
 */
#define REST_MS 4000
/* If ports rest for longer than this, too many are in use. */
#define LONG_REST_MS (8 * REST_MS)

#define PORTS 65536
/* More than the kernel ever writes: each second port, five digits and a comma. */
#define LINE_MAX_SIZE (256 * 1024)

struct local_ports {
	atomic_uint next; /* counts up; modulo in_use, it is a place in list */
	atomic_uint in_use;
	atomic_uint_least64_t round_began; /* clock_ms */
	unsigned most;                     /* of in_use */
	uint16_t list[];
};

/* ---- which ports ---- */

static bool parse_port(const char **text, unsigned long *port)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*port = strtoul(*text, &end, 10);
	*text = end;
	return errno == 0 && *port < PORTS;
}

static bool at_end(const char *text)
{
	return text[strspn(text, " \t\n")] == '\0';
}

static bool parse_range(const char *text, unsigned long *low, unsigned long *high)
{
	if (!parse_port(&text, low))
		return false;
	text += strspn(text, " \t");
	return parse_port(&text, high) && at_end(text) && *low > 0 && *low <= *high;
}

/* 1,5-7 */
static bool parse_reserved(const char *text, bool reserved[PORTS])
{
	unsigned long first, last;

	while (!at_end(text)) {
		if (!parse_port(&text, &first))
			return false;
		last = first;
		if (*text == '-' && (text++, !parse_port(&text, &last)))
			return false;
		for (unsigned long port = first; port <= last; port++)
			reserved[port] = true;
		if (*text == ',')
			text++;
		else if (!at_end(text))
			return false;
	}
	return true;
}

/*
 * In random order, so that whoever sees some of our ports cannot guess the next (RFC 6056). Another program
 * also soon finds a free port, wherever its search begins.
 */
static bool shuffle(uint16_t *list, unsigned count)
{
	uint32_t *random = calloc(count, sizeof(*random));

	if (!random)
		return false;
	arc4random_buf(random, count * sizeof(*random)); /* one system call for all */
	for (unsigned i = count; i > 1; i--) {
		unsigned other = random[i - 1] % i;
		uint16_t port = list[other];

		list[other] = list[i - 1];
		list[i - 1] = port;
	}
	free(random);
	return true;
}

static struct local_ports *make(unsigned long low, unsigned long high, const bool reserved[PORTS])
{
	struct local_ports *ports = calloc(1, sizeof(*ports) + (high - low + 1) * sizeof(ports->list[0]));
	unsigned count = 0;

	if (!ports)
		return NULL;
	for (unsigned long port = low + 1; port <= high; port += 2)
		if (!reserved[port])
			ports->list[count++] = (uint16_t)port;
	if (count == 0 || !shuffle(ports->list, count)) {
		free(ports);
		return NULL;
	}
	ports->most = most_of(count);
	ports->in_use = (unsigned)min_u64(ports->most, FEW_PORTS);
	ports->next = 1; /* so that 0 is the end of a round */
	ports->round_began = clock_ms();
	return ports;
}

struct local_ports *local_ports_new(const char *range, const char *reserved)
{
	bool *is_reserved = calloc(PORTS, sizeof(*is_reserved));
	struct local_ports *ports = NULL;
	unsigned long low, high;

	if (is_reserved && parse_range(range, &low, &high) && parse_reserved(reserved, is_reserved))
		ports = make(low, high, is_reserved);
	free(is_reserved);
	return ports;
}

void local_ports_free(struct local_ports *ports)
{
	free(ports);
}

/* With one read, because a second one would find the end of the file. */
static char *read_line(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *line = fd < 0 ? NULL : malloc(LINE_MAX_SIZE);
	ssize_t got = line ? read(fd, line, LINE_MAX_SIZE - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(line);
		return NULL;
	}
	line[got] = '\0';
	return line;
}

struct local_ports *local_ports_read(void)
{
	char *range = read_line("/proc/sys/net/ipv4/ip_local_port_range");
	char *reserved = read_line("/proc/sys/net/ipv4/ip_local_reserved_ports");
	struct local_ports *ports = range && reserved ? local_ports_new(range, reserved) : NULL;

	free(range);
	free(reserved);
	return ports;
}

/* ---- which port next ---- */

/* A race does no harm. At worst, a change that another thread has just made is lost. */
static void widen(struct local_ports *ports, unsigned in_use)
{
	ports->in_use = (unsigned)min_u64(ports->most, 2ULL * in_use);
}

static void end_round(struct local_ports *ports, unsigned in_use)
{
	uint64_t now = clock_ms();
	uint64_t rested = now - atomic_exchange(&ports->round_began, now);

	if (rested < REST_MS)
		widen(ports, in_use);
	else if (rested > LONG_REST_MS && in_use / 2 >= FEW_PORTS)
		ports->in_use = in_use / 2;
}

uint16_t local_ports_next(struct local_ports *ports)
{
	unsigned in_use = ports->in_use;
	unsigned place = atomic_fetch_add(&ports->next, 1) % in_use;

	if (place == 0)
		end_round(ports, in_use);
	return ports->list[place];
}

size_t local_ports_in_use(const struct local_ports *ports)
{
	return ports->in_use;
}

size_t local_ports_most(const struct local_ports *ports)
{
	return ports->most;
}

/* ---- binding ---- */

static int share_port(int fd)
{
	static const int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
}

static struct endpoint wildcard(const struct endpoint *to)
{
	return (struct endpoint){.length = to->length, .in6 = {.sin6_family = to->any.sa_family}};
}

/* Fails if the port is in use by a socket that does not share it, or that listens. */
static int bind_next(struct local_ports *ports, int fd, struct endpoint *local, const struct endpoint *to)
{
	uint16_t port = local_ports_next(ports);

	if (port == endpoint_port(to))
		return -EADDRINUSE;
	endpoint_set_port(local, port);
	return bind(fd, &local->any, local->length) < 0 ? -errno : 0;
}

int local_ports_bind(struct local_ports *ports, int fd, const struct endpoint *from,
                     const struct endpoint *to, unsigned *tries)
{
	struct endpoint local = from ? *from : wildcard(to);
	int error = share_port(fd);

	if (error)
		return error;
	error = -EADDRINUSE;
	while (error == -EADDRINUSE && *tries > 0) {
		--*tries;
		error = bind_next(ports, fd, &local, to);
	}
	if (error == -EADDRINUSE)
		widen(ports, ports->in_use);
	return error;
}
