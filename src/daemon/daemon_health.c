/* What follows when targets go down or come up. */
#include "build_config.h"

#include "daemon/daemon_private.h"

void daemon_take_health(void *arg, const struct relay *relay, size_t up)
{
	struct daemon *daemon = arg;

	if (up > 0) {
		relay->standing->news++;
		daemon_order_all(daemon, WORKER_RETRY);
	}
	if (relay->standing->readdressed)
		checks_follow(daemon->checks, daemon->current);
	relay->standing->readdressed = false;
	refusals_judge(&daemon->refusals, relay);
	bell_ring(bulletin_bell(daemon->bulletin));
}
