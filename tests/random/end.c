#include "build_config.h"

#include "end.h"

#include "../scenario/pattern.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Bytes in one call, and in one visit: an end that has much to do must not hold up the others. */
enum { PIECE_MAX = 128 * 1024, VISIT_MAX = 4 * PIECE_MAX };

static uint64_t stream_seed;

uint64_t end_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The splitmix64 generator. */
uint64_t end_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* ---- the plan ---- */

static uint64_t below(struct end *end, uint64_t limit)
{
	return end_random(&end->random) % limit;
}

static bool chance(struct end *end, unsigned percent)
{
	return below(end, 100) < percent;
}

/* From 1 to 2^bits, every order of magnitude as likely as any other. */
static uint64_t any_size(struct end *end, unsigned bits)
{
	return 1 + below(end, (uint64_t)1 << below(end, bits + 1));
}

static enum finale plan_finale(struct end *end)
{
	uint64_t dice = below(end, 100);

	if (dice < 82)
		return FINALE_FIN;
	return dice < 94 ? FINALE_RST : FINALE_CLOSE;
}

static void plan_burst(struct end *end, uint64_t now)
{
	end->bursts--;
	end->piece = chance(end, 30) ? any_size(end, 12) : PIECE_MAX;
	end->burst = any_size(end, end->piece == PIECE_MAX ? 21 : 15);
	end->write_pause = end->piece == PIECE_MAX ? 0 : below(end, 3);
	if (chance(end, 60))
		end->write_at = now + below(end, chance(end, 10) ? 800 : 60);
}

static void plan_phase(struct end *end, uint64_t now)
{
	end->read_piece = PIECE_MAX;
	end->read_pause = 0;
	if (end->phases == 0)
		return;
	end->phases--;
	end->phase_ends = now + below(end, 400);
	if (chance(end, 30)) {
		end->read_at = end->phase_ends; /* rests */
	} else if (chance(end, 40)) {
		end->read_piece = any_size(end, 15);
		end->read_pause = 1 + below(end, 20);
	}
}

void end_init(struct end *end, int fd, uint64_t seed, uint64_t id)
{
	uint64_t now = end_clock();

	stream_seed = seed;
	*end = (struct end){.fd = fd, .id = id, .random = seed * 0x2545f4914f6cdd1d + id};
	end->bursts = (unsigned)below(end, 6);
	end->burst = END_HEADER;
	end->piece = PIECE_MAX;
	end->finale = plan_finale(end);
	if (chance(end, 15))
		end->reset_at = now + below(end, chance(end, 30) ? 5 : 1000);
	end->phases = (unsigned)below(end, 6);
	plan_phase(end, now);
}

/* ---- what it sends ---- */

/* length bytes of the stream of id from offset on. */
static void stream_fill(unsigned char *bytes, size_t length, uint64_t id, uint64_t offset)
{
	unsigned char header[END_HEADER];
	size_t skip;

	memcpy(header, &id, END_HEADER);
	for (skip = 0; skip < length && offset + skip < END_HEADER; skip++)
		bytes[skip] = header[offset + skip];
	pattern_fill(bytes + skip, length - skip, stream_seed ^ id << 20, offset + skip);
}

static void close_end(struct end *end)
{
	close(end->fd);
	end->fd = -1;
}

/* Only what the relay's kernel has acknowledged is certain to arrive. */
static void note_acknowledged(struct end *end)
{
	int left = 0;

	if (ioctl(end->fd, SIOCOUTQ, &left) < 0 || (uint64_t)left > end->sent)
		return;
	end->acknowledged = end->sent - (uint64_t)left;
}

static void reset_end(struct end *end)
{
	const struct linger linger = {.l_onoff = 1};

	note_acknowledged(end);
	end->reset = true;
	setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close_end(end);
}

static void perform_finale(struct end *end)
{
	if (end->finale == FINALE_RST) {
		reset_end(end);
		return;
	}
	end->fin = true;
	if (end->finale == FINALE_FIN) {
		if (shutdown(end->fd, SHUT_WR) < 0)
			end->broken = true;
		return;
	}
	note_acknowledged(end);
	end->reset = true;
	close_end(end);
}

/* False when the kernel takes no more for now. */
static bool send_piece(struct end *end)
{
	static unsigned char bytes[PIECE_MAX];
	size_t length = end->burst < end->piece ? end->burst : end->piece;
	ssize_t done;

	stream_fill(bytes, length, end->id, end->sent);
	done = send(end->fd, bytes, length, MSG_NOSIGNAL);
	if (done < 0) {
		end->broken = errno != EAGAIN && errno != EINTR;
		return false;
	}
	end->sent += (uint64_t)done;
	end->burst -= (uint64_t)done;
	return (size_t)done == length;
}

static void send_burst(struct end *end, uint64_t now)
{
	size_t pieces = VISIT_MAX / PIECE_MAX;

	while (end->burst > 0 && pieces-- > 0 && send_piece(end) && end->write_pause == 0)
		;
	if (end->write_pause > 0)
		end->write_at = now + end->write_pause;
}

static void act_as_source(struct end *end, uint64_t now, bool winding_down)
{
	if (winding_down)
		end->bursts = 0;
	if (winding_down && end->sent >= END_HEADER)
		end->burst = 0;
	if (end->burst > 0)
		send_burst(end, now);
	else if (end->bursts > 0)
		plan_burst(end, now);
	else
		perform_finale(end);
}

/* ---- what it receives ---- */

/* The first byte that is not what the opposite sent, or length. */
static size_t stream_match(const unsigned char *bytes, size_t length, uint64_t id, uint64_t offset)
{
	static unsigned char expected[PIECE_MAX];
	size_t same = 0;

	stream_fill(expected, length, id, offset);
	while (same < length && bytes[same] == expected[same])
		same++;
	return same;
}

/* Bytes at the beginning that are of a PROXY header, and no part of the stream. */
static size_t skip_header(struct end *end, const unsigned char *bytes, size_t length)
{
	size_t skipped = end->proxy_header < length ? end->proxy_header : length;

	if (end->proxy_header == END_PROXY_HEADER && bytes[0] != '\r')
		end->fault = "no PROXY header";
	end->proxy_header -= skipped;
	return skipped;
}

static void take(struct end *end, const unsigned char *bytes, size_t length)
{
	uint64_t id;
	size_t i = skip_header(end, bytes, length);

	bytes += i;
	length -= i;
	for (i = 0; i < length && end->received + i < END_HEADER; i++)
		end->header[end->received + i] = bytes[i];
	end->received += i;
	bytes += i;
	length -= i;
	if (length == 0)
		return;
	memcpy(&id, end->header, END_HEADER);
	i = stream_match(bytes, length, id, end->received);
	end->received += i;
	if (i < length)
		end->fault = "a byte that was not sent there";
}

static void note_end(struct end *end, bool reset)
{
	end->seen = reset || end->broken ? SEEN_RST : SEEN_FIN;
	end->seen_fin = end->seen == SEEN_FIN;
	if (end->seen_fin && end->received < END_HEADER)
		end->fault = "a clean end before the first byte";
}

/* False when there is nothing more to read for now, or ever. */
static bool receive_piece(struct end *end)
{
	static unsigned char bytes[PIECE_MAX];
	ssize_t done = recv(end->fd, bytes, end->read_piece, 0);

	if (done > 0)
		take(end, bytes, (size_t)done);
	else if (done == 0)
		note_end(end, false);
	else if (errno != EAGAIN && errno != EINTR)
		note_end(end, true);
	return done == (ssize_t)end->read_piece && !end->fault;
}

static void act_as_sink(struct end *end, uint64_t now)
{
	size_t pieces = VISIT_MAX / PIECE_MAX;

	while (pieces-- > 0 && receive_piece(end) && end->read_pause == 0)
		;
	if (end->read_pause > 0)
		end->read_at = now + end->read_pause;
}

/* ---- events ---- */

static bool wants_to_write(const struct end *end, uint64_t now)
{
	return !end->fin && !end->broken && now >= end->write_at;
}

static bool wants_to_read(const struct end *end, uint64_t now)
{
	return end->seen == SEEN_NOTHING && now >= end->read_at;
}

short end_events(const struct end *end, uint64_t now)
{
	short events = 0;

	if (wants_to_write(end, now))
		events |= POLLOUT;
	if (wants_to_read(end, now))
		events |= POLLIN;
	return events;
}

static void follow_plan(struct end *end, uint64_t now, bool winding_down)
{
	if (winding_down) {
		end->phases = 0;
		end->write_at = end->read_at = end->write_pause = end->read_pause = 0;
		end->read_piece = end->piece = PIECE_MAX;
		return;
	}
	if (now >= end->phase_ends)
		plan_phase(end, now);
	if (end->reset_at && now >= end->reset_at)
		reset_end(end);
}

void end_act(struct end *end, short events, uint64_t now, bool winding_down)
{
	const short failed = POLLERR | POLLHUP;

	follow_plan(end, now, winding_down);
	if (end->fd >= 0 && wants_to_read(end, now) && (events & (POLLIN | failed)))
		act_as_sink(end, now);
	if (end->fd >= 0 && wants_to_write(end, now) && (events & (POLLOUT | failed)))
		act_as_source(end, now, winding_down);
	/* After a clean end only a failure is news. */
	if (end->fd >= 0 && end->seen == SEEN_FIN && (end->broken || (events & POLLERR)))
		end->seen = SEEN_RST;
	if (end->fd >= 0 && end_is_over(end))
		close_end(end);
}

bool end_is_over(const struct end *end)
{
	return end->reset || end->fault || end->seen == SEEN_RST || (end->fin && end->seen == SEEN_FIN);
}

bool end_knows_opposite(const struct end *end, uint64_t *id)
{
	if (end->received < END_HEADER)
		return false;
	memcpy(id, end->header, END_HEADER);
	return true;
}

void end_deinit(struct end *end)
{
	if (end->fd >= 0)
		close_end(end);
}
