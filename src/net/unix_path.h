/* Unix sockets in the file system: what outlives a daemon there. */
#ifndef WEIR_UNIX_PATH_H
#define WEIR_UNIX_PATH_H

#include "net/address.h"

/*
 * Binds fd to a path that is in use, if that is a socket without an owner. A daemon that is killed leaves one
 * behind. Of several daemons that try it at the same time, one succeeds. 0 or -errno; EADDRINUSE if the path
 * has an owner or is no socket.
 */
int unix_path_take_over(int fd, const struct endpoint *endpoint);

#endif
