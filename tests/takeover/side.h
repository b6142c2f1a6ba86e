/*
 * One end of a connection through the relay. It sends and takes as much as its kind of pair allows it to, and
 * verifies every byte that comes: what the byte must be follows from its place and the pair's number.
 */
#ifndef WEIR_TESTS_TAKEOVER_SIDE_H
#define WEIR_TESTS_TAKEOVER_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ALL UINT64_MAX

enum { SIDE_ID = sizeof(uint64_t), SIDE_PREFIX_MAX = 64 };

enum seen { SEEN_NOTHING, SEEN_FIN, SEEN_RST };

/* Whatever epoll watches. */
struct watch {
	int fd;          /* -1: nothing, or not any more */
	uint32_t events; /* that epoll knows of; 0: it does not know fd */
	void (*ready)(struct watch *watch);
};

struct side {
	struct watch watch; /* first */
	struct pair *pair;
	bool is_client;

	uint64_t may_send, may_take; /* how many bytes it may have sent and received by now */
	bool may_end;                /* once it has sent what it may */
	uint64_t sent, received;
	bool ended;            /* FIN sent */
	uint64_t acknowledged; /* of what was sent, when it reset */
	bool reset;
	bool broken; /* sending has failed: an end of what comes is a reset then */
	enum seen seen;
	const char *fault; /* what must never happen */

	/* Sent before all that counts: a PROXY header. */
	char prefix[SIDE_PREFIX_MAX];
	size_t prefix_size, prefix_may, prefix_sent;

	uint64_t came_us, went_us; /* when bytes last came, and went */
	uint64_t saw_us;           /* when its end was seen */
};

/* Microseconds of the monotonic clock. */
uint64_t clock_us(void);

/* Once, before all else. */
void side_set_up(void);
/* One round of events, for at most so long. */
void side_wait(int milliseconds);
/* Watches for these events of epoll(7); 0: for none. */
void watch_for(struct watch *watch, uint32_t events);

/* fd is the side's from now on. -1: there will be one later. */
void side_init(struct side *side, struct pair *pair, bool is_client);
void side_open(struct side *side, int fd);
/* Does all that is allowed and possible now. */
void side_pump(struct side *side);
void side_reset(struct side *side);
void side_close(struct side *side);
/* As side_pump, but only if there is something that no event would tell it. */
void side_poke(struct side *side);
/* The first bytes have been taken already, and were the pair's number. */
void side_join(struct side *side, int fd);

#endif
