#include "build_config.h"

#include "base/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The C library of Debian 12 does not know it. Kernels before 6.3 refuse it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

#define COPY_SIZE 65536

/* Nobody runs what is in it. Where that can be said, some machines insist on it. */
int memory_file_new(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int copy(int to, int from)
{
	char buffer[COPY_SIZE];
	int error = 0;
	ssize_t n;

	do {
		n = read(from, buffer, sizeof(buffer));
		if (n < 0)
			error = -errno;
		else
			error = write_all(to, buffer, (size_t)n);
	} while (!error && n > 0);
	return error;
}

/* What is no regular file may never end. */
static int check(int fd, size_t most)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	return (uint64_t)status.st_size > most ? -EFBIG : 0;
}

/* Opening a FIFO does not wait for anybody. */
int memory_file_append(int fd, const char *path, size_t most)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error;

	if (from < 0)
		return -errno;
	error = check(from, most);
	if (!error)
		error = copy(fd, from);
	close(from);
	return error;
}

int memory_file_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int memory_file_map(int fd, struct memory_text *text)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;
	void *start;

	*text = (struct memory_text){.start = NULL};
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EINVAL;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0)
		return 0;
	start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (start == MAP_FAILED)
		return -errno;
	*text = (struct memory_text){start, (size_t)status.st_size};
	return 0;
}

void memory_file_unmap(struct memory_text *text)
{
	if (text->start)
		munmap((void *)(uintptr_t)text->start, text->size);
	*text = (struct memory_text){.start = NULL};
}
