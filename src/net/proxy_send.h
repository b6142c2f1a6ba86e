/* Sends a PROXY header (net/proxy_header.h) as the first bytes of a connection. */
#ifndef WEIR_PROXY_SEND_H
#define WEIR_PROXY_SEND_H

#include "net/proxy_header.h"
#include "net/socket.h"

/*
 * fd has just been connected, and nothing was sent on it. The header goes out in one send(2), since many who
 * receive it do not wait for the rest. 0 or -errno: then nothing more may be sent, as it would be taken for
 * the header. -ENOBUFS: the kernel had no memory for all of it.
 */
int proxy_send(int fd, enum proxy_version version, const struct endpoint *source,
               const struct endpoint *destination);
/* For the client at the other end of client_fd: it, and the address that it has connected to. */
int proxy_send_client(int fd, enum proxy_version version, const union client_address *client, int client_fd);
/* For a connection of weir's own, such as a check. */
int proxy_send_own(int fd, enum proxy_version version);

#endif
