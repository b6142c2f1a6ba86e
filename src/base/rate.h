/*
 * How many bytes a second may be moved: by one pair, or by all that share a rate, on any thread.
 *
 * Who wants to move bytes takes a portion at the end of the line, and may move it when the portions before it
 * and the portion itself are earned. So all that want more get a portion in turn, and each knows when its own
 * is due: nobody has to be told, and there is no lock. The line is one number, the time at which all portions
 * that were taken are earned. Taking one moves it forward, giving back what was not used moves it back.
 *
 * While nobody wants anything, a burst is saved up: 64 KiB, or what a tenth of a second brings if that is
 * less. The only one to want more gets portions of a burst. The more there are, the smaller the portions, so
 * that each gets one in a tenth of a second. But hardly more than one in two milliseconds is due: of ten
 * thousand, each gets one in twenty seconds, and while they wait they cost next to nothing. Timers fire some
 * milliseconds late, so a burst is at least what those bring, or fast rates could not be kept; above 16 MiB/s
 * that is more than 64 KiB. Who comes late for a portion has not lost what was earned since, for up to a
 * tenth of a second.
 */
#ifndef WEIR_RATE_H
#define WEIR_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_MAX       (1ull << 40) /* bytes a second: the highest limit */
#define RATE_UNLIMITED UINT64_MAX

struct rate {
	const _Atomic uint64_t *limit; /* bytes a second; 0: none. Borrowed; many rates may have the same */
	/* private */
	_Atomic int64_t earned;   /* ns: when all portions that were taken are */
	_Atomic uint32_t wanting; /* shares */
};

/* What one pair has of a rate. It belongs to one thread. */
struct rate_share {
	struct rate *rate;
	/* private */
	uint64_t left;                /* bytes of its portion that are not moved yet; 0: it has no portion */
	uint64_t price;               /* the limit at which it was taken */
	int64_t due;                  /* ns */
	uint64_t moved, moved_before; /* bytes since it began to want some, and the last time before that */
	bool wants;                   /* it is counted in wanting */
};

void rate_init(struct rate *rate, const _Atomic uint64_t *limit);
bool rate_is_limited(const struct rate *rate);
/* Where its line ends, and the same line again in another program. */
int64_t rate_line(const struct rate *rate);
void rate_restore(struct rate *rate, int64_t line);
void rate_share_init(struct rate_share *share, struct rate *rate);
/* The share of this rate, whose line is restored, has the place and the portion that kept had. */
void rate_share_restore(struct rate_share *share, struct rate *rate, const struct rate_share *kept);

/*
 * How many bytes may be moved now (clock_ms), or RATE_UNLIMITED. 0: not before rate_next, when this is to be
 * called again. From this call until rate_rest, the share wants to move bytes, and keeps its place.
 */
uint64_t rate_allows(struct rate_share *share, uint64_t now);
/* So many were moved, no more than rate_allows said. */
void rate_spend(struct rate_share *share, uint64_t bytes);
/*
 * The share wants no more for now, because its source has nothing more, or because it has to wait for
 * something else. What it has left goes to the others, but more than a burst is not saved: so not after every
 * read that was shorter than it might be, as a splice(2) often is while there is more. Must follow when the
 * share ends, too.
 */
void rate_rest(struct rate_share *share);
/*
 * When to call rate_allows again after it has said 0 (clock_ms). This may be before the portion is due, to
 * find out whether others have left. When the limit was changed, it is to be called at once.
 */
uint64_t rate_next(const struct rate_share *share, uint64_t now);

#endif
