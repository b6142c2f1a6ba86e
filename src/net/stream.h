/*
 * The calls on a connected stream socket, TCP or unix, which is non-blocking. Nothing above net calls
 * recv(2), send(2), splice(2), shutdown(2) or poll(2) itself.
 *
 * What moves bytes returns how many, or -errno. -EAGAIN: none can be moved now (also after EINTR).
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0: the stream has ended. */
ssize_t stream_receive(int fd, void *data, size_t size);
/* The same, but what was received can be received again. */
ssize_t stream_peek(int fd, void *data, size_t size);
/* The same, but the bytes are dropped (tcp(7): MSG_TRUNC). A unix socket copies them into scratch. */
ssize_t stream_discard(int fd, void *scratch, size_t size);

/* How much the kernel took, which may be less than size. Raises no SIGPIPE. */
ssize_t stream_send(int fd, const void *data, size_t size);

/*
 * From a socket into a pipe, or from a pipe into a socket, without a copy. Of a socket nothing but bytes is
 * to be believed: 0 may mean that an urgent byte is next, -EAGAIN that the pipe is full. -EINVAL: not with
 * this socket. May raise SIGPIPE.
 */
ssize_t stream_splice(int from, int to, size_t size);

/* Ends the stream that was sent: FIN after the last byte. 0 or -errno. */
int stream_finish(int fd);
/*
 * A TCP socket resets when it is closed (net/socket.h makes it so): by stream_reset, or by the end of the
 * process, however that comes. What was cut short never looks complete. Only stream_close sends what is left
 * and an end of stream. A unix socket knows no reset: both just close it.
 */
void stream_reset(int fd);
void stream_close(int fd);

/*
 * Bytes that the kernel holds: received and not read (SIOCINQ), sent and not acknowledged (SIOCOUTQ). tcp(7),
 * unix(7). 0 where it does not say.
 */
uint64_t stream_unread(int fd);
uint64_t stream_unacknowledged(int fd);

/* Whether something can be read (or the stream has ended), or written, right now. */
bool stream_is_readable(int fd);
bool stream_is_writable(int fd);

/*
 * How many sockets stream_failed may be asked about at once: few, because poll(2) takes no more than there
 * may be descriptors, and that limit can be lowered.
 */
#define STREAM_BATCH 64
/*
 * Sets failed[i] where fds[i] was reset or broke: for sockets that nobody reads or writes, where no event
 * would tell. False if none did, or if it could not be found out.
 */
bool stream_failed(const int *fds, size_t count, bool failed[STREAM_BATCH]);

#endif
