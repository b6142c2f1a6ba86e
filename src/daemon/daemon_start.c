/* From the configuration to workers that accept. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/estimate.h"
#include "daemon/passed.h"
#include "daemon/takeover_again.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void daemon_say_warnings(const struct config *config)
{
	for (size_t i = 0; i < config->warning_count; i++)
		log_warning("may be a mistake: %s", config->warnings[i]);
}

bool daemon_init_limits(struct daemon *daemon)
{
	uint64_t nofile = daemon->nofile = daemon_raise_fds();
	uint64_t max = estimate_max_connections(daemon->config, nofile);
	char text[512];

	if (estimate_lack(daemon->config, nofile, text, sizeof(text))) {
		log_error("%s", text);
		return false;
	}
	if (estimate_shortage(daemon->config, nofile, text, sizeof(text)))
		log_warning("%s", text);
	daemon_say_warnings(daemon->config);
	budget_init(&daemon->budget, daemon->config->global.memory_max);
	memory_reserve(&daemon->memory, daemon->config->global.memory_max, max, nofile / 2,
	               daemon->worker_count);
	slots_init(&daemon->slots, max);
	slots_init(&daemon->pipes, estimate_max_pipes(nofile));
	log_info("%s", estimate_describe(daemon->config, max, text, sizeof(text)));
	return true;
}

static int init_names(struct daemon *daemon)
{
	daemon->lookups = lookups_new(daemon->base, NULL, NULL);
	if (!daemon->lookups)
		return -ENOMEM;
	daemon->resolver = resolver_new(daemon->base, daemon->lookups);
	daemon->outages = outages_new(daemon->base, daemon_take_health, daemon);
	if (!daemon->outages)
		return -ENOMEM;
	daemon->standings = standings_new(daemon->worker_count, outages_mailbox(daemon->outages));
	return daemon->resolver && daemon->standings ? 0 : -ENOMEM;
}

/* One worker has nobody to hand clients to. */
static int init_handover(struct daemon *daemon)
{
	if (daemon->worker_count == 1)
		return 0;
	daemon->handover = handover_new(daemon->worker_count);
	return daemon->handover ? 0 : -ENOMEM;
}

static void want_report(void *arg, enum report_depth depth)
{
	readers_want_http(arg, depth);
}

static int init_workers(struct daemon *daemon)
{
	if (init_handover(daemon) < 0)
		return -ENOMEM;
	daemon->workers = calloc(daemon->worker_count, sizeof(struct worker *));
	daemon->ports = local_ports_read(); /* without, the kernel chooses */
	daemon->shared = (struct worker_context){
	        .worker_count = daemon->worker_count,
	        .standings = daemon->standings,
	        .budget = &daemon->budget,
	        .handover = daemon->handover,
	        .slots = &daemon->slots,
	        .pipes = &daemon->pipes,
	        .pool = &daemon->memory.pairs,
	        .ports = daemon->ports,
	        .answers = &daemon->answers,
	        .parking = &daemon->parking,
	        .bell = bulletin_bell(daemon->bulletin),
	        .log_connections = daemon->config->global.log_connections,
	};
	daemon->undrained = daemon->worker_count;
	daemon->collector = collector_new(daemon->standings, &daemon->budget, daemon->worker_count,
	                                  daemon_take_report, daemon);
	daemon->dump = dump_new(daemon->base, daemon->config, daemon_report_written, daemon);
	daemon->http = http_new(daemon->base, &daemon->activation, want_report, &daemon->readers);
	if (!daemon->collector || !daemon->dump || !daemon->http || !daemon->workers)
		return -ENOMEM;
	daemon->readers = (struct readers){.collector = daemon->collector,
	                                   .workers = daemon->workers,
	                                   .dump = daemon->dump,
	                                   .http = daemon->http};
	for (unsigned i = 0; i < daemon->worker_count; i++) {
		daemon->workers[i] = worker_new(&daemon->shared, i);
		if (!daemon->workers[i])
			return -ENOMEM;
	}
	if (daemon->worker_count > 1)
		daemon->stand_ins = stand_ins_new(daemon->base, &daemon->shared, daemon->workers);
	daemon->watchdog =
	        watchdog_new(daemon->base, &daemon->service, daemon->workers, daemon->worker_count);
	return daemon->watchdog ? 0 : -ENOMEM;
}

/* Once one worker serves pairs there is no other attempt at a takeover than this. */
static int start_worker(const struct daemon *daemon, unsigned number)
{
	int error = worker_start(daemon->workers[number]);

	for (unsigned i = 0; error && daemon->takes_over && daemon->serves && i < TAKEOVER_ATTEMPTS; i++) {
		takeover_rest(i);
		error = worker_start(daemon->workers[number]);
	}
	return error;
}

static int start_workers(struct daemon *daemon)
{
	int error = 0;

	for (unsigned i = 0; !error && i < daemon->worker_count; i++) {
		error = start_worker(daemon, i);
		daemon->serves = daemon->serves || !error;
	}
	return error;
}

void daemon_fail_start(struct daemon *daemon, int error)
{
	const char *logged = log_last_error();
	char status[SERVICE_STATUS_MAX];

	daemon->status = EXIT_FAILURE;
	snprintf(status, sizeof(status), "cannot start: %s", logged ? logged : strerror(-error));
	log_error("cannot start: %s", strerror(-error));
	daemon_stop(daemon);
	service_status(&daemon->service, status);
}

void daemon_end_start(struct daemon *daemon)
{
	if (daemon->phase != RUNNING)
		return;
	log_notice("weir " PACKAGE_VERSION " is ready: %zu relays, %u workers", daemon->current->relay_count,
	           daemon->worker_count);
	dump_sweep(daemon->dump);
	if (daemon->report_wanted)
		daemon_request_report(daemon);
}

static int init_changeover(struct daemon *daemon)
{
	daemon->changeover = (struct changeover){
	        .parts =
	                {
	                        .base = daemon->base,
	                        .lookups = daemon->lookups,
	                        .resolver = daemon->resolver,
	                        .standings = daemon->standings,
	                        .generations = &daemon->generations,
	                        .facade = &daemon->facade,
	                        .gone = &daemon->gone,
	                        .workers = daemon->workers,
	                        .worker_count = daemon->worker_count,
	                        .stand_ins = daemon->stand_ins,
	                        .http = daemon->http,
	                },
	        .commit = daemon_take_commit,
	        .done = daemon_take_changed,
	        .arg = daemon,
	};
	daemon->checks = checks_new(daemon->base, daemon->ports);
	if (!daemon->checks)
		return -ENOMEM;
	daemon->refusals = (struct refusals){.change = daemon_change_entrances, .arg = daemon};
	daemon->loading = loading_new(daemon->base, daemon->request, daemon_take_loaded, daemon);
	return daemon->loading ? refusals_init(&daemon->refusals, daemon->base) : -ENOMEM;
}

int daemon_set_up(struct daemon *daemon)
{
	int error = daemon->takes_over ? 0 : passed_check(&daemon->activation, daemon->config);

	if (!error)
		error = init_names(daemon);
	if (!error)
		error = init_workers(daemon);
	if (!error)
		error = init_changeover(daemon);
	if (!error)
		error = daemon_init_takeover(daemon);
	daemon->reload = RELOAD_STARTING;
	if (!error && daemon->takes_over)
		error = daemon_restore(daemon);
	if (!error)
		error = start_workers(daemon);
	if (!error) /* now, as weir may stop before all workers have adopted something */
		daemon_let_go_of_handed_over(daemon);
	return error || daemon->takes_over ? error : changeover_begin(&daemon->changeover, daemon->config);
}
