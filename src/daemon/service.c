#include "build_config.h"

#include "daemon/service.h"

#include <stdarg.h>
#include <stdio.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* state is in sd_notify(3)'s form. What comes of it is not our concern: without a service manager it goes
 * nowhere. */
static void notify(const char *state)
{
#ifdef HAVE_SYSTEMD
	(void)sd_notify(0, state);
#else
	(void)state;
#endif
}

void service_ready(const char *status)
{
	char state[256];

	snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", status);
	notify(state);
}

void service_stopping(void)
{
	notify("STOPPING=1\nSTATUS=Stopping");
}
