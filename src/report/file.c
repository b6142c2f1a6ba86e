#include "build_config.h"

#include "report/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Where a stream's bytes go. It keeps the reason of a failure, which the stream does not. */
struct output {
	int fd;
	int error; /* -errno or 0 */
};

/* For fopencookie(3). */
static ssize_t take(void *cookie, const char *text, size_t length)
{
	struct output *output = cookie;

	if (!output->error)
		output->error = write_all(output->fd, text, length);
	return output->error ? 0 : (ssize_t)length;
}

static int write_through(int fd, report_writer *writer, void *arg)
{
	struct output output = {.fd = fd};
	FILE *out = fopencookie(&output, "w", (cookie_io_functions_t){.write = take});
	int r;

	if (!out)
		return -ENOMEM;
	r = writer(arg, out);
	if (fclose(out) != 0 && r == 0)
		r = -EIO;
	return output.error ? output.error : r;
}

/*
 * Fills the new file and closes it. fsync(2) is not needed: a dump describes a running process, and after a
 * power cut that process is gone.
 */
static int fill(int fd, report_writer *writer, void *arg)
{
	int r = write_through(fd, writer, arg);

	if (r == 0 && fchmod(fd, 0640) != 0)
		r = -errno;
	if (close(fd) != 0 &&
	    r == 0) /* the last moment at which a network file system can report a full disk */
		r = -errno;
	return r;
}

/* Renaming over /dev/null would replace it by a regular file, for every program. */
static bool is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* The name is always the same, so a file that was left behind does not stay. NULL when out of memory. */
static char *temporary_name(const char *path)
{
	char *name;

	return asprintf(&name, "%s.tmp", path) < 0 ? NULL : name;
}

/*
 * Only a file that is new is written to. In a folder where others may write, the name could be a link, or a
 * file that somebody else has open.
 */
static int create(const char *temporary, struct stat *created)
{
	int fd, error;

	if (is_special(temporary))
		return -EEXIST;
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, created) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Another process that writes its dump there may have replaced ours with its own, which is not whole yet. */
static bool is_still_there(const char *temporary, const struct stat *created)
{
	struct stat now;

	return lstat(temporary, &now) == 0 && now.st_ino == created->st_ino && now.st_dev == created->st_dev;
}

static int replace(const char *path, const char *temporary, report_writer *writer, void *arg)
{
	struct stat created;
	int fd = create(temporary, &created), r;

	if (fd < 0)
		return fd;
	r = fill(fd, writer, arg);
	if (!is_still_there(temporary, &created))
		return r ? r : -EBUSY;
	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r != 0)
		(void)unlink(temporary);
	return r;
}

int report_write_file(const char *path, report_writer *writer, void *arg)
{
	char *temporary;
	int r;

	if (is_special(path))
		return -ENODEV;
	temporary = temporary_name(path);
	if (!temporary)
		return -ENOMEM;
	r = replace(path, temporary, writer, arg);
	free(temporary);
	return r;
}

void report_remove_leftover(const char *path)
{
	char *temporary = temporary_name(path);
	struct stat st;

	if (temporary && lstat(temporary, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
		(void)unlink(temporary);
	free(temporary);
}
