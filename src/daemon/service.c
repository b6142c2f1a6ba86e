#include "build_config.h"

#include "daemon/service.h"

#include <stdarg.h>
#include <stdio.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* state has the form of sd_notify(3). Errors do not matter: without a service manager nothing is sent. */
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
