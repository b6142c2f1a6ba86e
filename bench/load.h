/*
 * The load generator: a server and several kinds of client, for measuring the relay between them.
 *
 * Every connection starts with a struct load_request from the client. The server answers it with one byte, so
 * a client that has it knows that its pair is complete. Both ends run on one machine, so numbers travel in
 * host order.
 */
#ifndef WEIR_BENCH_LOAD_H
#define WEIR_BENCH_LOAD_H

#include "load_stream.h"
#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MAGIC     0x72696577u
#define LOAD_FOREVER   UINT64_MAX
#define LOAD_ACK_WRONG UINT64_MAX /* the server's answer to an upload with wrong bytes */

enum load_flag {
	LOAD_ECHO = 1,   /* send back what arrives */
	LOAD_TAKE = 2,   /* take everything up to the end of stream, then answer with its length in 8 bytes */
	LOAD_GIVE = 4,   /* send give bytes; without LOAD_TAKE the end of stream follows at once */
	LOAD_VERIFY = 8, /* compare every byte taken */
	LOAD_LIVE = 16,  /* with LOAD_GIVE: give a live stream without end, see load_live.c */
};

struct load_request {
	uint32_t magic;
	uint32_t flags;
	uint64_t give;
	uint64_t seed;        /* where in the pattern both directions start */
	uint32_t send_buffer; /* the server's SO_SNDBUF, 0 = the kernel's own tuning */
	uint32_t piece;       /* the most bytes that the server gives in one call, 0 = as many as it likes */
	uint32_t stamp;       /* live: bytes from one time stamp to the next */
	uint64_t rate;        /* live: bytes per second, a piece at once; 0 = no limit */
};

struct load_options {
	struct endpoint address; /* of the relay, or of the server without one */
	unsigned connections;
	unsigned flags;        /* of enum load_flag, for bulk and hold */
	uint64_t bytes;        /* bulk: all connections and both directions together */
	uint64_t count;        /* connect: how many connections; scrape: how many requests */
	uint64_t milliseconds; /* how long; bulk without it ends with the last byte */
	uint64_t timeout;      /* ms until a run counts as failed */
	uint64_t size;         /* echo: bytes of one message; live: from one time stamp to the next */
	uint64_t rate;         /* hold, live: bytes per second that each connection reads; scrape: requests */
	uint64_t source_rate;  /* live: bytes per second that the server gives; 0 = no limit */
	uint64_t rest;         /* live: ms for which the client reads, then rests, in turn; 0 = no rests */
	uint64_t warmup;       /* live: ms before what is measured */
	bool finish;           /* connect: end first, and wait for the other end */
	uint32_t piece;        /* hold, live: the most bytes that the server gives in one call */
	/* SO_RCVBUF here; hold, live: SO_SNDBUF at the server too; 0 = the kernel's own tuning */
	uint32_t buffer;
};

/*
 * One kind of load each; all return the exit status. A client opens its connections, prints "ready", starts
 * when it reads a line on standard input, and prints one JSON object. When standard input ends, it closes its
 * connections and ends. load_connect opens its connections only after the start. load_hold starts at once and
 * prints no result. load_serve listens at the address, prints the one it got, stops listening when it reads a
 * line, and serves until standard input ends.
 */
int load_serve(const struct endpoint *address);
int load_bulk(const struct load_options *options);
int load_echo(const struct load_options *options);
int load_connect(const struct load_options *options);
int load_hold(const struct load_options *options);
int load_scrape(const struct load_options *options);
int load_live(const struct load_options *options);

/*
 * Prints what failed, and errno, to standard error and exits. A load that differs from the one asked for must
 * not be measured.
 */
void load_die(const char *what) __attribute__((noreturn));
uint64_t load_now_ns(void);
/* Lets small messages leave at once, where the kernel would wait for more. */
void load_set_no_delay(int fd, const struct endpoint *address);
/* calloc(3) that exits on failure. */
void *load_alloc(size_t count, size_t size);

#endif
