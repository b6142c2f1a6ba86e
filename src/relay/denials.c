#include "build_config.h"

#include "relay/denials.h"

#include "base/log.h"

#include <inttypes.h>

/* When no client has been denied for so long, it is over. */
#define QUIET_MS 10000

void denials_note(struct denials *denials, const char *relay, const union client_address *client,
                  uint64_t now)
{
	char text[ADDRESS_TEXT_MAX];
	bool begins;

	denials->count++;
	denials->last = now;
	begins = episode_begin(&denials->told, EPISODE_INTERVAL_MS);
	if (begins)
		log_notice("relay %s: clients are denied, the first is %s", relay,
		           client_address_format(client, text));
	else if (log_wants(LOG_LEVEL_DEBUG))
		log_debug("relay %s: %s is denied", relay, client_address_format(client, text));
}

void denials_end(struct denials *denials, const char *relay)
{
	if (episode_end(&denials->told))
		log_notice("relay %s: no client is denied any more, after %" PRIu64, relay,
		           atomic_exchange(&denials->count, 0));
}

bool denials_go_on(struct denials *denials, const char *relay, uint64_t now)
{
	if (denials->told.told && now < denials->last + QUIET_MS)
		return true;
	denials_end(denials, relay);
	return false;
}
