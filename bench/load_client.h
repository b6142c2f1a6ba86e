/* What the kinds of client share: opening pairs, waiting for the word to start, and saying how it went. */
#ifndef WEIR_BENCH_LOAD_CLIENT_H
#define WEIR_BENCH_LOAD_CLIENT_H

#include "load.h"

/*
 * A connected socket whose pair is whole: the request is sent and the server's answer is here. Non-blocking
 * from then on. Exits when that fails.
 */
int client_open(const struct load_options *options, const struct load_request *request);
/* Has the server of a LOAD_GIVE request start giving. */
void client_ask_to_give(int fd);
/* Prints "ready" and waits for a line. */
void client_start(void);
/* Waits for the end of standard input. */
void client_finish(void);

/* epoll_create1(2) and epoll_ctl(2); both exit on failure. */
int client_epoll(void);
void client_watch(int epoll, int operation, int fd, uint32_t events, void *subject);

/* A connection that went wrong: counted, the first one with its reason, which goes into the result. */
struct client_failures {
	unsigned count;
	char reason[64];
};

void client_failed(struct client_failures *failures, const char *reason);
/* The last members of the result's JSON object, and its end. */
void client_print_failures(const struct client_failures *failures);

#endif
