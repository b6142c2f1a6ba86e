/*
 * The program that this process runs, and the one that stands in its place now: after an upgrade that is
 * another file. It is opened once for both the rehearsal and the takeover, as the file may change in between.
 */
#ifndef WEIR_PROGRAM_H
#define WEIR_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#define PROGRAM_NAME "weir"

/* Which file it is. */
struct program_file {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct program {
	char path[PATH_MAX]; /* "": not known */
	char **argv;         /* borrowed */
	/* private */
	struct program_file started; /* that this process runs */
};

/*
 * What this process runs, while the file still has the name by which it was started. A program that was
 * started by its descriptor gets its name from that, which says nothing: it becomes PROGRAM_NAME.
 */
void program_init(struct program *program, char **argv);
/* Whether another file stands there. May block. */
bool program_has_changed(const struct program *program);
/* What stands there now, close-on-exec: its descriptor, or -errno. May block. */
int program_open(const struct program *program);

/*
 * The environment for it: that of this process, with WEIR_TAKEOVER=value, and without what the service
 * manager has said about sockets that it passed to this process. Only the array and the new string are the
 * caller's, to be freed by program_free_environment. NULL when out of memory.
 */
char **program_environment(const char *value);
void program_free_environment(char **environment);
/* Goes on as what fd is, with that environment and the same arguments. Returns only if it fails: -errno. */
int program_execute(const struct program *program, int fd, const char *value);
/* After that: all that this process has opened itself was close-on-exec before something was passed on. */
void program_close_all_on_exec(void);

#define PROGRAM_VARIABLE "WEIR_TAKEOVER"

#endif
