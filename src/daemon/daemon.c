#include "build_config.h"

#include "daemon/daemon.h"

#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"
#include "base/signals.h"
#include "daemon/daemon_private.h"
#include "daemon/estimate.h"
#include "net/unix_path.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* How long the last lines of the log may take to be written. */
#define LOG_STOP_MS 1000

/* Larger blocks, such as those of a dump, go back to the system when they are freed. */
#define LARGE_BLOCK (128 * 1024)

static uint64_t raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			return raised.rlim_cur;
	}
	return limit.rlim_cur;
}

uint64_t daemon_raise_fds(void)
{
	uint64_t nofile = raise_nofile();

	return min_u64(nofile, evloop_max_fds());
}

/* ---- reports ---- */

struct lookup_counts daemon_lookup_counts(const struct daemon *daemon)
{
	struct lookup_counts counts = lookups_counts(daemon->lookups);

	counts.made += daemon->lookups_before.made;
	counts.failed += daemon->lookups_before.failed;
	return counts;
}

/* What the collector does not know. */
static void describe(const struct daemon *daemon, struct process_record *process)
{
	const struct lookup_counts lookups = daemon_lookup_counts(daemon);

	process->pairs_max = slots_max(&daemon->slots);
	process->draining = daemon->phase >= DRAINING;
	process->dropped_lines = log_dropped_lines();
	process->lookups = lookups.made;
	process->lookup_failures = lookups.failed;
	process->reloads = daemon->reloads;
	process->reload_failures = daemon->reload_failures;
	process->takeovers = daemon->takeovers;
	process->takeover_failures = daemon->takeover_failures;
}

void daemon_take_report(void *arg, struct report *report)
{
	struct daemon *daemon = arg;

	if (report)
		describe(daemon, &report->process);
	readers_take(&daemon->readers, report); /* consumed */
	daemon_go_on_reloading(daemon);
	readers_go_on(&daemon->readers);
}

void daemon_report_written(void *arg)
{
	struct daemon *daemon = arg;

	readers_end_dump(&daemon->readers);
}

void daemon_request_report(struct daemon *daemon)
{
	daemon->report_wanted = daemon->phase == STARTING;
	if (!daemon->report_wanted)
		readers_want_dump(&daemon->readers);
}

/* ---- events of the main base ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)what;
	switch ((int)number) {
	case SIGTERM:
		daemon_terminate(daemon, "SIGTERM");
		break;
	case SIGINT:
		daemon_terminate(daemon, "SIGINT");
		break;
	case SIGQUIT:
		daemon_terminate(daemon, "SIGQUIT");
		break;
	case SIGUSR1:
		daemon_request_report(daemon);
		break;
	case SIGUSR2:
		daemon_take_over(daemon);
		break;
	default:
		daemon_reload(daemon);
	}
}

static void take_answer(void *arg, struct message *message)
{
	struct worker_answer *answer = (struct worker_answer *)message;
	struct daemon *daemon = arg;

	switch (answer->what) {
	case WORKER_ADOPTED:
		changeover_take_adopted(&daemon->changeover);
		break;
	case WORKER_DRAINED:
		daemon_take_drained(daemon);
		break;
	case WORKER_SAVED:
		takeover_take_saved(&daemon->takeover, answer);
		break;
	case WORKER_REPORTED:
		collector_put(daemon->collector, answer->worker, &answer->part);
	}
}

/* Of many relays this is much, and pairs may have kept many generations. */
static void take_gone(void *arg, struct message *message)
{
	struct daemon *daemon = arg;

	generation_take_gone(NULL, message);
	memory_tidy(&daemon->memory);
}

/* ---- life ---- */

static int init_signals(struct daemon *daemon)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP};

	for (int i = 0; i < SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void tidy_workers(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->workers)
		daemon_order_all(daemon, WORKER_TIDY);
}

static int init_base(struct daemon *daemon)
{
	int error;

	daemon->base = evloop_new();
	if (!daemon->base)
		return -ENOMEM;
	error = daemon_init_bulletin(daemon);
	if (!error)
		error = mailbox_open(&daemon->answers, daemon->base, take_answer, daemon);
	if (!error)
		error = mailbox_open(&daemon->gone, daemon->base, take_gone, daemon);
	if (!error)
		error = facade_watch(&daemon->facade, daemon->base);
	if (!error)
		error = daemon_init_stopping(daemon);
	if (!error)
		error = memory_watch(&daemon->memory, daemon->base);
	return error ? error : init_signals(daemon);
}

/*
 * libevent restores the default action of its signals. Another signal must not kill the process after that,
 * as the exit status has to say how weir ended. So signals are held from here on.
 */
static void deinit_signals(struct daemon *daemon)
{
	signals_hold(NULL);
	for (int i = 0; i < SIGNALS; i++)
		evloop_free_event(daemon->signals[i]);
}

static void tear_down(struct daemon *daemon)
{
	(void)changeover_give_up(&daemon->changeover);
	daemon->left_behind = !takeover_deinit(&daemon->takeover);
	http_free(daemon->http);
	refusals_deinit(&daemon->refusals);
	checks_free(daemon->checks);
	for (unsigned i = 0; daemon->workers && i < daemon->worker_count; i++)
		worker_stop(daemon->workers[i]);
	for (unsigned i = 0; daemon->workers && i < daemon->worker_count; i++)
		worker_free(daemon->workers[i]);
	free(daemon->workers);
	stand_ins_free(daemon->stand_ins);
	handover_free(daemon->handover);
	generation_put(daemon->current);
	mailbox_take(&daemon->gone);
	standings_free(daemon->standings);
	outages_free(daemon->outages);
	facade_deinit(&daemon->facade);
	activation_deinit(&daemon->activation);
	resolver_free(daemon->resolver);
	lookups_free(daemon->lookups);
	collector_free(daemon->collector);
	daemon->left_behind = !loading_free(daemon->loading) || daemon->left_behind;
	daemon->left_behind = !dump_free(daemon->dump) || daemon->left_behind;
	config_put(daemon->loaded);
	deinit_signals(daemon);
	evloop_free_event(daemon->drain_timer);
	evloop_free_event(daemon->drain_deadline);
	memory_unwatch(&daemon->memory);
	mailbox_close(&daemon->gone);
	mailbox_close(&daemon->answers);
	daemon_deinit_bulletin(daemon);
	if (daemon->base)
		event_base_free(daemon->base);
	local_ports_free(daemon->ports);
	memory_deinit(&daemon->memory);
	inheritance_free(daemon->inheritance);
	parking_deinit(&daemon->parking);
	slots_deinit(&daemon->slots);
	slots_deinit(&daemon->pipes);
	config_put(daemon->config);
	config_put(daemon->first);
}

static void serve(struct daemon *daemon)
{
	int error = init_base(daemon);

	if (!error)
		error = daemon_set_up(daemon);
	if (error) {
		daemon_start_again(daemon, error);
		daemon_fail_start(daemon, error);
		return;
	}
	signals_deliver();
	evloop_run(daemon->base);
}

int daemon_run(struct config *config, const struct config_request *request, struct program *program,
               struct handed_over *handed)
{
	struct daemon daemon = {.first = config_get(config),
	                        .config = config_get(config),
	                        .request = request,
	                        .program = program,
	                        .handed = handed,
	                        .outdated = handed->outdated,
	                        .takes_over = handed_over_any(handed),
	                        .answers = {.fd = -1},
	                        .gone = {.fd = -1},
	                        .service = {.fd = -1},
	                        .memory = {.mailbox.fd = -1, .rested = tidy_workers, .arg = &daemon}};
	int error;

	/*
	 * This is the default too, but unless it is set it grows as large blocks are freed: see mallopt(3).
	 */
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	unix_path_init();
	activation_take(&daemon.activation);
	signals_ignore_strays();
	log_set_level(handed->rehearsal ? LOG_LEVEL_ERROR : config->global.log_level);
	evloop_init();
	parking_init(&daemon.parking);
	error = handed->rehearsal ? 0 : log_start();
	if (error)
		log_warning("the log has no thread of its own and may hold up relaying: %s",
		            strerror(-error));
	generations_init(&daemon.generations);
	daemon.worker_count = estimate_workers(config);
	facade_init(&daemon.facade, daemon.worker_count);
	daemon.facade.activation = &daemon.activation;
	if (daemon_init_limits(&daemon))
		serve(&daemon);
	else
		daemon.status = EXIT_CONFIG;
	tear_down(&daemon);
	if (daemon.status == EXIT_SUCCESS)
		log_notice("stopped");
	log_stop(LOG_STOP_MS);
	/* exit(3) would write what is left in the stream of the dump, and so hang too. */
	if (daemon.left_behind)
		_exit(daemon.status);
	return daemon.status;
}
