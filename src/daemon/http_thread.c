#include "build_config.h"

#include "daemon/http_thread.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/thread.h"
#include "daemon/http_private.h"
#include "net/accept_error.h"
#include "net/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* How long a report is served to whoever comes. */
#define FRESH_MS 1000
/* How long a client may be silent. */
#define SILENCE_S 10u
/* After which time accepting is tried again, when something had run out. */
#define AGAIN_MS 200
/* How many clients are accepted before other events are served. */
#define ACCEPT_MAX 16

/* To listen at: a value of struct http_thread's next. */
static struct entrance nowhere;

/* ---- libmicrohttpd ---- */

/* It says when it wants to be called again at the latest. */
void http_thread_run(struct http_thread *thread)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	mhd.run(thread->daemon);
	if (mhd.get_timeout(thread->daemon, &milliseconds) == MHD_YES)
		evloop_set_timer(thread->later, milliseconds);
	else
		event_del(thread->later);
}

EVENT_CALLBACK(on_ready, struct http_thread, thread)
{
	http_thread_run(thread);
}

/* Texts with a NUL stay as they are: they would seem to end there. */
static size_t unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strstr(text, "%00") ? strlen(text) : mhd.http_unescape(text);
}

static int start_daemon(struct http_thread *thread)
{
	const union MHD_DaemonInfo *info;

	thread->daemon = mhd.start_daemon(
	        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	        http_answer, thread, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CLIENTS_MAX,
	        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_CLIENTS_PER_ADDRESS,
	        MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	        (size_t)HTTP_REQUEST_MAX, MHD_OPTION_NOTIFY_CONNECTION, http_clients_note, thread,
	        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
	if (!thread->daemon)
		return -ENOMEM;
	info = mhd.get_daemon_info(thread->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	thread->ready = event_new(thread->base, info->epoll_fd, EV_READ | EV_PERSIST, on_ready, thread);
	thread->later = event_new(thread->base, -1, 0, on_ready, thread);
	if (!thread->ready || event_add(thread->ready, NULL) < 0)
		return -ENOMEM;
	return evloop_reserve_timer(thread->later);
}

/* ---- clients ---- */

static void on_come(int fd, short what, void *arg);

static void try_again_later(struct http_thread *thread)
{
	if (thread->come)
		event_del(thread->come);
	evloop_set_timer(thread->again, AGAIN_MS);
}

void http_thread_go_on(struct http_thread *thread)
{
	if (!thread->entrance || thread->paused || thread->clients >= HTTP_CLIENTS_MAX ||
	    event_pending(thread->again, EV_TIMEOUT, NULL))
		return;
	if (!thread->come)
		thread->come = event_new(thread->base, thread->entrance->fds[0], EV_READ | EV_PERSIST,
		                         on_come, thread);
	if (!thread->come || event_add(thread->come, NULL) < 0)
		try_again_later(thread);
}

EVENT_CALLBACK(on_again, struct http_thread, thread)
{
	http_thread_go_on(thread);
}

/* Closes fd if it cannot be kept. */
static void add(struct http_thread *thread, int fd, const union client_address *client)
{
	stream_keep(fd);
	/* It tells IPv4 from IPv6 by the length when it counts the clients of an address. */
	(void)mhd.add_connection(thread->daemon, fd, &client->any, client_address_length(client));
}

/* False: there is no more to accept now. */
static bool accept_one(struct http_thread *thread)
{
	union client_address client;
	int fd = socket_accept(thread->entrance->fds[0], &thread->entrance->tuning, &client);

	if (fd >= 0)
		add(thread, fd, &client);
	else if (fd != -EAGAIN && !accept_error_is_of_client(fd))
		try_again_later(thread);
	return fd >= 0 || accept_error_is_of_client(fd);
}

EVENT_CALLBACK(on_come, struct http_thread, thread)
{
	int left = ACCEPT_MAX;

	while (left-- > 0 && thread->clients < HTTP_CLIENTS_MAX && accept_one(thread))
		;
	if (thread->clients >= HTTP_CLIENTS_MAX)
		event_del(thread->come);
	http_thread_run(thread);
}

/* ---- orders ---- */

static void free_entrance(struct entrance *entrance)
{
	if (!entrance || entrance == &nowhere)
		return;
	entrance_close(entrance);
	free(entrance);
}

static void leave_entrance(struct http_thread *thread)
{
	evloop_free_event(thread->come);
	thread->come = NULL;
	free_entrance(thread->entrance);
	thread->entrance = NULL;
}

static void move(struct http_thread *thread)
{
	struct entrance *next = atomic_exchange(&thread->next, NULL);

	if (!next)
		return;
	leave_entrance(thread);
	thread->entrance = next == &nowhere ? NULL : next;
	http_thread_go_on(thread);
}

/* Those who wait to be accepted stay where they are. */
static void heed_pause(struct http_thread *thread)
{
	thread->paused = atomic_load(&thread->pauses);
	if (!thread->paused)
		http_thread_go_on(thread);
	else if (thread->come)
		event_del(thread->come);
}

EVENT_CALLBACK(on_stale, struct http_thread, thread)
{
	http_texts_take(&thread->texts, NULL);
}

/* None at all is as much as there will be. */
static void note_come(struct http_thread *thread, const struct report *report)
{
	for (int depth = 0; depth < REPORT_DEPTHS; depth++)
		if (!report || depth <= (int)report->depth)
			thread->wanted[depth] = false;
}

static void take_report(struct http_thread *thread)
{
	struct report *report = atomic_exchange(&thread->report, NULL);

	note_come(thread, report);
	http_texts_take(&thread->texts, report);
	http_clients_tell(thread, !report);
	http_thread_run(thread);
	evloop_set_timer(thread->stale, FRESH_MS);
}

static void take_order(void *arg, struct message *message)
{
	struct http_thread *thread = arg;

	switch ((enum http_order)(message - thread->orders)) {
	case HTTP_LISTEN:
		move(thread);
		break;
	case HTTP_REPORT:
		take_report(thread);
		break;
	case HTTP_PAUSE:
		heed_pause(thread);
		break;
	case HTTP_STOP:
	case HTTP_ORDERS:
		event_base_loopbreak(thread->base);
	}
}

void http_thread_listen(struct http_thread *thread, struct entrance *entrance)
{
	free_entrance(atomic_exchange(&thread->next, entrance ? entrance : &nowhere));
	mailbox_post(&thread->mailbox, &thread->orders[HTTP_LISTEN]);
}

void http_thread_put(struct http_thread *thread, struct report *report)
{
	report_free(atomic_exchange(&thread->report, report));
	mailbox_post(&thread->mailbox, &thread->orders[HTTP_REPORT]);
}

void http_thread_pause(struct http_thread *thread, bool pause)
{
	atomic_store(&thread->pauses, pause);
	mailbox_post(&thread->mailbox, &thread->orders[HTTP_PAUSE]);
}

bool http_thread_is_idle(struct http_thread *thread)
{
	return atomic_load(&thread->paused) && atomic_load(&thread->clients) == 0;
}

void http_thread_drain(struct http_thread *thread)
{
	atomic_store(&thread->draining, true);
}

/* ---- life ---- */

static void *run(void *arg)
{
	struct http_thread *thread = arg;

	evloop_run(thread->base);
	return NULL;
}

static int init_events(struct http_thread *thread)
{
	int error = mailbox_open(&thread->mailbox, thread->base, take_order, thread);

	thread->again = event_new(thread->base, -1, 0, on_again, thread);
	thread->stale = event_new(thread->base, -1, 0, on_stale, thread);
	if (!error)
		error = evloop_reserve_timer(thread->again);
	if (!error)
		error = evloop_reserve_timer(thread->stale);
	if (!error)
		error = timers_init(&thread->timers, thread->base, http_client_time_out);
	return error ? error : start_daemon(thread);
}

struct http_thread *http_thread_new(const struct http_limits *limits, struct mailbox *wants,
                                    struct message want[REPORT_DEPTHS])
{
	struct http_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	thread->limits = *limits;
	thread->wants = wants;
	thread->want = want;
	thread->mailbox.fd = -1;
	TAILQ_INIT(&thread->waiting);
	thread->base = evloop_new();
	thread->started = thread->base && init_events(thread) == 0 &&
	                  thread_start(&thread->thread, "http", run, thread) == 0;
	if (thread->started)
		return thread;
	http_thread_free(thread);
	return NULL;
}

static void stop(struct http_thread *thread)
{
	if (!thread->started)
		return;
	mailbox_post(&thread->mailbox, &thread->orders[HTTP_STOP]);
	pthread_join(thread->thread, NULL);
}

/* libmicrohttpd ends the process if connections are suspended when it is stopped. */
static void stop_daemon(struct http_thread *thread)
{
	evloop_free_event(thread->ready);
	evloop_free_event(thread->later);
	http_clients_tell(thread, true);
	if (thread->daemon)
		mhd.stop_daemon(thread->daemon);
	http_texts_take(&thread->texts, NULL);
}

void http_thread_free(struct http_thread *thread)
{
	if (!thread)
		return;
	stop(thread);
	leave_entrance(thread);
	free_entrance(atomic_exchange(&thread->next, NULL));
	stop_daemon(thread);
	report_free(atomic_exchange(&thread->report, NULL));
	timers_deinit(&thread->timers);
	evloop_free_event(thread->again);
	evloop_free_event(thread->stale);
	mailbox_close(&thread->mailbox);
	if (thread->base)
		event_base_free(thread->base);
	free(thread);
}
