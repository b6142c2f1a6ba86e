/* The thread that serves HTTP: its listening socket, its clients, and for how long each may be one. */
#ifndef WEIR_HTTP_THREAD_H
#define WEIR_HTTP_THREAD_H

#include "base/mailbox.h"
#include "relay/entrance.h"
#include "report/records.h"

#include <stdint.h>

struct http_limits {
	uint64_t client_ms; /* how long a connection may last */
	uint64_t wait_ms;   /* how long it waits for a report */
};

struct http_thread;

/* Posts one of want to wants when it wants a report, by its depth. NULL when something has run out. */
struct http_thread *http_thread_new(const struct http_limits *limits, struct mailbox *wants,
                                    struct message want[REPORT_DEPTHS]);
void http_thread_free(struct http_thread *thread); /* takes NULL */

/* Takes over an entrance that listens, or NULL, and closes the one before. */
void http_thread_listen(struct http_thread *thread, struct entrance *entrance);
/* Takes over a report, or NULL. */
void http_thread_put(struct http_thread *thread, struct report *report);
void http_thread_drain(struct http_thread *thread);

/* Accepts nobody until it is called again; whether nobody accepts, and nobody is served. */
void http_thread_pause(struct http_thread *thread, bool pause);
bool http_thread_is_idle(struct http_thread *thread);

#endif
