/* Where targets listen: an address for each kind of pair. */
#ifndef WEIR_TESTS_TAKEOVER_HOSTS_H
#define WEIR_TESTS_TAKEOVER_HOSTS_H

#include "passengers.h"

/* Listens for all kinds, and prints where. */
void hosts_set_up(void);
/* Those of kinds that wait for their targets: "late" accepts now or not; "held" listens or not. */
void hosts_open(bool open);

/* Called by hosts: the first bytes of a connection, which is the callee's now, have told a pair's number. */
void pair_meet(uint64_t id, const struct kind *kind, int fd);
void host_failed(const struct kind *kind, const char *what);

void set_buffers(int fd, int size);
/* A local address of loopback, so that no address runs out of ports. */
void bind_anywhere(int fd, uint32_t number);

#endif
