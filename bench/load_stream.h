/*
 * Bulk data: a repeating pattern, sent from one buffer and compared, or only counted, where it arrives.
 * The period is prime, so that a piece that was lost, doubled or moved by a round number of bytes does not
 * compare.
 */
#ifndef WEIR_BENCH_LOAD_STREAM_H
#define WEIR_BENCH_LOAD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct stream {
	uint64_t done;
	uint64_t total; /* done <= total */
	uint64_t seed;
};

/* Before the first stream. */
void stream_init(void);
/* Sends until the stream is complete, the socket full or a turn's share sent. 0 or -errno. */
int stream_send(struct stream *stream, int fd);
/*
 * Takes what has come, at most up to total; without verify the kernel discards it uncopied. 1 at the end of
 * the stream, 0 before it, -EILSEQ when a byte is wrong, or -errno.
 */
int stream_receive(struct stream *stream, int fd, bool verify);

#endif
