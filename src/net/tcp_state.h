/*
 * What the kernel knows about how the other end of a TCP connection takes what it is sent, and how it sends
 * (TCP_INFO, see tcp(7) and linux/tcp.h). Nothing is known about a unix socket, and older kernels have fewer
 * of these fields. What is not known is TCP_UNKNOWN, and never guessed.
 */
#ifndef WEIR_TCP_STATE_H
#define WEIR_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_UNKNOWN UINT64_MAX

/* At one moment. Times in microseconds unless the name says otherwise. */
struct tcp_state {
	bool known;
	/* What it is sent. */
	uint64_t unacknowledged; /* bytes written and not acknowledged; its end counts as one */
	uint64_t unsent;         /* of these, not even sent yet */
	uint64_t room;           /* bytes that it takes at once: its window */
	uint64_t busy, shut;     /* since it began: something was unacknowledged; its window was shut then */
	uint64_t acknowledged;   /* bytes, since it began */
	uint64_t resent;         /* segments, since it began */
	uint64_t rtt, rtt_min;   /* round trip: smoothed; the least of the last minutes */
	uint64_t tries;          /* retransmissions, or probes of the shut window, since its last answer */
	uint64_t heard_ms;       /* how long ago its last segment came */
	/* What it sends. */
	uint64_t received;            /* bytes, since it began */
	uint64_t segments, reordered; /* since it began: those with bytes; of these, out of order */
	uint64_t segment;             /* bytes of a full one */
	uint64_t receive_rtt;         /* round trip, as what it sends shows it */
	uint64_t receive_window;      /* bytes that it may send before we have read them, at most */
};

/* Never fails: known says whether the kernel has said anything. It is not asked about -1, no socket. */
struct tcp_state tcp_state(int fd);

#endif
