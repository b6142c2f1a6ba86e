/*
 * What SIGHUP leads to:
 *
 *   start ──────────────────────────────────► changing ─► nothing ◄──┐
 *   nothing ─► taking over? ─► loading ─► waiting ─► changing ───────┴─► again, if it has come meanwhile
 *                   ▲             │
 *                   └─────────────┘ for a key that needs it
 *
 * If the program on the disk is another one, it takes over instead, and reads the file itself. A reload waits
 * for a report, because workers read the list of standings for that. It also waits while entrances of the
 * generation in force are opened and shut, which may happen at any time but while it is changing: a file may
 * take as long as it likes to load.
 */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/log.h"
#include "daemon/estimate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void begin(struct daemon *daemon);

/* ---- the end ---- */

static bool is_wanted(const struct daemon *daemon)
{
	return daemon->reload_wanted || daemon->takeover_wanted;
}

/* If it was asked for again meanwhile, that is for the same message of READY. */
void daemon_end_reload(struct daemon *daemon)
{
	daemon->reload = RELOAD_NOTHING;
	if (daemon->phase != RUNNING)
		return;
	if (is_wanted(daemon))
		begin(daemon);
	else
		bulletin_say(daemon->bulletin, service_ready);
	refusals_look(&daemon->refusals);
}

/* Whoever waits for the start does not wait for a reload that was asked for meanwhile. */
static void end_start(struct daemon *daemon)
{
	daemon->reload = RELOAD_NOTHING;
	if (daemon->takes_over) {
		daemon_end_takeover(daemon);
		return;
	}
	if (daemon->phase != RUNNING)
		return;
	daemon_end_start(daemon);
	bulletin_say(daemon->bulletin, service_ready);
	if (is_wanted(daemon))
		daemon_begin_reload(daemon);
	refusals_look(&daemon->refusals);
}

static void end_refusing(struct daemon *daemon)
{
	daemon->refusing = false;
	daemon_go_on_reloading(daemon);
	refusals_look(&daemon->refusals);
}

/* error NULL: it has succeeded. */
static void note(struct daemon *daemon, const char *error)
{
	++*(error ? &daemon->reload_failures : &daemon->reloads);
	bulletin_note_reload(daemon->bulletin, error);
}

/* The status says what was logged at greater length, if anything was. */
void daemon_fail_reload(struct daemon *daemon, const char *why)
{
	const char *logged = log_last_error();

	note(daemon, logged ? logged : why);
	log_error("reload failed, nothing has changed: %s", why);
	daemon_end_reload(daemon);
}

/* All errors for the log, and as many as fit for the status. */
static void fail_for_errors(struct daemon *daemon, const struct config_errors *errors)
{
	char text[SERVICE_STATUS_MAX / 2] = "";
	size_t length = 0;

	for (size_t i = 0; i < errors->count; i++) {
		log_error("%s", errors->text[i]);
		if (length < sizeof(text))
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
			                           i > 0 ? "; " : "", errors->text[i]);
	}
	note(daemon, text);
	log_error("reload failed, nothing has changed");
	daemon_end_reload(daemon);
}

static void succeed(struct daemon *daemon)
{
	const struct facade_change *change = &daemon->change;

	note(daemon, NULL);
	daemon_say_warnings(daemon->config);
	log_notice("reloaded: %zu relays; entrances: %zu kept, %zu added, %zu removed",
	           daemon->current->relay_count, change->kept, change->added, change->removed);
}

/* ---- changing ---- */

static void apply_to_relays(const struct generation *generation)
{
	for (size_t i = 0; i < generation->relay_count; i++)
		standing_configure(generation->relays[i]->standing, generation->relays[i]->config);
}

/* All that holds at once. What workers heed at once comes with their adoption. */
static void apply(struct daemon *daemon)
{
	const struct config_global *global = &daemon->config->global;
	uint64_t max = estimate_max_connections(daemon->config, daemon->nofile);

	log_set_level(global->log_level);
	atomic_store(&daemon->shared.log_connections, global->log_connections);
	memory_extend(&daemon->memory, global->memory_max, max);
	budget_set_max(&daemon->budget, global->memory_max);
	slots_set_max(&daemon->slots, max);
	apply_to_relays(daemon->current);
	dump_configure(daemon->dump, daemon->config);
	collector_set_generation(daemon->collector, daemon->current);
	outages_set_generation(daemon->outages, daemon->current);
	checks_follow(daemon->checks, daemon->current);
	refusals_set_generation(&daemon->refusals, daemon->current);
}

void daemon_take_commit(void *arg, struct generation *generation, const struct facade_change *change)
{
	struct daemon *daemon = arg;

	generation_put(daemon->current);
	if (generation == daemon->current)
		return;
	daemon->current = generation;
	config_put(daemon->config);
	daemon->config = config_get(generation->config);
	daemon->change = *change;
	apply(daemon);
	if (daemon->phase == STARTING)
		daemon->phase = RUNNING;
}

void daemon_take_changed(void *arg, int error)
{
	struct daemon *daemon = arg;

	if (daemon->phase == STARTING) {
		daemon_fail_start(daemon, error);
		return;
	}
	if (daemon->refusing) {
		end_refusing(daemon);
		return;
	}
	if (error) {
		daemon_fail_reload(daemon, strerror(-error));
		return;
	}
	if (daemon->reload == RELOAD_STARTING) {
		end_start(daemon);
		return;
	}
	succeed(daemon);
	daemon_end_reload(daemon);
}

int daemon_change_entrances(void *arg)
{
	struct daemon *daemon = arg;
	int error;

	if (daemon->phase != RUNNING || daemon->refusing || daemon->reload == RELOAD_STARTING ||
	    daemon->reload == RELOAD_TAKING_OVER || daemon->reload == RELOAD_CHANGING)
		return -EBUSY;
	daemon->refusing = true;
	error = changeover_begin_again(&daemon->changeover, daemon->current);
	if (error)
		daemon->refusing = false;
	return error;
}

void daemon_go_on_reloading(struct daemon *daemon)
{
	struct config *config = daemon->loaded;
	int error;

	if (daemon->reload != RELOAD_WAITING || daemon->refusing || collector_is_asking(daemon->collector) ||
	    daemon->takeover.saving)
		return;
	daemon->loaded = NULL;
	daemon->reload = RELOAD_CHANGING;
	error = changeover_begin(&daemon->changeover, config);
	config_put(config);
	if (error)
		daemon_fail_reload(daemon, strerror(-error));
}

/* ---- loading ---- */

/* Whether a key has changed that only another program can heed, and one can be started. */
static bool needs_takeover(const struct daemon *daemon, const struct config *config)
{
	char keys[256];

	if (!config_needs_takeover(daemon->first, config, keys, sizeof(keys)))
		return false;
	if (*daemon->program->path)
		return true;
	log_warning("to be applied by a restart, as /proc does not say which program this is: %s", keys);
	return false;
}

void daemon_take_loaded(void *arg, struct config *config, const struct config_errors *errors)
{
	struct daemon *daemon = arg;
	char text[512];

	if (!config && errors->count > 0) {
		fail_for_errors(daemon, errors);
		return;
	}
	if (!config) {
		daemon_fail_reload(daemon, strerror(ENOMEM));
		return;
	}
	if (estimate_lack(config, daemon->nofile, text, sizeof(text))) {
		config_put(config);
		daemon_fail_reload(daemon, text);
		return;
	}
	if (needs_takeover(daemon, config)) {
		config_put(config);
		daemon->reload = RELOAD_TAKING_OVER;
		takeover_begin(&daemon->takeover, false);
		return;
	}
	daemon_change_to(daemon, config);
}

void daemon_change_to(struct daemon *daemon, struct config *config)
{
	daemon->loaded = config;
	daemon->reload = RELOAD_WAITING;
	daemon_go_on_reloading(daemon);
}

void daemon_load_again(void *arg)
{
	struct daemon *daemon = arg;
	int error;

	if (!daemon->request->file) {
		log_notice("SIGHUP: there is nothing to reload, as weir runs without a file");
		daemon_end_reload(daemon);
		return;
	}
	error = loading_begin(daemon->loading);
	daemon->reload = RELOAD_LOADING;
	if (error)
		daemon_fail_reload(daemon, strerror(-error));
}

/* Another program reads the file as well. */
static void begin(struct daemon *daemon)
{
	bool only_if_changed = !daemon->takeover_wanted;

	log_forget_error();
	daemon->reload_wanted = daemon->takeover_wanted = false;
	daemon->reload = RELOAD_TAKING_OVER;
	takeover_begin(&daemon->takeover, only_if_changed);
}

/* ---- SIGHUP ---- */

void daemon_begin_reload(struct daemon *daemon)
{
	if (daemon->reload == RELOAD_NOTHING)
		begin(daemon);
	if (daemon->reload > RELOAD_STARTING)
		bulletin_say(daemon->bulletin, service_reloading);
}

void daemon_reload(struct daemon *daemon)
{
	if (daemon->phase > RUNNING) {
		log_notice("SIGHUP: weir is stopping, so it does not reload");
		return;
	}
	daemon->reload_wanted = true;
	daemon_begin_reload(daemon);
}

void daemon_give_up_reload(struct daemon *daemon)
{
	bool changes = daemon->reload == RELOAD_CHANGING;

	if (daemon->reload <= RELOAD_STARTING || (changes && !changeover_give_up(&daemon->changeover)))
		return;
	takeover_give_up(&daemon->takeover);
	loading_give_up(daemon->loading);
	config_put(daemon->loaded);
	daemon->loaded = NULL;
	daemon->reload = RELOAD_NOTHING;
	log_notice("the reload is given up, nothing has changed");
}
