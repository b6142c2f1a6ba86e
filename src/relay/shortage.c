#include "build_config.h"

#include "relay/shortage.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>

/*
 * After a failure of ours, nobody tries for so long. The kernel looks through all local ports before it says
 * that none is free, which takes milliseconds, and any number of pairs may wait for one.
 */
#define PAUSE_MS 50

bool shortage_is_of_address(int error)
{
	return error == -EADDRINUSE || local_address_failed(error);
}

void shortage_note(struct shortage *shortage, const struct endpoint *endpoint, int error)
{
	shortage->endpoint = *endpoint;
	shortage->error = error;
	shortage->until = clock_ms() + PAUSE_MS;
}

void shortage_begin(struct episode *episode, const char *relay, const struct local_address *local,
                    const struct endpoint *endpoint, int error)
{
	char buf[LOCAL_ADDRESS_TEXT_MAX];
	const char *text = error == -EADDRINUSE ? "no local port is free" : strerror(-error);

	if (!episode_begin(episode, EPISODE_INTERVAL_MS))
		return;
	if (local_address_failed(error))
		text = local_address_error_text(local, endpoint, error, buf);
	log_warning("relay %s: connecting has to wait: %s", relay, text);
}

void shortage_end(struct episode *episode, const char *relay)
{
	if (episode_end(episode))
		log_notice("relay %s: connecting goes on", relay);
}

int shortage_now(struct shortage *shortage, const struct endpoint *endpoint)
{
	if (shortage->error && clock_ms() >= shortage->until)
		shortage->error = 0;
	if (shortage_is_of_address(shortage->error) && !endpoint_equal(&shortage->endpoint, endpoint))
		return 0;
	return shortage->error;
}
