/* Another program takes over from this daemon. See daemon_restore.c for the other side. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/log.h"
#include "daemon/names_state.h"
#include "daemon/takeover_state.h"
#include "relay/facade_state.h"
#include "relay/standing_state.h"
#include "worker/handover_state.h"

#include <errno.h>
#include <stdio.h>

/* ---- what takeover asks for ---- */

static const char *find_obstacle(void *arg)
{
	const struct daemon *daemon = arg;

	if (daemon->refusing)
		return "entrances are being opened or shut";
	if (daemon->readers.under_way)
		return "a report is being made";
	if (daemon->readers.dumping || !dump_is_idle(daemon->dump))
		return "a dump is being written";
	return NULL;
}

static void save_program(const struct daemon *daemon, struct state_writer *writer)
{
	const struct takeover *takeover = &daemon->takeover;
	struct takeover_state state = {.program = PACKAGE_VERSION,
	                               .rehearsal_ms = takeover->rehearsal_ms,
	                               .hushed_ms = takeover->hushed_ms,
	                               .parked_us = takeover->parked_us};

	snprintf(state.path, sizeof(state.path), "%s", daemon->program->path);
	state_put(writer, &takeover_state_kind, &state);
}

static void save_process(const struct daemon *daemon, struct state_writer *writer)
{
	const struct lookup_counts lookups = daemon_lookup_counts(daemon);
	struct process_state state = {
	        .started = collector_started(daemon->collector),
	        .reloads = daemon->reloads,
	        .reload_failures = daemon->reload_failures,
	        .takeovers = daemon->takeovers,
	        .takeover_failures = daemon->takeover_failures,
	        .dropped_lines = log_dropped_lines(),
	        .lookups = lookups.made,
	        .lookup_failures = lookups.failed,
	        .report_wanted = daemon->readers.dump_wants,
	        .reload_wanted = daemon->reload_wanted || daemon->takeover_wanted,
	};

	snprintf(state.failure, sizeof(state.failure), "%s", bulletin_failure(daemon->bulletin));
	state_put(writer, &process_state_kind, &state);
}

static void save(void *arg, struct state_writer *writer)
{
	const struct daemon *daemon = arg;

	save_program(daemon, writer);
	save_process(daemon, writer);
	standings_save(daemon->standings, writer);
	names_save(daemon->resolver, writer);
	activation_save(&daemon->activation, writer);
	generations_save(&daemon->generations, daemon->current, writer);
	facade_save(&daemon->facade, &daemon->generations, writer);
	http_save(daemon->http, writer);
	newcomers_save(daemon->handover, writer);
}

/* The workers read the list of standings, as for a report, so there is none of these meanwhile. */
static void take_saving(void *arg, bool begins)
{
	struct daemon *daemon = arg;

	if (begins) {
		readers_pause(&daemon->readers);
		standings_hold(daemon->standings);
		return;
	}
	standings_release(daemon->standings);
	readers_resume(&daemon->readers);
	daemon_go_on_reloading(daemon);
}

static bool hold(void *arg)
{
	struct daemon *daemon = arg;

	readers_pause(&daemon->readers);
	http_pause(daemon->http);
	return http_is_idle(daemon->http);
}

static void go_on(void *arg)
{
	struct daemon *daemon = arg;

	http_resume(daemon->http);
	readers_resume(&daemon->readers);
}

static void hush(void *arg, bool on)
{
	struct daemon *daemon = arg;

	atomic_store(&daemon->shared.hushed, on);
	daemon_order_all(daemon, WORKER_HUSH);
}

/* A reload that could not find out whether the program is another one is a reload that has failed. */
static void take_failure(void *arg, bool unread, const char *why)
{
	struct daemon *daemon = arg;

	if (unread) {
		daemon_fail_reload(daemon, why);
		return;
	}
	daemon->takeover_failures++;
	bulletin_note_takeover(daemon->bulletin, why);
	log_error("takeover failed, nothing has changed: %s", why);
	daemon_end_reload(daemon);
}

int daemon_init_takeover(struct daemon *daemon)
{
	static const struct takeover_calls calls = {
	        .obstacle = find_obstacle,
	        .save = save,
	        .saving = take_saving,
	        .hold = hold,
	        .go_on = go_on,
	        .hush = hush,
	        .unchanged = daemon_load_again,
	        .failed = take_failure,
	};

	daemon->takeover.parts = (struct takeover_parts){
	        .base = daemon->base,
	        .program = daemon->program,
	        .file = daemon->request->file,
	        .workers = daemon->workers,
	        .worker_count = daemon->worker_count,
	        .parking = &daemon->parking,
	        .budget = &daemon->budget,
	        .rehearsal_ms = REHEARSAL_MS,
	        .save_ms = TAKEOVER_SAVE_MS,
	};
	daemon->takeover.calls = &calls;
	daemon->takeover.arg = daemon;
	return takeover_init(&daemon->takeover);
}

/* ---- SIGUSR2 ---- */

void daemon_take_over(struct daemon *daemon)
{
	if (daemon->phase > RUNNING) {
		log_notice("SIGUSR2: weir is stopping, so no other program takes over");
		return;
	}
	daemon->takeover_wanted = true;
	daemon_begin_reload(daemon);
}
