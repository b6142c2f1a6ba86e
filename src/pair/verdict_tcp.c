/* What TCP tells about a side, as far as a verdict needs it. */
#include "build_config.h"

#include "pair/verdict_rules.h"

#include "base/number.h"

static bool is_known(uint64_t value)
{
	return value != TCP_UNKNOWN;
}

uint64_t verdict_lag(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;
	uint64_t taking = is_known(lately->busy) ? lately->busy : lately->span;

	if (!side->now.known || !is_known(lately->acknowledged) || !is_known(side->now.unacknowledged))
		return TCP_UNKNOWN;
	if (side->now.unacknowledged == 0)
		return 0;
	/* Less than a segment may be what it has acknowledged of the handshake, or of a probe. */
	if (lately->acknowledged == 0 ||
	    (lately->acknowledged < side->now.segment && side->now.unacknowledged >= side->now.segment))
		return taking;
	return (uint64_t)((double)side->now.unacknowledged * (double)taking / (double)lately->acknowledged);
}

bool verdict_is_local(const struct side_evidence *side)
{
	return !is_known(side->now.rtt_min) || side->now.rtt_min < LOCAL_RTT_US;
}

bool verdict_lags(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;
	uint64_t rtt = is_known(side->now.rtt) ? side->now.rtt : 0, lag = verdict_lag(side);

	return is_known(lag) && is_known(lately->busy) &&
	       verdict_is_share(lately->busy, WAIT_SHARE, lately->span) && lag > LAG_MIN_US + 2 * rtt;
}

uint64_t verdict_shut(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;

	if (!is_known(lately->shut))
		return TCP_UNKNOWN;
	/* Both are rounded, so that the part may seem to be more than the whole. */
	return lately->busy == 0 ? 0 : min_u64(lately->shut * 1000 / lately->busy, 1000);
}

bool verdict_is_gone(const struct side_evidence *side)
{
	return side->now.known && side->now.tries >= GONE_TRIES && side->unanswered_ms >= GONE_MS;
}

bool verdict_is_shut(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;

	return is_known(lately->shut) && verdict_is_share(lately->shut, SHUT_SHARE, lately->busy);
}

bool verdict_is_behind(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;

	return verdict_lags(side) ||
	       (verdict_is_shut(side) && verdict_is_share(lately->busy, WAIT_SHARE, lately->span));
}

bool verdict_takes_at_once(const struct side_evidence *side)
{
	return side->now.known && !verdict_is_shut(side) && verdict_lag(side) < SLOW_LAG_US;
}

bool verdict_fills_our_buffer(const struct side_evidence *side)
{
	uint64_t rtt = is_known(side->now.rtt_min) ? side->now.rtt_min : 0, lag = verdict_lag(side);

	return side->bounded && side->now.known && side->now.unsent == 0 && side->lately.resent == 0 &&
	       is_known(lag) && lag <= max_u64(2 * rtt, BUFFER_LAG_MIN_US);
}

bool verdict_fills_our_window(const struct side_evidence *side)
{
	const struct tcp_state *now = &side->now;
	const struct tcp_change *lately = &side->lately;

	return !verdict_is_local(side) && is_known(now->receive_rtt) && is_known(now->receive_window) &&
	       is_known(lately->received) && lately->span > 0 &&
	       (double)lately->received / (double)lately->span * (double)now->receive_rtt * 1000 >=
	               (double)now->receive_window * WINDOW_SHARE;
}

/*
 * Bytes of segments that are counted, while they are not, as something before them is missing: no more than
 * come in a round trip.
 */
static uint64_t not_counted_yet(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;
	double trips;

	if (!is_known(lately->reordered) || !is_known(side->now.receive_rtt) || lately->span == 0)
		return 0;
	trips = (double)side->now.receive_rtt / (double)lately->span;
	return min_u64(lately->reordered * side->now.segment, (uint64_t)((double)lately->received * trips));
}

bool verdict_fills_its_path(const struct side_evidence *side)
{
	const struct tcp_change *lately = &side->lately;
	uint64_t segments = lately->segments, segment = side->now.segment;

	if (verdict_is_local(side) || !is_known(lately->received) || !is_known(segments) ||
	    segments < SEGMENTS_MIN)
		return false;
	return verdict_is_share(lately->received + not_counted_yet(side), FULL_SHARE, segments * segment);
}

uint64_t verdict_path_gap(const struct side_evidence *side)
{
	uint64_t trip = is_known(side->now.receive_rtt) ? side->now.receive_rtt : 0;

	if (is_known(side->now.rtt_min))
		trip = max_u64(trip, side->now.rtt_min);
	return max_u64(2 * trip, PATH_GAP_US);
}

uint64_t verdict_still_coming(const struct side_evidence *side, uint64_t length)
{
	const struct tcp_change *lately = &side->lately;

	if (!side->now.known || !is_known(lately->busy) || lately->span == 0)
		return 0;
	return (uint64_t)((double)lately->busy * (double)length / (double)lately->span);
}
