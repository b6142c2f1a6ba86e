/*
 * When clients of a relay are refused, for when_down = refuse: from when no target is up until one may be
 * tried again. A relay whose targets come and go does not follow each turn: after it has let clients in, it
 * does so for a while. Main thread only. All times are clock_ms.
 */
#ifndef WEIR_REFUSAL_H
#define WEIR_REFUSAL_H

#include "base/backoff.h"
#include "base/episode.h"

#include <stdbool.h>
#include <stdint.h>

#define REFUSAL_NEVER UINT64_MAX

/* Must start zeroed. */
struct refusal {
	struct episode told; /* in the log, that clients are refused */
	/* private */
	uint64_t from, until; /* 0: clients are let in */
	uint64_t let_in;      /* when it was last over, or 0 */
	uint64_t put_off;     /* refused until then in any case, as an entrance could not be opened; or 0 */
	struct backoff pause; /* after that */
};

/*
 * No target is up, and none may be tried before until. REFUSAL_NEVER: that is not known. now or earlier: one
 * is up.
 */
void refusal_note(struct refusal *refusal, uint64_t now, uint64_t until);
/* Whether clients are to be refused. */
bool refusal_holds(const struct refusal *refusal, uint64_t now);
/* When that changes by itself, or REFUSAL_NEVER. */
uint64_t refusal_next(const struct refusal *refusal, uint64_t now);
/* An entrance cannot be opened: it is to be tried again later, ever later. */
void refusal_put_off(struct refusal *refusal, uint64_t now);
/* All could be opened. */
void refusal_note_opened(struct refusal *refusal);

#endif
