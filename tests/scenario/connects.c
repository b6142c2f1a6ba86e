/*
 * Preloaded, it writes a line for each connect(2) to an internet address into the file that CONNECTS names:
 *
 *   at_ms=81233 to=127.0.0.1:4711 thread=main result=EINPROGRESS
 *
 * at_ms is of the monotonic clock. So a test counts what is tried, not what a target gets to see.
 */
#include "build_config.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int connects = -1;

__attribute__((constructor)) static void open_file(void)
{
	const char *path = getenv("CONNECTS");

	if (path)
		connects = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static void note(const struct sockaddr *address, int error)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	char line[160], host[INET_ADDRSTRLEN];
	struct timespec now;
	int length;

	clock_gettime(CLOCK_MONOTONIC, &now);
	length = snprintf(line, sizeof(line), "at_ms=%lld to=%s:%u thread=%s result=%s\n",
	                  now.tv_sec * 1000LL + now.tv_nsec / 1000000,
	                  inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)), ntohs(in->sin_port),
	                  syscall(SYS_gettid) == getpid() ? "main" : "worker",
	                  error ? strerrorname_np(error) : "0");
	if (write(connects, line, (size_t)length) != length)
		abort();
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	static int (*real)(int, const struct sockaddr *, socklen_t);
	int r, error;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "connect");
	r = real(fd, address, length);
	error = r < 0 ? errno : 0;
	if (connects >= 0 && address->sa_family == AF_INET)
		note(address, error);
	errno = error;
	return r;
}
