/* The parts of an actor: see actor.c. */
#ifndef WEIR_ACTOR_H
#define WEIR_ACTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a thread does. Whatever is not listed in the output is work, or nothing. */
enum doing {
	DOING_WORK,
	DOING_BLOCKED, /* speaking: nobody takes what is there to be sent */
	DOING_TURN,    /* speaking: rests on purpose, the other end having spoken last */
	DOING_SENDING, /* speaking: rests on purpose within what it says */
	DOING_WAITING, /* for bytes of the other end */
	DOING_UNREAD,  /* hearing: rests on purpose although bytes wait */
	DOING_REST,    /* hearing: rests on purpose, and nothing waits */
	DOING_OVER,    /* has nothing to do any more */
	DOINGS,
};

/* How long a thread has done what. Microseconds of CLOCK_MONOTONIC. */
struct account {
	pthread_mutex_t lock;
	enum doing doing;
	uint64_t since;
	uint64_t total[DOINGS];
};

uint64_t now_us(void);
void account_enter(struct account *account, enum doing doing);
/* What there is until now. */
void account_read(struct account *account, uint64_t now, uint64_t total[DOINGS]);

enum act { ACT_SEND, ACT_FLOOD, ACT_WAIT, ACT_READ, ACT_AFTER, ACT_REST, ACT_END, ACT_STOP };

struct line {
	enum act act;
	uint64_t from, to; /* bytes or ms; a number in between */
};

#define LINES_MAX 32

/* What one thread does, over and over from loop on. */
struct part {
	struct line lines[LINES_MAX];
	unsigned count, loop;
};

/* Takes a word of the command line. False if it is none of a part. */
bool part_add(struct part *part, const char *word);

/* One end of a connection. */
struct end {
	int fd;
	const struct part *say, *hear;
	struct account saying, hearing;
	_Atomic uint64_t said, heard; /* bytes */
	atomic_bool spoke_last;
	atomic_bool over; /* nothing more will be heard */
	unsigned seed;
	pthread_mutex_t lock; /* news: more was heard, or it is over */
	pthread_cond_t news;
};

/* Plays both parts on a connected socket, on threads of its own. 0 or -errno. */
int end_play(struct end *end);

#endif
