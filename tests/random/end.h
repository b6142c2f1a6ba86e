/*
 * One end of a connection through the relay: a client or a target. It sends, rests, reads slowly, ends its
 * stream, resets, all by a plan drawn from its random numbers, and keeps account of it.
 *
 * It sends its id, 8 bytes, and then a stream that seed and id determine. From the first 8 bytes on, the
 * receiver knows which end is the opposite one, and what every further byte must be.
 */
#ifndef WEIR_TESTS_END_H
#define WEIR_TESTS_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { END_HEADER = sizeof(uint64_t) };
enum { END_PROXY_HEADER = 28 }; /* bytes; of version 2 and IPv4 */

enum seen { SEEN_NOTHING, SEEN_FIN, SEEN_RST };

enum finale { FINALE_FIN, FINALE_RST, FINALE_CLOSE };

struct end {
	int fd; /* -1: closed */
	uint16_t port;
	uint64_t id;          /* even: a client, odd: a target */
	struct end *opposite; /* NULL until the first 8 bytes have arrived at one of the two */

	/* The plan. Times are milliseconds, 0: not any more. */
	uint64_t random;
	unsigned bursts; /* still to come */
	uint64_t burst;  /* bytes of this one that are not sent */
	size_t piece;    /* at most so many at a time */
	uint64_t write_at, write_pause;
	enum finale finale;
	uint64_t reset_at;
	unsigned phases; /* of reading, still to come; then everything is read at once */
	size_t read_piece;
	uint64_t read_at, read_pause, phase_ends;

	/* The account. */
	uint64_t sent, received;
	uint64_t acknowledged; /* of what was sent, when it reset */
	bool fin, reset;       /* what it has done: close(2) may be either, so it counts as both */
	bool broken;           /* sending has failed: the end of what is still to be read is a reset */
	enum seen seen;
	bool seen_fin;                    /* at first, whatever followed */
	unsigned char header[END_HEADER]; /* of the opposite's stream */
	size_t proxy_header;              /* bytes of one that are still to come before the stream */
	const char *fault;                /* what must never happen, or NULL */
};

/* Milliseconds of a clock that never goes back. */
uint64_t end_clock(void);
/* The next number of the sequence that *state determines. */
uint64_t end_random(uint64_t *state);

/* fd is connected or connecting, and is the end's from now on. */
void end_init(struct end *end, int fd, uint64_t seed, uint64_t id);
/* The events that the end waits for, as for poll(2). */
short end_events(const struct end *end, uint64_t now);
/* Does what is due. winding_down: no more rests, and nothing new is begun. */
void end_act(struct end *end, short events, uint64_t now, bool winding_down);
/* Nothing more will happen at it. */
bool end_is_over(const struct end *end);
/* True once the id of the opposite end is known; then *id is it. */
bool end_knows_opposite(const struct end *end, uint64_t *id);
void end_deinit(struct end *end);

#endif
