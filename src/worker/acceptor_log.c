/* What an acceptor says when it pauses, and when it goes on. */
#include "build_config.h"

#include "worker/acceptor_private.h"

#include "base/log.h"

#include <inttypes.h>
#include <string.h>

/*
 * One line per episode, because a busy relay at its limit pauses after every client. If the last line is too
 * recent, the retry asks again. This way a lasting episode is always logged.
 */
static bool begin_episode(struct acceptor *acceptor)
{
	if (acceptor->logged)
		return false;
	acceptor->logged = standing_begin_limit(acceptor->relay->standing);
	return acceptor->logged;
}

void acceptor_end_episode(struct acceptor *acceptor)
{
	if (acceptor->logged)
		standing_end_limit(acceptor->relay->standing);
	acceptor->logged = false;
}

void acceptor_log_limit(struct acceptor *acceptor)
{
	struct slots *full = acceptor->awaited;
	uint64_t max = slots_max(full);

	if (!slots_full(full)) /* any more: a slot was given back, or the limit raised, and it is told */
		return;
	if (begin_episode(acceptor))
		log_warning("relay %s: %smax_connections (%" PRIu64 ") reached, accepting pauses",
		            acceptor->relay->config->name, full == acceptor->all->slots ? "" : "its ", max);
	if (!acceptor->logged && !standing_logged_limit(acceptor->relay->standing))
		acceptors_arm_retry(acceptor->all);
}

void acceptor_log_shortage(struct acceptor *acceptor, int error)
{
	acceptor->relay->standing->tallies[acceptor->all->set->worker].counters.shortages++;
	if (begin_episode(acceptor))
		log_error("relay %s: cannot accept: %s; accepting pauses", acceptor->relay->config->name,
		          strerror(-error));
}

void acceptor_log_calm(struct acceptor *acceptor)
{
	if (acceptor->logged)
		log_notice("relay %s: accepting again", acceptor->relay->config->name);
	acceptor_end_episode(acceptor);
}
