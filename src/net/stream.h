/*
 * The calls on a connected, non-blocking stream socket, TCP or unix. Nothing above net calls recv(2),
 * send(2), splice(2), shutdown(2) or poll(2) itself.
 *
 * Functions that move bytes return how many they moved, or -errno. -EAGAIN means that none can be moved now
 * (or EINTR).
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0 means that the stream has ended. */
ssize_t stream_receive(int fd, void *data, size_t size);
/* The same, but the bytes stay and can be received again. */
ssize_t stream_peek(int fd, void *data, size_t size);
/* The same, but the bytes are dropped (tcp(7): MSG_TRUNC). A unix socket copies them into scratch. */
ssize_t stream_discard(int fd, void *scratch, size_t size);

/* Returns how much the kernel took, which may be less than size. Raises no SIGPIPE. */
ssize_t stream_send(int fd, const void *data, size_t size);

/*
 * Moves bytes from a socket into a pipe, or from a pipe into a socket, without a copy. When reading a socket,
 * only a positive result is reliable: 0 may mean that an urgent byte is next, and -EAGAIN that the pipe is
 * full. -EINVAL means that this socket cannot be spliced. May raise SIGPIPE.
 */
ssize_t stream_splice(int from, int to, size_t size);

/* Ends the sending direction: FIN after the last byte. 0 or -errno. */
int stream_finish(int fd);
/*
 * Both close fd. A TCP socket resets when it is closed (net/socket.h sets that up). That holds for
 * stream_reset and for any end of the process, so a stream that was cut short never looks complete. Only
 * stream_close sends what is left and then an end of stream. A unix socket has no reset, so both just close
 * it. Once a stream has ended in both directions and the other end has acknowledged that
 * (stream_unacknowledged is 0), nothing is left to be sent or reset: then both do the same, and stream_reset
 * is one system call less.
 */
void stream_reset(int fd);
void stream_close(int fd);
/* For a descriptor that somebody else closes: it will be as stream_close does it. */
void stream_keep(int fd);
/* The same, but as stream_reset does it, and whoever owns fd finds that the stream is over. */
void stream_cut(int fd);

/*
 * Bytes that the kernel holds: received but not read (SIOCINQ), or sent but not acknowledged (SIOCOUTQ). See
 * tcp(7) and unix(7). 0 if the kernel does not say. For what a unix socket has sent, the kernel counts its
 * own costs too: 768 for ten bytes. It is 0 when all is read.
 */
uint64_t stream_unread(int fd);
uint64_t stream_unacknowledged(int fd);

/* The size of a socket's send buffer in the kernel (SO_SNDBUF), in bytes. */
uint64_t stream_send_buffer(int fd);

/* Whether fd can be read (or its stream has ended), or written, right now. */
bool stream_is_readable(int fd);
bool stream_is_writable(int fd);

/*
 * How many sockets one call of stream_failed takes. It is small because poll(2) takes no more than the limit
 * on descriptors, and that limit can be lowered.
 */
#define STREAM_BATCH 64
/*
 * Sets failed[i] to whether fds[i] was reset or broke. For sockets that are neither read nor written, where
 * no event would report it. False, with failed left alone, if no socket has anything to report or poll(2)
 * failed.
 */
bool stream_failed(const int *fds, size_t count, bool failed[STREAM_BATCH]);
/* Takes the -errno of a socket that has failed: no later call reports it. -ECONNRESET if it has none. */
int stream_take_error(int fd);
/*
 * True if -errno is not what the other end said, but what the kernel makes of its silence: it has given up on
 * retransmissions or keepalive probes. If a router or firewall has said why meanwhile, the error is that.
 */
bool stream_error_is_silence(int error);

#endif
