#include "build_config.h"

#include "daemon/manager_stage.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 4096 /* what systemd reads */

static int manager = -1;

static void listen_at(const struct sockaddr_un *address, socklen_t length)
{
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (const struct sockaddr *)address, length), 0);
}

/* The kernel chooses the name, as several tests run at a time. */
void manager_begin(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address);
	char name[sizeof(address.sun_path) + 1];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	listen_at(&address, sizeof(sa_family_t));
	ck_assert_int_eq(getsockname(manager, (struct sockaddr *)&address, &length), 0);
	snprintf(name, sizeof(name), "@%.*s", (int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
	         address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
}

void manager_end(void)
{
	close(manager);
	manager = -1;
}

void manager_move(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	manager_end();
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listen_at(&address, sizeof(address));
}

const char *manager_received(void)
{
	static char message[MESSAGE_MAX];
	ssize_t length = recv(manager, message, sizeof(message) - 1, 0);

	ck_assert(length >= 0 || errno == EAGAIN);
	message[length > 0 ? length : 0] = '\0';
	return message;
}
