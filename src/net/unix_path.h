/* Unix sockets in the file system: what outlives a daemon there. */
#ifndef WEIR_UNIX_PATH_H
#define WEIR_UNIX_PATH_H

#include "net/address.h"

#include <sys/stat.h>

/*
 * Binds fd to a path that is in use, if that is a socket without an owner. A daemon that is killed leaves one
 * behind. Of several daemons that try it at the same time, one succeeds. 0 or -errno; EADDRINUSE if the path
 * has an owner or is no socket.
 */
int unix_path_take_over(int fd, const struct endpoint *endpoint);

/* Notes the umask of the process. Once, while there is no other thread. */
void unix_path_init(void);
/*
 * Gives the socket at path this mode, owner and group. made is what lstat(2) said when it had just been
 * bound. What access does not set becomes as it would have been without it. Clients may be connecting: in
 * between, nobody may do so who may not before or after. 0 or -errno, and then nothing has changed; ESTALE if
 * something else is there by now.
 */
int unix_path_apply(const char *path, const struct stat *made, const struct unix_access *access);

#endif
