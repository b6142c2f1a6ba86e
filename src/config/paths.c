#include "build_config.h"

#include "config/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder_problem(const char *folder)
{
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		return NULL;
	return errno == ENOENT || errno == ENOTDIR ? "is in a folder that does not exist"
	                                           : "is in a folder that this user cannot write to";
}

/*
 * NULL if a file or, with a socket, a socket can be made at path. may_pass: the folder may be there, or be
 * writable, later.
 */
static const char *path_problem(const char *path, bool socket, bool *may_pass)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	const char *problem;
	struct stat status;

	if (!folder)
		return "could not be looked at: out of memory";
	problem = folder_problem(folder);
	free(folder);
	*may_pass = problem != NULL;
	if (problem || lstat(path, &status) < 0)
		return problem;
	if (socket)
		return S_ISSOCK(status.st_mode) ? NULL : "is there and is no socket";
	return S_ISREG(status.st_mode) || S_ISLNK(status.st_mode) ? NULL : "is there and is no regular file";
}

static void check(struct loader *loader, unsigned line, const char *key, const char *path, bool socket)
{
	bool may_pass = false;
	const char *problem = path_problem(path, socket, &may_pass);

	if (!problem)
		return;
	complaints_add(&loader->complaints, line,
	               "%s: \"%s%s\" %s; expected a path in a folder that can be written to", key,
	               socket ? "unix:" : "", path, problem);
	loader->complaints.passing += may_pass;
}

/* A dump replaces what is there, and its temporary file too. */
static bool is_for_dumps(const struct loader *loader, const char *path)
{
	const struct config_global *global = loader->global.settings;
	size_t length = strlen(global->dump_file);

	return strncmp(path, global->dump_file, length) == 0 &&
	       (path[length] == '\0' || strcmp(path + length, ".tmp") == 0);
}

static void check_socket(struct loader *loader, unsigned line, const char *key, const struct address *address)
{
	const char *path = address->endpoint.un.sun_path;

	if (address->kind != ADDRESS_LITERAL || !endpoint_is_path(&address->endpoint))
		return;
	if (is_for_dumps(loader, path))
		complaints_add(&loader->complaints, line,
		               "%s: \"unix:%s\" is where dump_file is written; expected another path", key,
		               path);
	else
		check(loader, line, key, path, true);
}

static void check_dump_file(struct loader *loader)
{
	const struct config_global *global = loader->global.settings;
	unsigned line = *section_option_line(&loader->global, option_find("dump_file", SECTION_GLOBAL));

	if (strcmp(global->dump_file, "-") != 0)
		check(loader, line, "dump_file", global->dump_file, false);
}

static void check_listens(struct loader *loader, const struct section *section)
{
	for (size_t i = 0; i < section->relay.listen_count; i++)
		check_socket(loader, section_value_line(section, "listen", i), "listen",
		             &section->relay.listen[i]);
}

static void check_http(struct loader *loader)
{
	const struct config_global *global = loader->global.settings;

	check_socket(loader, loader_http_line(loader), "http_listen", &global->http_listen);
}

void paths_check(struct loader *loader)
{
	const struct section *section;

	if (loader->complaints.out_of_memory)
		return;
	check_dump_file(loader);
	check_http(loader);
	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		check_listens(loader, section);
}
