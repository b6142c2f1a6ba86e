/*
 * A peer that has vanished sends nothing, not even a reset. It only shows once it was sent something: its TCP
 * neither acknowledges that nor answers a probe of its window. A reader that rests does answer, however long
 * it rests.
 *
 * No event reports that. A peer that owes an answer is looked at a few times within vanish_timeout. One that
 * owes nothing is not looked at.
 *
 * At least two tries must have failed. One may be lost on the way, and Linux itself leaves a probe unanswered
 * that comes within half a second of the last (net.ipv4.tcp_invalid_ratelimit).
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/tcp_state.h"
#include "pair/pair_private.h"

#include <errno.h>

#define LOOKS     4 /* within vanish_timeout */
#define TRIES_MIN 2

static uint64_t look_interval(const struct pair *pair)
{
	return max_u64(pair->relay->config->vanish_timeout / LOOKS, 1);
}

/*
 * It was sent something, a byte or the end, since it was last seen to owe nothing. If that was in the same
 * millisecond, one more look does no harm.
 */
static bool was_sent_more(const struct peer *peer)
{
	const struct flow *to = &pair_opposite(peer)->from;

	if (to->sink == SINK_ENDED && to->ended >= peer->owing_since)
		return true;
	return to->bytes > 0 && to->last_progress >= peer->owing_since;
}

bool pair_may_owe(const struct peer *peer)
{
	if (pair_opposite(peer)->from.sink == SINK_FAILED)
		return false;
	return peer->look_at > 0 || was_sent_more(peer) || peer->pair->phase == PHASE_ENDING;
}

static uint64_t next_look(struct peer *peer)
{
	if (!pair_may_owe(peer))
		return PAIR_NEVER;
	if (peer->look_at == 0) {
		peer->owing_since = clock_ms();
		peer->look_at = peer->owing_since + look_interval(peer->pair);
	}
	return peer->look_at;
}

uint64_t pair_vanish_next(struct pair *pair)
{
	if (!pair_is_connected(pair) || pair->relay->config->vanish_timeout == 0)
		return PAIR_NEVER;
	return min_u64(next_look(&pair->client), next_look(&pair->target));
}

bool pair_vanish_is_on_watch(const struct peer *peer)
{
	return peer->look_at > 0 || peer->pair->relay->config->vanish_timeout == 0;
}

/* Nobody owes anything on a unix socket, or if the kernel does not say. */
static bool owes_now(const struct tcp_state *tcp)
{
	return tcp->known && tcp->unacknowledged > 0;
}

bool pair_note_owing(struct peer *peer, const struct tcp_state *tcp, uint64_t now)
{
	if (owes_now(tcp))
		return true;
	peer->owing_since = now;
	peer->look_at = 0;
	pair_opposite(peer)->steady = false; /* what comes from it next is to be answered again */
	return false;
}

/* Nothing from before owing_since is unanswered. If the peer was heard later, nothing from before that is. */
static uint64_t silent_since(const struct peer *peer, const struct tcp_state *tcp, uint64_t now)
{
	return max_u64(peer->owing_since, now - min_u64(tcp->heard_ms, now));
}

/*
 * At the last look its TCP had nothing to answer, and whoever has looked later than it should, because the
 * daemon was stopped or had no CPU, cannot tell since when it has.
 */
static void forgive_lateness(struct peer *peer, uint64_t interval, uint64_t now)
{
	if (peer->look_at == peer->owing_since + interval && now > peer->look_at)
		peer->owing_since += now - peer->look_at;
}

/*
 * owing_since is too early by up to one interval: at the last look its TCP may have had nothing to answer. So
 * one interval is added, and no peer is given less than vanish_timeout.
 */
static void look(struct peer *peer, uint64_t now)
{
	uint64_t interval = look_interval(peer->pair);
	struct flow *to = &pair_opposite(peer)->from;
	struct tcp_state tcp = pair_tcp_state(peer);

	if (!pair_note_owing(peer, &tcp, now))
		return;
	forgive_lateness(peer, interval, now);
	peer->look_at = now + interval;
	peer->owing_since = tcp.tries == 0 ? now : silent_since(peer, &tcp, now);
	if (tcp.tries >= TRIES_MIN &&
	    now - peer->owing_since >= peer->pair->relay->config->vanish_timeout + interval)
		flow_sink_failed(to, -ETIMEDOUT);
}

void pair_vanish_look(struct pair *pair)
{
	uint64_t now = clock_ms();

	if (pair_vanish_next(pair) > now)
		return;
	if (pair_may_owe(&pair->client) && pair->client.look_at <= now)
		look(&pair->client, now);
	if (pair_may_owe(&pair->target) && pair->target.look_at <= now)
		look(&pair->target, now);
}

uint64_t pair_unanswered_ms(const struct peer *peer, const struct tcp_state *tcp, uint64_t now)
{
	return owes_now(tcp) && tcp->tries > 0 ? now - silent_since(peer, tcp, now) : 0;
}
