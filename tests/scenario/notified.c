/*
 * notified PATH: a service manager as far as sd_notify(3) knows one. Prints each message as a line, its own
 * lines joined by blanks, until SIGTERM.
 */
#include "build_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MAX = 4096 };

int main(int argc, char **argv)
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char message[MESSAGE_MAX + 1];
	ssize_t length;

	if (argc != 2 || strlen(argv[1]) >= sizeof(own.sun_path))
		return EXIT_FAILURE;
	memcpy(own.sun_path, argv[1], strlen(argv[1]));
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) {
		perror("notified");
		return EXIT_FAILURE;
	}
	setlinebuf(stdout);
	while ((length = recv(fd, message, MESSAGE_MAX, 0)) >= 0) {
		message[length] = '\0';
		for (char *end = message; (end = strchr(end, '\n')); *end = ' ')
			;
		puts(message);
	}
	return EXIT_FAILURE;
}
