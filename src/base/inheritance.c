#include "build_config.h"

#include "base/inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST        3 /* those below are standard input, output and error */
#define BITS_AT_ONCE (1 << 20)
#define LIMIT        (1 << 26) /* no number is as high, whatever RLIMIT_NOFILE and fs.nr_open say */

struct inheritance {
	bool rehearsal;
	int spare;         /* the other end of the last pipe that was made as a stand-in, or -1 */
	size_t size;       /* words of claimed */
	uint64_t *claimed; /* a bit for each number */
};

void inheritance_free(struct inheritance *inheritance)
{
	if (!inheritance)
		return;
	if (inheritance->spare >= 0)
		close(inheritance->spare);
	free(inheritance->claimed);
	free(inheritance);
}

bool inheritance_is_rehearsal(const struct inheritance *inheritance)
{
	return inheritance->rehearsal;
}

/* ---- what is claimed ---- */

static bool is_claimed(const struct inheritance *inheritance, int fd)
{
	const size_t word = (size_t)fd / 64;

	return word < inheritance->size && inheritance->claimed[word] >> fd % 64 & 1;
}

/* Makes room for one more. */
static int grow(struct inheritance *inheritance, int fd)
{
	const size_t size = (size_t)fd / 64 + 1, more = size + size / 2;
	uint64_t *claimed;

	if (size <= inheritance->size)
		return 0;
	claimed = reallocarray(inheritance->claimed, more, sizeof(*claimed));
	if (!claimed)
		return -ENOMEM;
	memset(claimed + inheritance->size, 0, (more - inheritance->size) * sizeof(*claimed));
	inheritance->claimed = claimed;
	inheritance->size = more;
	return 0;
}

static bool is_of_kind(int fd, enum inheritance_kind kind)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return false;
	switch (kind) {
	case INHERITED_SOCKET:
		return S_ISSOCK(status.st_mode);
	case INHERITED_PIPE:
		return S_ISFIFO(status.st_mode);
	default:
		return S_ISREG(status.st_mode);
	}
}

/* What this process has opened itself is close-on-exec, and so is what was claimed. */
static bool is_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

static int take(int fd, enum inheritance_kind kind)
{
	if (!is_inherited(fd) || !is_of_kind(fd, kind))
		return -EBADF;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : fd;
}

/* ---- stand-ins ---- */

/* The kernel may be without IPv4. Options of TCP, which a unix socket refuses, are then not asked for. */
static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Both ends of one, for two claims. */
static int new_pipe(struct inheritance *inheritance)
{
	int ends[2] = {inheritance->spare, -1};

	inheritance->spare = -1;
	if (ends[0] >= 0)
		return ends[0];
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	inheritance->spare = ends[1];
	return ends[0];
}

static int stand_in(struct inheritance *inheritance, enum inheritance_kind kind)
{
	int fd;

	switch (kind) {
	case INHERITED_SOCKET:
		fd = new_socket();
		break;
	case INHERITED_PIPE:
		fd = new_pipe(inheritance);
		break;
	default:
		fd = memfd_create("stand-in", MFD_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* ---- life ---- */

/* So that claiming hardly ever needs memory but in a rehearsal. (Most limits are lower than this.) */
static int highest_possible(void)
{
	int most = getdtablesize();

	return most > BITS_AT_ONCE ? BITS_AT_ONCE : most;
}

struct inheritance *inheritance_new(bool rehearsal)
{
	struct inheritance *inheritance = calloc(1, sizeof(*inheritance));

	if (!inheritance)
		return NULL;
	inheritance->rehearsal = rehearsal;
	inheritance->spare = -1;
	if (rehearsal || grow(inheritance, highest_possible()) == 0)
		return inheritance;
	inheritance_free(inheritance);
	return NULL;
}

/* ---- claiming, and the rest ---- */

int inheritance_claim(struct inheritance *inheritance, int fd, enum inheritance_kind kind)
{
	int r;

	if (fd < FIRST || fd >= LIMIT)
		return -EBADF;
	if (is_claimed(inheritance, fd))
		return -EEXIST;
	r = grow(inheritance, fd);
	if (r < 0)
		return r;
	r = inheritance->rehearsal ? stand_in(inheritance, kind) : take(fd, kind);
	if (r >= 0)
		inheritance->claimed[fd / 64] |= 1ull << fd % 64;
	return r;
}

/*
 * No number that is in use is as high. To look at a few too many is much cheaper than to read /proc/self/fd.
 * Kernels without /proc have no other program to execute either.
 */
static int count_numbers(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	int count = 0;

	while (status && count == 0 && fgets(line, sizeof(line), status))
		(void)sscanf(line, "FDSize: %d", &count);
	if (status)
		fclose(status);
	return count;
}

size_t inheritance_close_rest(struct inheritance *inheritance)
{
	int count = inheritance->rehearsal ? 0 : count_numbers();
	size_t closed = 0;

	for (int fd = FIRST; fd < count; fd++) {
		if (is_claimed(inheritance, fd) || !is_inherited(fd))
			continue;
		close(fd);
		closed++;
	}
	return closed;
}

void inheritance_give_back(const struct inheritance *inheritance)
{
	for (size_t fd = FIRST; !inheritance->rehearsal && fd < inheritance->size * 64; fd++)
		if (is_claimed(inheritance, (int)fd))
			(void)fcntl((int)fd, F_SETFD, 0);
}
