#include "build_config.h"

#include "daemon/takeover_files.h"

#include "base/memory_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int takeover_files_init(struct takeover_files *files, unsigned workers)
{
	const size_t count = workers + TAKEOVER_FIRST_PART;

	files->fds = calloc(count, sizeof(*files->fds));
	if (!files->fds)
		return -ENOMEM;
	files->count = count;
	for (size_t i = 0; i < count; i++)
		files->fds[i] = -1;
	return 0;
}

void takeover_files_deinit(struct takeover_files *files)
{
	takeover_files_close(files);
	free(files->fds);
}

int takeover_files_make_state(struct takeover_files *files)
{
	for (size_t i = TAKEOVER_MAIN; i < files->count; i++) {
		int fd = memory_file_new("weir-state");

		if (fd < 0)
			return fd;
		files->fds[i] = fd;
	}
	return 0;
}

int takeover_files_seal_state(const struct takeover_files *files)
{
	int error = 0;

	for (size_t i = TAKEOVER_MAIN; !error && i < files->count; i++)
		error = memory_file_seal(files->fds[i]);
	return error;
}

static void close_from(struct takeover_files *files, size_t first)
{
	for (size_t i = first; i < files->count; i++) {
		if (files->fds[i] >= 0)
			close(files->fds[i]);
		files->fds[i] = -1;
	}
}

void takeover_files_close_state(struct takeover_files *files)
{
	close_from(files, TAKEOVER_MAIN);
}

void takeover_files_close(struct takeover_files *files)
{
	close_from(files, TAKEOVER_CONFIG);
}
