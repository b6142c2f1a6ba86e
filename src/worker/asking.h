/*
 * When an acceptor asks whether one more client waits. The kernel makes a socket and a file before it looks,
 * so accept4(2) costs 3 µs if nobody waits (measured). To be told by another pass of the event loop costs
 * less, unless many wait. So after asking for nothing, an acceptor takes just one client when it is told of
 * some: once at first, then ever more often.
 */
#ifndef WEIR_ASKING_H
#define WEIR_ASKING_H

#include <stdbool.h>

#define ASKING_SKIPS_MAX 15 /* so soon a crowd is noticed, in passes of the event loop */
#define ASKING_CROWD     4  /* so many clients at once were worth asking */

/* All zero: asks the next time. */
struct asking {
	unsigned char skips; /* before it asks again */
	unsigned char left;  /* of them */
};

/* Whether to accept until nobody waits. If not, only one client is taken. */
static inline bool asking_is_due(struct asking *asking)
{
	if (asking->left == 0)
		return true;
	asking->left--;
	return false;
}

/* It was due, and found so many. */
static inline void asking_note(struct asking *asking, int clients)
{
	if (clients >= ASKING_CROWD)
		asking->skips = 0;
	else if (asking->skips < ASKING_SKIPS_MAX)
		asking->skips = (unsigned char)(2 * asking->skips + 1);
	asking->left = asking->skips;
}

#endif
