/* What socket.c has for connecting.c. */
#ifndef WEIR_SOCKET_PRIVATE_H
#define WEIR_SOCKET_PRIVATE_H

#include "net/socket.h"

/* A socket of the endpoint's family, with this tuning; neither bound nor connected. */
int socket_open(const struct endpoint *endpoint, const struct socket_tuning *tuning);
/* For a connection over loopback. */
void socket_leave_uncontrolled(int fd);

#endif
