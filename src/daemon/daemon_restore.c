/* This daemon takes over from the program before it. See daemon_takeover.c for the other side. */
#include "build_config.h"

#include "daemon/daemon_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/names_state.h"
#include "daemon/takeover_again.h"
#include "daemon/takeover_state.h"
#include "pair/pair_state.h"
#include "relay/facade_state.h"
#include "relay/standing_state.h"
#include "worker/handover_state.h"

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
	log_debug("takeover: %zu bytes of state; the rehearsal took %" PRIu64
	          " ms, waiting for queues %" PRIu64 " ms",
	          handed_over_size(daemon->handed), state.rehearsal_ms, state.hushed_ms);
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

/* What was restored and has no place yet. */
struct restored {
	struct generation *current; /* the generation in force, or NULL; a reference */
	struct newcomers_kept newcomers;
};

static int restore_clients(struct daemon *daemon, struct state_reader *reader, struct restored *restored)
{
	int error = facade_restore(&daemon->facade, &daemon->generations, reader);

	if (!error)
		error = http_restore(daemon->http, &restored->current->config->global, reader);
	if (!error)
		error = newcomers_restore(&restored->newcomers, &daemon->generations, &daemon->slots, reader);
	return error;
}

static int restore_main(struct daemon *daemon, struct state_reader *reader, struct restored *restored)
{
	const struct generations_making making = {daemon->standings, daemon->resolver, &daemon->gone};
	int error;

	restore_program(daemon, reader);
	restore_process(daemon, reader);
	error = standings_restore(daemon->standings, reader);
	if (!error)
		error = names_restore(daemon->resolver, reader);
	if (!error)
		error = activation_restore(&daemon->activation, reader);
	if (!error)
		error = generations_restore(&daemon->generations, &making, reader, &restored->current);
	return error ? error : restore_clients(daemon, reader, restored);
}

/* ---- all parts ---- */

/* What is wrong is logged. 0 or -errno. */
static int end_part(struct state_reader *reader, const char *whose, int error)
{
	const char *wrong;

	if (!error && state_peek(reader))
		state_fail(reader, "the end was expected");
	wrong = state_error(reader);
	if (wrong)
		error = -EPROTO;
	if (error)
		log_error("the state of %s cannot be restored: %s", whose, wrong ? wrong : strerror(-error));
	return error;
}

static int restore_part(struct workers_restoring *restoring, struct inheritance *inheritance,
                        const struct memory_text *text)
{
	struct state_reader reader;
	char whose[32];
	int error;

	snprintf(whose, sizeof(whose), "worker %u", restoring->part);
	state_reader_init(&reader, inheritance, text->start, text->size);
	error = workers_restore(restoring, &reader);
	restoring->left_out += state_left_out(&reader);
	return end_part(&reader, whose, error);
}

/*
 * In a rehearsal, workers have written their parts at different moments, so a descriptor may be in two: each
 * part gets an inheritance of its own.
 */
static int restore_own_part(struct workers_restoring *restoring, const struct memory_text *text)
{
	struct inheritance *inheritance = inheritance_new(true);
	int error = inheritance ? restore_part(restoring, inheritance, text) : -ENOMEM;

	inheritance_free(inheritance);
	return error;
}

/*
 * When weir leaves, the bytes of queues are in its memory and in the state. If there is not memory enough for
 * both, it is the rehearsal that ends, here, by an error or by the kernel. What is said is logged then.
 */
static int try_queues(uint64_t bytes)
{
	int error;

	if (bytes == 0)
		return 0;
	fprintf(stderr, "what is queued takes %" PRIu64 " MiB of memory once more\n", (bytes >> 20) + 1);
	fflush(stderr);
	error = memory_try(bytes);
	if (error)
		log_error("no memory for what is queued: %s", strerror(-error));
	return error;
}

static struct relay *find_relay(void *arg, uint64_t generation, const char *relay)
{
	return generations_find_relay(arg, generation, relay);
}

/* As much as possible. The first error. */
static int restore_workers(struct daemon *daemon, struct inheritance *inheritance, struct restored *restored)
{
	const struct handed_over *handed = daemon->handed;
	struct pair_restoring pairs = {
	        .all = &daemon->slots, .find_relay = find_relay, .arg = &daemon->generations};
	struct workers_restoring restoring = {.workers = daemon->workers,
	                                      .count = daemon->worker_count,
	                                      .parts = (unsigned)handed->count,
	                                      .pairs = &pairs,
	                                      .facade = &daemon->facade,
	                                      .generations = &daemon->generations};
	int first = 0, error;

	for (; restoring.part < restoring.parts; restoring.part++) {
		const struct memory_text *text = &handed->parts[restoring.part];

		error = handed->rehearsal ? restore_own_part(&restoring, text)
		                          : restore_part(&restoring, inheritance, text);
		first = first ? first : error;
	}
	if (!handed->rehearsal)
		workers_restored(&restoring, &restored->newcomers);
	else if (!first)
		first = try_queues(restoring.left_out);
	if (restoring.lost > 0)
		log_warning("%zu pairs could not be taken over and are reset", restoring.lost);
	return first;
}

/* What was kept until its owner was restored has that owner now, or goes. */
static void let_go(struct daemon *daemon)
{
	generations_let_go(&daemon->generations);
	standings_release(daemon->standings);
	resolver_let_go(daemon->resolver);
}

static int restore_parts(struct daemon *daemon, struct inheritance *inheritance, struct restored *restored)
{
	const struct memory_text *text = &daemon->handed->main;
	struct state_reader reader;
	int error;

	state_reader_init(&reader, inheritance, text->start, text->size);
	error = restore_main(daemon, &reader, restored);
	error = end_part(&reader, "weir", error);
	if (error && error != -EPROTO)
		daemon_start_again(daemon, error);
	if (restored->current)
		error = restore_workers(daemon, inheritance, restored) || error ? -EPROTO : 0;
	let_go(daemon);
	return error;
}

static int restore_all(struct daemon *daemon, struct restored *restored)
{
	daemon->inheritance = inheritance_new(daemon->handed->rehearsal);
	return daemon->inheritance ? restore_parts(daemon, daemon->inheritance, restored) : -ENOMEM;
}

/* Before other threads run, as libraries may open a descriptor first and make it close-on-exec then. */
static void close_the_rest(struct daemon *daemon)
{
	size_t closed = inheritance_close_rest(daemon->inheritance);

	if (closed > 0)
		log_debug("takeover: %zu descriptors that nobody has claimed are closed", closed);
}

/* At once: what an orderly end does might touch what belongs to the program before. */
static void end_rehearsal(int error)
{
	const char *logged = log_last_error();

	if (error)
		fprintf(stderr, "%s\n", logged ? logged : strerror(-error));
	else
		fputs(REHEARSAL_WORD "\n", stderr);
	fflush(stderr);
	_exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Orders that the workers of the program before had not taken are lost. */
static void repeat_orders(struct daemon *daemon)
{
	daemon_order_all(daemon, WORKER_RESUME);
	daemon_order_all(daemon, WORKER_RETRY);
	if (daemon->handover)
		daemon_order_all(daemon, WORKER_TAKE);
}

/* Clients come in again by the generation that was in force. */
static int go_on(struct daemon *daemon, struct generation *generation)
{
	const struct facade_change nothing = {.kept = 0};
	int error;

	daemon_take_commit(daemon, generation, &nothing);
	error = changeover_begin_again(&daemon->changeover, generation);
	if (!error)
		repeat_orders(daemon);
	return error;
}

int daemon_restore(struct daemon *daemon)
{
	struct restored restored = {.newcomers = STAILQ_HEAD_INITIALIZER(restored.newcomers)};
	int error = restore_all(daemon, &restored);

	if (daemon->handed->rehearsal)
		end_rehearsal(error);
	if (!restored.current)
		return error;
	close_the_rest(daemon);
	return go_on(daemon, restored.current);
}

void daemon_start_again(struct daemon *daemon, int error)
{
	if (!daemon->takes_over || daemon->serves)
		return;
	log_warning("taking over has failed, and is tried again: %s", strerror(-error));
	takeover_again(daemon->handed, daemon->program, daemon->inheritance);
}

void daemon_let_go_of_handed_over(struct daemon *daemon)
{
	handed_over_deinit(daemon->handed);
	inheritance_free(daemon->inheritance);
	daemon->inheritance = NULL;
}

void daemon_end_takeover(struct daemon *daemon)
{
	daemon->takeovers++;
	log_notice("weir " PACKAGE_VERSION " has taken over from %s: %" PRIu64 " pairs, paused for %" PRIu64
	           " ms",
	           daemon->before, slots_used(&daemon->slots), (clock_us() - daemon->parked_us) / 1000);
	if (daemon->phase != RUNNING) /* it was told to stop meanwhile */
		return;
	service_pet(&daemon->service); /* all workers have just answered */
	if (daemon->report_wanted)
		daemon_request_report(daemon);
	daemon->reload_wanted = daemon->reload_wanted || daemon->outdated;
	if (generation_is_of(daemon->current, daemon->first)) {
		daemon_end_reload(daemon);
	} else if (daemon->request->file) { /* users and folders that it names were not looked for yet */
		daemon->reload_wanted = true;
		daemon_end_reload(daemon);
	} else {
		daemon_change_to(daemon, config_get(daemon->first));
	}
}
