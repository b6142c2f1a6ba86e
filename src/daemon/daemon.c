#include "build_config.h"

#include "daemon/daemon.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"
#include "base/signals.h"
#include "base/slots.h"
#include "daemon/collector.h"
#include "daemon/dump.h"
#include "daemon/estimate.h"
#include "daemon/memory.h"
#include "daemon/preparation.h"
#include "daemon/service.h"
#include "flow/budget.h"
#include "net/lookups.h"
#include "net/resolver.h"
#include "relay/loops.h"
#include "relay/relay.h"
#include "worker/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* How often to check while draining whether all pairs have ended. */
#define DRAIN_POLL_MS 20
/* How long the last lines of the log may take to be written. */
#define LOG_STOP_MS 1000

/* Larger blocks, as those of a dump, go back to the system when they are freed. */
#define LARGE_BLOCK (128 * 1024)

#define SIGNALS 5

enum daemon_phase { STARTING, RUNNING, DRAINING, STOPPING };

struct daemon {
	struct config *config;
	struct event_base *base;
	struct budget budget;
	struct slots slots, pipes;
	struct memory memory;
	struct lookups *lookups;
	struct resolver *resolver;
	struct preparation *preparation; /* of the relays, while starting */
	struct relay **relays;
	size_t relay_count;
	struct loops *loops; /* among the relays */
	struct worker **workers;
	unsigned worker_count;
	struct worker_gate gate;
	struct worker_context shared; /* the part of all this that the workers see */
	struct collector *collector;
	struct dump *dump;
	struct event *signals[SIGNALS];
	struct event *drain_timer, *drain_deadline;
	struct mailbox answers; /* from the workers */
	unsigned undrained;     /* workers that may still accept */
	enum daemon_phase phase;
	bool report_wanted; /* as soon as there are workers to ask */
	int status;         /* of the exit */
};

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

static void take_report(void *arg, struct report *report)
{
	struct daemon *daemon = arg;

	dump_write(daemon->dump, report); /* consumed */
}

static void on_dump_written(void *arg)
{
	struct daemon *daemon = arg;

	collector_end(daemon->collector, daemon->workers);
}

static void request_report(struct daemon *daemon)
{
	daemon->report_wanted = daemon->phase == STARTING;
	if (!daemon->report_wanted)
		collector_request(daemon->collector, daemon->workers);
}

/* ---- stopping ---- */

static void order_all(struct daemon *daemon, enum worker_order order)
{
	for (unsigned i = 0; i < daemon->worker_count; i++)
		worker_order(daemon->workers[i], order);
}

static void stop(struct daemon *daemon)
{
	daemon->phase = STOPPING;
	if (daemon->base)
		event_base_loopbreak(daemon->base);
}

/* Closes the listening sockets once no worker waits on them, so that new clients are refused at once. */
static void go_on_draining(struct daemon *daemon)
{
	const struct timeval again = clock_timeval(DRAIN_POLL_MS);

	if (daemon->phase != DRAINING || daemon->undrained > 0)
		return;
	for (size_t i = 0; i < daemon->relay_count; i++)
		relay_unlisten(daemon->relays[i]);
	if (slots_used(&daemon->slots) == 0 || event_add(daemon->drain_timer, &again) < 0)
		stop(daemon);
}

EVENT_CALLBACK(on_drain_timer, struct daemon, daemon)
{
	go_on_draining(daemon);
}

EVENT_CALLBACK(on_drain_deadline, struct daemon, daemon)
{
	log_warning("%" PRIu64 " pairs are still there after drain_timeout: resetting them",
	            slots_used(&daemon->slots));
	order_all(daemon, WORKER_SHUTDOWN);
}

static void drain(struct daemon *daemon, const char *signal_name)
{
	uint64_t timeout = daemon->config->global.drain_timeout;
	const struct timeval deadline = clock_timeval(timeout);

	daemon->phase = DRAINING;
	service_stopping();
	log_notice("%s: no new clients; %" PRIu64 " pairs, and those who wait, have %" PRIu64 " ms to end",
	           signal_name, slots_used(&daemon->slots), timeout);
	order_all(daemon, WORKER_DRAIN);
	if (timeout == 0 || event_add(daemon->drain_deadline, &deadline) < 0)
		order_all(daemon, WORKER_SHUTDOWN);
}

static void terminate(struct daemon *daemon, const char *signal_name)
{
	if (daemon->phase == RUNNING) {
		drain(daemon, signal_name);
		return;
	}
	log_notice("%s %s: stopping at once", signal_name,
	           daemon->phase == STARTING ? "during the start" : "again");
	stop(daemon);
}

/* ---- events of the main base ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)what;
	switch ((int)number) {
	case SIGTERM:
		terminate(daemon, "SIGTERM");
		break;
	case SIGINT:
		terminate(daemon, "SIGINT");
		break;
	case SIGQUIT:
		terminate(daemon, "SIGQUIT");
		break;
	case SIGUSR1:
		request_report(daemon);
		break;
	default:
		log_notice("SIGHUP: this version cannot reload; restart to apply a changed configuration");
	}
}

static void take_answer(void *arg, struct message *message)
{
	struct worker_answer *answer = (struct worker_answer *)message;
	struct daemon *daemon = arg;

	switch (answer->what) {
	case WORKER_DRAINED:
		daemon->undrained--;
		go_on_draining(daemon);
		break;
	case WORKER_REPORTED:
		collector_put(daemon->collector, answer->worker, &answer->part);
	}
}

/* ---- setting up ---- */

/* False if nothing could run within them, which is logged. */
static bool init_limits(struct daemon *daemon)
{
	uint64_t nofile = daemon_raise_fds();
	uint64_t max = estimate_max_connections(daemon->config, nofile);
	char text[512];

	if (estimate_lack(daemon->config, nofile, text, sizeof(text))) {
		log_error("%s", text);
		return false;
	}
	if (estimate_shortage(daemon->config, nofile, text, sizeof(text)))
		log_warning("%s", text);
	budget_init(&daemon->budget, daemon->config->global.memory_max);
	memory_reserve(&daemon->memory, daemon->config->global.memory_max, max);
	slots_init(&daemon->slots, max);
	slots_init(&daemon->pipes, estimate_max_pipes(nofile));
	log_info("%s", estimate_describe(daemon->config, max, text, sizeof(text)));
	return true;
}

static int init_relays(struct daemon *daemon)
{
	const struct config *config = daemon->config;

	daemon->lookups = lookups_new(daemon->base, NULL, NULL);
	if (!daemon->lookups)
		return -ENOMEM;
	daemon->resolver = resolver_new(daemon->base, daemon->lookups);
	daemon->relays = calloc(config->relay_count, sizeof(struct relay *));
	if (!daemon->resolver || !daemon->relays)
		return -ENOMEM;
	for (size_t i = 0; i < config->relay_count; i++) {
		struct relay *relay =
		        relay_new(daemon->config, &config->relays[i], daemon->resolver, daemon->worker_count);

		if (!relay)
			return -ENOMEM;
		daemon->relays[daemon->relay_count++] = relay;
	}
	return 0;
}

static int listen_at_entrances(struct daemon *daemon)
{
	int error = 0;

	for (size_t i = 0; !error && i < daemon->relay_count; i++)
		error = relay_listen(daemon->relays[i]);
	return error;
}

static int init_signals(struct daemon *daemon)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP};

	for (int i = 0; i < SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int init_timers(struct daemon *daemon)
{
	daemon->drain_timer = event_new(daemon->base, -1, 0, on_drain_timer, daemon);
	daemon->drain_deadline = event_new(daemon->base, -1, 0, on_drain_deadline, daemon);
	if (!daemon->drain_timer || !daemon->drain_deadline)
		return -ENOMEM;
	return 0;
}

static int init_base(struct daemon *daemon)
{
	int error;

	daemon->base = evloop_new();
	if (!daemon->base)
		return -ENOMEM;
	error = mailbox_open(&daemon->answers, daemon->base, take_answer, daemon);
	if (!error)
		error = init_timers(daemon);
	if (!error)
		error = memory_watch(&daemon->memory, daemon->base);
	return error ? error : init_signals(daemon);
}

static int init_workers(struct daemon *daemon)
{
	daemon->workers = calloc(daemon->worker_count, sizeof(struct worker *));
	daemon->shared = (struct worker_context){
	        .worker_count = daemon->worker_count,
	        .relays = daemon->relays,
	        .relay_count = daemon->relay_count,
	        .budget = &daemon->budget,
	        .slots = &daemon->slots,
	        .pipes = &daemon->pipes,
	        .pool = &daemon->memory.pairs,
	        .answers = &daemon->answers,
	        .gate = &daemon->gate,
	        .log_connections = daemon->config->global.log_connections,
	};
	daemon->undrained = daemon->worker_count;
	daemon->loops = loops_new(daemon->relays, daemon->relay_count);
	daemon->collector =
	        collector_new(daemon->config, &daemon->budget, daemon->worker_count, take_report, daemon);
	daemon->dump = dump_new(daemon->base, daemon->config, on_dump_written, daemon);
	if (!daemon->loops || !daemon->collector || !daemon->dump || !daemon->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < daemon->worker_count; i++) {
		daemon->workers[i] = worker_new(&daemon->shared, i);
		if (!daemon->workers[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * Clients come in last, when nothing else can fail: whoever waits in a socket that is closed is reset. The
 * threads wait at the gate meanwhile, because a socket that does not listen yet would make them spin.
 */
static int start_workers(struct daemon *daemon)
{
	int error = 0;

	pthread_mutex_lock(&daemon->gate.mutex);
	for (unsigned i = 0; !error && i < daemon->worker_count; i++)
		error = worker_start(daemon->workers[i]);
	if (!error)
		error = listen_at_entrances(daemon);
	daemon->gate.open = !error;
	pthread_mutex_unlock(&daemon->gate.mutex);
	return error;
}

static void fail_start(struct daemon *daemon, int error)
{
	daemon->status = EXIT_FAILURE;
	log_error("cannot start: %s", strerror(-error));
	stop(daemon);
}

static void take_prepared(void *arg, int error)
{
	struct daemon *daemon = arg;

	if (!error)
		error = init_workers(daemon);
	if (!error)
		error = start_workers(daemon);
	if (error) {
		fail_start(daemon, error);
		return;
	}
	daemon->phase = RUNNING;
	log_notice("weir " PACKAGE_VERSION " is ready: %zu relays, %u workers", daemon->relay_count,
	           daemon->worker_count);
	service_ready("relaying");
	dump_sweep(daemon->dump);
	if (daemon->report_wanted)
		request_report(daemon);
}

static int prepare(struct daemon *daemon)
{
	daemon->preparation = preparation_new(daemon->base, daemon->lookups, daemon->relays,
	                                      daemon->relay_count, take_prepared, daemon);
	return daemon->preparation ? 0 : -ENOMEM;
}

/*
 * Sets up what the main loop needs; it does the rest of the start. Each step logs the errors that the
 * operator can do something about. The rest is logged by fail_start.
 */
static int set_up(struct daemon *daemon)
{
	int error = init_base(daemon);

	if (!error)
		error = init_relays(daemon);
	return error ? error : prepare(daemon);
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
	for (unsigned i = 0; daemon->workers && i < daemon->worker_count; i++)
		worker_stop(daemon->workers[i]);
	for (unsigned i = 0; daemon->workers && i < daemon->worker_count; i++)
		worker_free(daemon->workers[i]);
	free(daemon->workers);
	for (size_t i = 0; i < daemon->relay_count; i++)
		relay_unlisten(daemon->relays[i]);
	for (size_t i = 0; i < daemon->relay_count; i++)
		relay_put(daemon->relays[i]);
	free(daemon->relays);
	loops_free(daemon->loops);
	preparation_free(daemon->preparation);
	resolver_free(daemon->resolver);
	lookups_free(daemon->lookups);
	collector_free(daemon->collector);
	dump_free(daemon->dump);
	deinit_signals(daemon);
	evloop_free_event(daemon->drain_timer);
	evloop_free_event(daemon->drain_deadline);
	memory_unwatch(&daemon->memory);
	mailbox_close(&daemon->answers);
	if (daemon->base)
		event_base_free(daemon->base);
	memory_deinit(&daemon->memory);
	slots_deinit(&daemon->slots);
	slots_deinit(&daemon->pipes);
	config_put(daemon->config);
}

static void serve(struct daemon *daemon)
{
	int error = set_up(daemon);

	if (error) {
		fail_start(daemon, error);
		return;
	}
	signals_deliver();
	evloop_run(daemon->base);
}

int daemon_run(struct config *config)
{
	struct daemon daemon = {.config = config_get(config),
	                        .answers = {.fd = -1},
	                        .memory.mailbox.fd = -1,
	                        .gate = {.mutex = PTHREAD_MUTEX_INITIALIZER}};
	int error;

	/* It is the default too, but unless it is set it grows with the blocks that are freed. mallopt(3) */
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	signals_ignore_strays();
	log_set_level(config->global.log_level);
	evloop_init();
	error = log_start();
	if (error)
		log_warning("the log has no thread of its own and may hold up relaying: %s",
		            strerror(-error));
	daemon.worker_count = estimate_workers(config);
	if (init_limits(&daemon))
		serve(&daemon);
	else
		daemon.status = EXIT_CONFIG;
	tear_down(&daemon);
	if (daemon.status == EXIT_SUCCESS)
		log_notice("stopped");
	log_stop(LOG_STOP_MS);
	return daemon.status;
}
