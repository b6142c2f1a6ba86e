/* Shared by all kinds of client: opening pairs, waiting for the signal to start, and reporting failures. */
#ifndef WEIR_BENCH_LOAD_CLIENT_H
#define WEIR_BENCH_LOAD_CLIENT_H

#include "load.h"

/* Returns a blocking socket that is connected. Exits on failure. */
int client_connect(const struct load_options *options);
/*
 * Returns a non-blocking socket whose pair is complete: the request was sent and the server's answer has
 * arrived. Exits on failure.
 */
int client_open(const struct load_options *options, const struct load_request *request);
/* Tells the server of a LOAD_GIVE request to start giving. */
void client_ask_to_give(int fd);
/* Prints "ready" and waits for a line. */
void client_start(void);
/* Waits for the end of standard input. */
void client_finish(void);

/* epoll_create1(2) and epoll_ctl(2); both exit on failure. */
int client_epoll(void);
void client_watch(int epoll, int operation, int fd, uint32_t events, void *subject);

/* Connections that failed. The result has their number and the reason of the first. */
struct client_failures {
	unsigned count;
	char reason[64];
};

void client_failed(struct client_failures *failures, const char *reason);
/* Prints the last members of the result's JSON object and closes it. */
void client_print_failures(const struct client_failures *failures);

#endif
