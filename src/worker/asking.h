/*
 * When an acceptor asks whether one more client waits. The kernel makes a socket and a file before it looks,
 * so accept4(2) takes 3 µs even if nobody waits (measured). Unless many wait, another pass of the event loop
 * costs less. Once an acceptor has asked in vain, it therefore takes only one client at the next event. Each
 * time that it asks in vain again, it does so for more events.
 */
#ifndef WEIR_ASKING_H
#define WEIR_ASKING_H

#include <stdbool.h>

#define ASKING_SKIPS_MAX 15 /* a crowd is noticed after at most this many passes of the event loop */
#define ASKING_CROWD     4  /* clients at once that were worth asking */

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

/* It was due, and found this many. */
static inline void asking_note(struct asking *asking, int clients)
{
	if (clients >= ASKING_CROWD)
		asking->skips = 0;
	else if (asking->skips < ASKING_SKIPS_MAX)
		asking->skips = (unsigned char)(2 * asking->skips + 1);
	asking->left = asking->skips;
}

#endif
