/* Sockets on loopback and in the test's own folder. */
#ifndef WEIR_UNIT_SOCKET_STAGE_H
#define WEIR_UNIT_SOCKET_STAGE_H

#include "net/socket.h"
#include "net/stream.h"
#include "relays.h"
#include "unit.h"

/* For a socket in the test's own folder. */
extern char path[UNIT_PATH_MAX + 8];
extern const struct socket_tuning plain, tuned;

void setup(void);
void teardown(void);
struct endpoint endpoint_of(const char *text);
struct endpoint path_endpoint(void);
struct endpoint own_endpoint(int fd);
int option(int fd, int level, int name);
void wait_for(int fd, short events);
int accept_one(int listener, union client_address *client);
void assert_flags(int fd);
void assert_tuned(int fd);

#endif
