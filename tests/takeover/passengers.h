/*
 * Pairs that a daemon carries from one program to the next. Each is of a kind, which says what its two ends
 * do and when; kinds are in kinds*.c. Some live until "finish", others end all the time and begin anew.
 */
#ifndef WEIR_TESTS_TAKEOVER_PASSENGERS_H
#define WEIR_TESTS_TAKEOVER_PASSENGERS_H

#include "net/address.h"
#include "side.h"

enum { TICK_MS = 10, RELAYS_MAX = 64 };

/* How a pair has to end. */
enum verdict {
	LIVES,      /* it does not yet */
	ENDED_WELL, /* all that was sent has come, and FIN on both sides */
	WAS_RESET,  /* one of our sides has reset: the other saw that, and what had been acknowledged */
	TIMED_OUT,  /* both were reset by the relay, as they had to be */
};

struct pair {
	uint64_t id;
	const struct kind *kind;
	unsigned place; /* among those of its kind; the same for whoever follows it */
	struct side client, target;
	bool joined;     /* the target's side is there */
	bool met;        /* it was, of this pair or of one before in its place */
	unsigned stage;  /* of its kind's own */
	uint64_t due_us; /* of its kind's own */
	uint64_t born_us;
	uint64_t asked_us; /* of an echo: when it was sent, or 0 */
	enum verdict verdict;
};

struct totals {
	uint64_t begun, well, reset, timed, failed;
	uint64_t up_sent, up_received, down_sent, down_received;
	int64_t earliest_us, latest_us; /* of deadlines, against what they should be */
};

struct kind {
	const char *name;
	unsigned permille; /* of all pairs; at least one */
	int buffers;       /* of our sockets; 0: the kernel's choice */
	uint64_t limit_us; /* of a kind that is timed out: how long that takes */
	bool no_target;    /* nothing listens for it at first, or nobody accepts */
	/* Called again and again, and after whatever has come: changes what the sides may. */
	void (*step)(struct pair *pair, uint64_t now);
	/* Of a timed one: since when its time runs, at the earliest; at the latest, if that differs. */
	uint64_t (*since)(const struct pair *pair);
	uint64_t (*since_latest)(const struct pair *pair);
};

extern const struct kind kinds[];
unsigned kind_count(void);
unsigned kind_number(const struct pair *pair);

/* Pairs that live until then end now. */
extern bool finishing;
/* Whether targets of kinds that wait for one are there. */
extern bool gate_open;

_Noreturn void die(const char *what);
uint64_t random_number(uint64_t below);

/* Does what is due for it. It may be over afterwards, and another one in its place. */
void pair_step(struct pair *pair);
void pair_note_arrival(const struct side *side, size_t size);
void note_trip(const struct pair *pair, uint64_t us);

/* Both sides may end, and take whatever comes. */
void pair_conclude(struct pair *pair);

#endif
