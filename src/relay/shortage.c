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

static const char *shortage_text(int error)
{
	return error == -EADDRINUSE ? "no local port is free" : strerror(-error);
}

void shortage_note(struct shortage *shortage, const struct endpoint *endpoint, int error)
{
	shortage->endpoint = *endpoint;
	shortage->error = error;
	shortage->until = clock_ms() + PAUSE_MS;
}

void shortage_begin(struct episode *episode, const char *relay, int error)
{
	if (episode_begin(episode, EPISODE_INTERVAL_MS))
		log_warning("relay %s: connecting has to wait: %s", relay, shortage_text(error));
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
	if (shortage->error == -EADDRINUSE && !endpoint_equal(&shortage->endpoint, endpoint))
		return 0;
	return shortage->error;
}
