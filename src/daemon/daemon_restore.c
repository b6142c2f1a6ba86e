/* This daemon takes over from the program before it. See daemon_takeover.c for the other side. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/takeover_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the main part ---- */

static void restore_program(struct daemon *daemon, struct state_reader *reader)
{
	struct takeover_state state;

	if (!state_get(reader, &takeover_state_kind, &state))
		return;
	daemon->parked_us = state.parked_us;
	snprintf(daemon->before, sizeof(daemon->before), "%s", state.program);
	snprintf(daemon->program->path, sizeof(daemon->program->path), "%s", state.path);
}

static void restore_process(struct daemon *daemon, struct state_reader *reader)
{
	struct process_state state;

	if (!state_get(reader, &process_state_kind, &state))
		return;
	collector_set_started(daemon->collector, state.started);
	daemon->reloads = state.reloads;
	daemon->reload_failures = state.reload_failures;
	daemon->takeovers = state.takeovers;
	daemon->takeover_failures = state.takeover_failures;
	log_add_dropped(state.dropped_lines);
	daemon->lookups_before = (struct lookup_counts){state.lookups, state.lookup_failures};
	daemon->report_wanted = state.report_wanted;
	daemon->reload_wanted = state.reload_wanted;
	bulletin_restore_failure(daemon->bulletin, state.failure);
}

static int restore_main(struct daemon *daemon, struct inheritance *inheritance)
{
	const struct memory_text *text = &daemon->handed->main;
	struct state_reader reader;
	int error = 0;

	state_reader_init(&reader, inheritance, text->start, text->size);
	restore_program(daemon, &reader);
	restore_process(daemon, &reader);
	if (state_error(&reader))
		log_error("state: %s", state_error(&reader));
	return state_error(&reader) ? -EPROTO : error;
}

/* ---- all parts ---- */

/*
 * In a rehearsal, workers have written their parts at different moments, so a descriptor may be in two: each
 * part gets an inheritance of its own.
 */
static int restore_parts(struct daemon *daemon)
{
	struct inheritance *inheritance = inheritance_new(daemon->handed->rehearsal);
	int error = inheritance ? restore_main(daemon, inheritance) : -ENOMEM;

	if (inheritance)
		(void)inheritance_close_rest(inheritance);
	inheritance_free(inheritance);
	return error;
}

/* Nothing of it is left behind, as all that would end properly might touch what is not this process's. */
static void end_rehearsal(int error)
{
	const char *logged = log_last_error();

	if (error)
		fprintf(stderr, "%s\n", logged ? logged : strerror(-error));
	fflush(stderr);
	_exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
}

int daemon_restore(struct daemon *daemon)
{
	int error = restore_parts(daemon);

	if (daemon->handed->rehearsal)
		end_rehearsal(error);
	handed_over_deinit(daemon->handed);
	return error;
}

void daemon_end_takeover(struct daemon *daemon)
{
	daemon->takeovers++;
	log_notice("weir " PACKAGE_VERSION " has taken over from %s: %" PRIu64 " pairs, paused for %" PRIu64
	           " ms",
	           daemon->before, slots_used(&daemon->slots), (clock_us() - daemon->parked_us) / 1000);
	service_pet(&daemon->service); /* all workers have just answered */
	if (daemon->report_wanted)
		daemon_request_report(daemon);
	if (generation_is_of(daemon->current, daemon->first))
		daemon_end_reload(daemon);
	else
		daemon_change_to(daemon, config_get(daemon->first));
}
