/*
 * Bulk data: a repeating pattern, sent from one buffer and compared, or only counted, where it arrives.
 * The period is prime, so that the comparison fails when a piece is lost, doubled or moved by a round number
 * of bytes.
 */
#ifndef WEIR_BENCH_LOAD_STREAM_H
#define WEIR_BENCH_LOAD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
	uint64_t done;
	uint64_t total; /* done <= total */
	uint64_t seed;
	size_t piece; /* the most bytes of one send(2), 0 = no limit */
	bool copied;  /* the socket is a unix socket, which cannot discard uncopied */
};

/* Must be called before the first stream. */
void stream_init(void);
/* Sends until the stream is complete, the socket is full or its turn is over. Returns 0 or -errno. */
int stream_send(struct stream *stream, int fd);
/*
 * Takes what has arrived, at most up to total or until its turn is over. Without verify the kernel discards
 * it, uncopied if it can. Returns 1 at the end of stream, 0 before it, -EILSEQ when a byte is wrong, or
 * -errno.
 */
int stream_receive(struct stream *stream, int fd, bool verify);

#endif
