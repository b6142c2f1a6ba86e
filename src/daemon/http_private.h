/*
 * What the files of the thread that serves HTTP share: http_thread.c (its life, its listening socket),
 * http_clients.c (who is a client, and for how long), http_answer.c (what a request is answered with),
 * http_texts.c (what is made of a report).
 */
#ifndef WEIR_HTTP_PRIVATE_H
#define WEIR_HTTP_PRIVATE_H

#include "base/mailbox.h"
#include "base/timers.h"
#include "config/settings.h"
#include "daemon/http.h"
#include "daemon/http_library.h"
#include "daemon/http_thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct event;
struct event_base;

/* ---- what is made of a report ---- */

enum http_form { HTTP_METRICS, HTTP_JSON };

/* What is asked for. */
struct http_wish {
	enum http_form form;
	size_t top;                     /* pairs; 0 for metrics */
	char relay[RELAY_NAME_MAX + 1]; /* "": any */
};

#define HTTP_TEXTS 8 /* of one report, that are kept for whoever asks for the same */

/* The last report, and what was made of it. */
struct http_texts {
	struct report *report; /* or NULL */
	struct {
		struct http_wish wish;
		struct MHD_Response *response; /* a reference */
	} list[HTTP_TEXTS];                    /* the oldest first */
	size_t count;
	size_t bytes; /* of all that clients have not taken yet */
};

/* Takes over a report. NULL: there is none any more. */
void http_texts_take(struct http_texts *texts, struct report *report);
/* There is a report from which this can be said. */
bool http_texts_suffice(const struct http_texts *texts, const struct http_wish *wish);
/* How deep a report must be for it. */
enum report_depth http_wish_depth(const struct http_wish *wish);
/* What there is to be said, until the next call for texts. NULL: no report, or no memory. */
struct MHD_Response *http_texts_get(struct http_texts *texts, const struct http_wish *wish);

/* ---- clients ---- */

enum http_waiting {
	HTTP_NOT_WAITING,
	HTTP_WAITING, /* for a report; its connection is suspended */
	HTTP_IN_VAIN, /* there will be none */
};

struct http_client {
	struct timer timer; /* the first member: when it has waited, or was a client, for too long */
	struct http_thread *thread;
	struct MHD_Connection *connection;
	int fd;         /* the connection's */
	uint64_t until; /* clock_ms at which it is over */
	enum http_waiting waiting;
	TAILQ_ENTRY(http_client) entry; /* while it waits */
};

enum http_order { HTTP_LISTEN, HTTP_REPORT, HTTP_PAUSE, HTTP_STOP, HTTP_ORDERS };

struct http_thread {
	struct http_limits limits;
	struct mailbox *wants;
	struct message *want; /* by the depth of a report */
	struct event_base *base;
	struct mailbox mailbox;
	struct message orders[HTTP_ORDERS];
	struct entrance *_Atomic next; /* of HTTP_LISTEN; or NULL: it was taken */
	struct report *_Atomic report; /* of HTTP_REPORT */
	atomic_bool draining;
	atomic_bool pauses; /* as HTTP_PAUSE is to find it */
	atomic_bool paused; /* nobody is accepted */
	_Atomic unsigned clients;
	pthread_t thread;
	bool started;
	/* Of the thread alone: */
	struct MHD_Daemon *daemon;
	struct event *ready, *later; /* the daemon has something to do: now, or by the time */
	struct entrance *entrance;   /* or NULL */
	struct event *come;          /* a client has; or NULL */
	struct event *again;         /* accepting is tried again then */
	struct event *stale;         /* the report is not worth keeping any more */
	struct timers timers;        /* of clients */
	TAILQ_HEAD(, http_client) waiting;
	bool wanted[REPORT_DEPTHS]; /* a report */
	struct http_texts texts;
};

/* http_thread.c */

/* Lets libmicrohttpd do what is due. It does not know by itself that a connection was resumed. */
void http_thread_run(struct http_thread *thread);
/* A client is gone, so there is room. */
void http_thread_go_on(struct http_thread *thread);

/* http_clients.c */

/* For MHD_OPTION_NOTIFY_CONNECTION. */
void http_clients_note(void *arg, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code);
/* A timer has fired. */
void http_client_time_out(struct timer *timer);
/* Suspends the client until there is a report. It may not be so deep; then it has to wait again. */
void http_client_wait(struct http_client *client, enum report_depth depth);
/* There is a report, or not: all that wait are answered. */
void http_clients_tell(struct http_thread *thread, bool in_vain);

/* http_answer.c */

/* What every response has; policy may be NULL: nothing may be loaded. False when out of memory. */
bool http_add_headers(struct MHD_Response *response, const char *type, const char *policy);

/* For MHD_start_daemon. */
enum MHD_Result http_answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                            const char *version, const char *body, size_t *body_size, void **context);

#endif
