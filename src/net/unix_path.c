#include "build_config.h"

#include "net/unix_path.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long to wait for another process that has locked the folder, and how often to look. */
#define LOCK_WAIT_MS 100
#define LOCK_POLL_MS 5

/*
 * True if path is a socket that nobody has bound. A datagram socket cannot connect to a stream socket
 * (EPROTOTYPE). So the owner gets no client from this, and is found even before it listens.
 */
static bool has_no_owner(const struct endpoint *endpoint)
{
	struct stat status;
	bool ownerless;
	int fd;

	/* connect(2) reports ECONNREFUSED for any other file too. */
	if (lstat(endpoint->un.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ownerless = connect(fd, &endpoint->any, endpoint->length) < 0 && errno == ECONNREFUSED;
	close(fd);
	return ownerless;
}

/* The folder's path is at most as long as that of the socket. */
static int open_folder(const struct endpoint *endpoint)
{
	char folder[sizeof(endpoint->un.sun_path) + 1] = "";
	size_t length = (size_t)(strrchr(endpoint->un.sun_path, '/') - endpoint->un.sun_path);

	memcpy(folder, endpoint->un.sun_path, length + 1); /* with the slash, which is all of "/" */
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * A daemon holds the lock for a few system calls. Another program may hold it for long, for reasons of its
 * own (systemd-tmpfiles(8) spares locked folders), or the folder may not be readable. Then we go on without
 * the lock.
 */
static int lock_folder(const struct endpoint *endpoint)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};
	uint64_t deadline = clock_ms() + LOCK_WAIT_MS;
	int fd = open_folder(endpoint);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && clock_ms() < deadline)
		nanosleep(&pause, NULL);
	return fd;
}

/* Without the lock, another daemon could take over the path between the look and unlink(2), and lose it. */
int unix_path_take_over(int fd, const struct endpoint *endpoint)
{
	int folder = lock_folder(endpoint);
	int error = 0;

	if (!has_no_owner(endpoint))
		error = -EADDRINUSE;
	else if (unlink(endpoint->un.sun_path) < 0 || bind(fd, &endpoint->any, endpoint->length) < 0)
		error = -errno;
	if (folder >= 0)
		close(folder); /* unlocks it */
	return error;
}

/* ---- mode, owner and group ---- */

struct rights {
	mode_t mode;
	uid_t owner;
	gid_t group;
};

/* Of a socket for which nothing is asked. The umask is noted because it cannot be read without setting it. */
static mode_t usual_mode = S_IRWXU;

void unix_path_init(void)
{
	mode_t mask = umask(0);

	umask(mask);
	usual_mode = ACCESSPERMS & ~mask;
}

/* fchmod(2) does not take a descriptor like this one, chmod(2) does take its name. */
static int change_mode(int fd, mode_t from, mode_t to)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return from != to && chmod(name, to) < 0 ? -errno : 0;
}

/*
 * The mode before the owner, because only the owner may change it. The group gets what it may do only once it
 * is the right one.
 */
static int change(int fd, const struct rights *from, const struct rights *to)
{
	int error = change_mode(fd, from->mode, from->mode & to->mode);

	if (!error && from->group != to->group && fchownat(fd, "", (uid_t)-1, to->group, AT_EMPTY_PATH) < 0)
		error = -errno;
	if (!error)
		error = change_mode(fd, from->mode & to->mode, to->mode);
	if (!error && from->owner != to->owner && fchownat(fd, "", to->owner, (gid_t)-1, AT_EMPTY_PATH) < 0)
		error = -errno;
	return error;
}

/* False if it is not the socket that made describes. */
static bool get_rights(int fd, const struct stat *made, struct rights *rights)
{
	struct stat status;

	if (fstat(fd, &status) < 0 || status.st_dev != made->st_dev || status.st_ino != made->st_ino)
		return false;
	*rights = (struct rights){status.st_mode & ACCESSPERMS, status.st_uid, status.st_gid};
	return true;
}

int unix_path_apply(const char *path, const struct stat *made, const struct unix_access *access)
{
	const struct rights wanted = {
	        .mode = access->has_mode ? access->mode : usual_mode,
	        .owner = access->has_owner ? access->owner : made->st_uid,
	        .group = access->has_group ? access->group : made->st_gid,
	};
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct rights before, now;
	int error = -ESTALE;

	if (fd < 0)
		return -errno;
	if (get_rights(fd, made, &before)) {
		error = change(fd, &before, &wanted);
		if (error && get_rights(fd, made, &now))
			(void)change(fd, &now, &before);
	}
	close(fd);
	return error;
}
