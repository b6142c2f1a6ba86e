/*
 * What the kernel knows about how the other end of a TCP connection takes what it is sent (TCP_INFO, see
 * tcp(7) and linux/tcp.h). Nothing is known about a unix socket, and less on kernels that have fewer of these
 * fields: what is not known is TCP_UNKNOWN, and never guessed.
 */
#ifndef WEIR_TCP_STATE_H
#define WEIR_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_UNKNOWN UINT64_MAX

/* At one moment. Times in microseconds unless the name says otherwise. */
struct tcp_state {
	bool known;
	uint64_t busy, shut; /* since the connection began: it was sent something; its window was shut then */
	uint64_t acknowledged;   /* bytes since then */
	uint64_t unacknowledged; /* bytes sent and not acknowledged */
	uint64_t unsent;         /* bytes written and not sent yet */
	uint64_t resent;         /* segments sent again, since it began */
	uint64_t rtt, rtt_min;   /* of what it was sent */
	uint64_t tries,
	        heard_ms;     /* unanswered retransmissions and probes; how long ago its last segment came */
	uint64_t receive_rtt; /* round trip as its sending shows it; 0: not measured yet */
	uint64_t receive_window;     /* bytes that it may send before we have read them */
	uint64_t segment, reordered; /* bytes of a segment that it sends; segments that came out of order */
};

/* Never fails: known says whether the kernel has said anything. */
struct tcp_state tcp_state(int fd);

#endif
