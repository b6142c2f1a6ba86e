#include "build_config.h"

#include "relay/refusal.h"

/* How long clients are let in at least. */
#define LET_IN_MIN_MS 200
/* How long an entrance that cannot be opened is left alone, ever longer. */
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 30000

bool refusal_holds(const struct refusal *refusal, uint64_t now)
{
	return now < refusal->put_off || (refusal->from <= now && now < refusal->until);
}

static void end(struct refusal *refusal, uint64_t when)
{
	if (refusal->from <= when)
		refusal->let_in = when;
	refusal->from = refusal->until = 0;
}

void refusal_note(struct refusal *refusal, uint64_t now, uint64_t until)
{
	if (refusal->until && refusal->until <= now)
		end(refusal, refusal->until);
	if (until <= now) {
		if (refusal->until)
			end(refusal, now);
		return;
	}
	if (!refusal->until)
		refusal->from = refusal->let_in ? max_u64(now, refusal->let_in + LET_IN_MIN_MS) : now;
	refusal->until = until;
}

uint64_t refusal_next(const struct refusal *refusal, uint64_t now)
{
	if (now < refusal->put_off)
		return refusal->put_off;
	if (refusal->from >= refusal->until || refusal->until <= now)
		return REFUSAL_NEVER;
	return now < refusal->from ? refusal->from : refusal->until;
}

void refusal_put_off(struct refusal *refusal, uint64_t now)
{
	if (refusal->pause.wait == 0)
		backoff_reset(&refusal->pause, PAUSE_MIN_MS);
	refusal->put_off = now + backoff_next(&refusal->pause, PAUSE_MAX_MS);
}

void refusal_note_opened(struct refusal *refusal)
{
	refusal->put_off = 0;
	backoff_reset(&refusal->pause, PAUSE_MIN_MS);
}
