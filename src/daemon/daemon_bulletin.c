/* What the service manager is told. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/socket.h"

#include <errno.h>
#include <string.h>

static uint64_t count_paused(const struct daemon *daemon)
{
	uint64_t paused = 0;

	for (unsigned i = 0; daemon->workers && i < daemon->worker_count; i++)
		if (daemon->workers[i])
			paused += worker_paused(daemon->workers[i]);
	return paused;
}

static uint64_t time_left(const struct daemon *daemon)
{
	uint64_t now = clock_ms();

	return daemon->time_is_up || daemon->drain_until < now ? 0 : daemon->drain_until - now;
}

static void look(void *arg, struct bulletin_facts *facts)
{
	struct daemon *daemon = arg;

	*facts = (struct bulletin_facts){
	        .phase = daemon->phase,
	        .reloading = daemon->reload > RELOAD_NOTHING,
	        .awaited = preparation_awaited(daemon->changeover.preparation),
	        .pairs = slots_used(&daemon->slots),
	        .paused = count_paused(daemon),
	        .used = budget_used(&daemon->budget),
	        .memory_max = budget_max(&daemon->budget),
	        .left_ms = time_left(daemon),
	};
	outages_count(daemon->outages, &facts->targets, &facts->targets_down);
}

/*
 * Whoever started us may wait for a message, so a manager that does not hear us is worth a line. If all that
 * is lacking is a descriptor or memory, the start had better fail now than when the manager has waited in
 * vain.
 */
int daemon_init_bulletin(struct daemon *daemon)
{
	int error = service_open(&daemon->service, daemon->base);

	if (!service_is_managed(&daemon->service) && socket_error_is_shortage(error))
		return error;
	if (error)
		log_warning("cannot reach the service manager at NOTIFY_SOCKET: %s", strerror(-error));
	daemon->bulletin = bulletin_new(daemon->base, &daemon->service, look, daemon);
	return daemon->bulletin ? 0 : -ENOMEM;
}

void daemon_deinit_bulletin(struct daemon *daemon)
{
	watchdog_free(daemon->watchdog);
	bulletin_free(daemon->bulletin);
	service_close(&daemon->service);
}
