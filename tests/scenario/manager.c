/*
 * manager NAME [FILE]: plays a service manager that is told at NOTIFY_SOCKET=@NAME. It writes a line for each
 * message, with the milliseconds at which it was sent: "1764230400123 READY=1 STATUS=0 pairs". With FILE, it
 * reads nothing until that exists, and has no room for a message.
 */
#include "build_config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 4096 /* what systemd reads */
#define POLL_US     2000

static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	if (strlen(name) > sizeof(address.sun_path) - 1)
		return -1;
	memcpy(address.sun_path + 1, name, strlen(name));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, length) < 0)
		return -1;
	return fd;
}

/* Another socket of ours sends, as one would not fill its own queue. */
static int fill(int fd)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (filler < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	while (sendto(filler, "FILLER", 6, MSG_DONTWAIT, (struct sockaddr *)&address, length) >= 0)
		;
	close(filler);
	return errno == EAGAIN ? 0 : -1;
}

static long long sent_ms(struct msghdr *header)
{
	struct timespec time = {0};
	struct cmsghdr *control = CMSG_FIRSTHDR(header);

	if (control)
		memcpy(&time, CMSG_DATA(control), sizeof(time));
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static int print_next(int fd)
{
	char text[MESSAGE_MAX + 1];
	_Alignas(struct cmsghdr) char control[256];
	struct iovec vector = {.iov_base = text, .iov_len = MESSAGE_MAX};
	struct msghdr header = {.msg_iov = &vector,
	                        .msg_iovlen = 1,
	                        .msg_control = control,
	                        .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(fd, &header, 0);

	if (length < 0)
		return -1;
	while (length > 0 && text[length - 1] == '\n')
		length--;
	for (ssize_t i = 0; i < length; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	printf("%lld %.*s\n", sent_ms(&header), (int)length, text);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2 && argc != 3)
		return 64;
	fd = listen_at(argv[1]);
	if (fd < 0 || (argc == 3 && fill(fd) < 0))
		return 1;
	printf("listening\n");
	fflush(stdout);
	while (argc == 3 && access(argv[2], F_OK) < 0)
		usleep(POLL_US);
	while (print_next(fd) == 0)
		;
	return 1;
}
