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

int report_write_file(const char *path, report_writer *writer, void *arg)
{
	char *temporary;
	int fd, r;

	if (is_special(path))
		return -ENODEV;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(temporary);
		return r;
	}
	r = fill(fd, writer, arg);
	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r != 0)
		(void)unlink(temporary);
	free(temporary);
	return r;
}
