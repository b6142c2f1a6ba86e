/*
 * Metrics, a page, the dump as JSON and whether weir is well, by HTTP: see weir(8), section HTTP. Clients are
 * served on a thread of its own, which the main thread never waits for. It exists from when http_listen is
 * first set.
 */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include "config/settings.h"
#include "net/activation.h"
#include "report/records.h"
#include "report/state.h"

#include <stdbool.h>

struct event_base;
struct http;

/* Clients at a time; others wait. Those over the number for one IPv4 or IPv6 address are closed. */
#define HTTP_CLIENTS_MAX         128
#define HTTP_CLIENTS_PER_ADDRESS 100
/* Bytes that a request may have. */
#define HTTP_REQUEST_MAX 16384
/* Bytes of answers that clients have not taken yet. Beyond that, clients have to come again. */
#define HTTP_TEXT_MAX (8 * 1024 * 1024)
/* Pairs that are listed for one request. */
#define HTTP_PAIRS_MAX 1000
/* Descriptors that all this takes, besides its listening socket. */
#define HTTP_FDS (HTTP_CLIENTS_MAX + 8)

/*
 * activation is borrowed. want is called on the base's thread when a report of such a depth, or a deeper one,
 * is wanted: http_take_report must follow. NULL when out of memory.
 */
struct http *http_new(struct event_base *base, const struct activation *activation,
                      void (*want)(void *arg, enum report_depth depth), void *arg);
/* Requests under way get no answer. Takes NULL. */
void http_free(struct http *http);

/*
 * Listens where these settings say, unless it does so already. 0 or -errno, which is logged. Then http_adopt
 * or http_abandon must follow before any other call of this. All three take NULL.
 */
int http_prepare(struct http *http, const struct config_global *global);
/* From now on clients are served there, and nowhere else. Requests under way are still answered. */
void http_adopt(struct http *http);
void http_abandon(struct http *http);

/* Takes over a reference to a report, or NULL if there was no memory for one. */
void http_take_report(struct http *http, struct report *report);
/*
 * For a program that takes over: see report/state.h. Restoring listens where the program before did, but not
 * in a rehearsal. global is of the configuration in force: it is told who may connect there, which was not
 * looked up for it. 0 or -errno. Both take NULL, for which there is no record.
 */
void http_save(const struct http *http, struct state_writer *writer);
int http_restore(struct http *http, struct config_global *global, struct state_reader *reader);
/*
 * Nobody is accepted any more, until http_resume; those who come wait. It is idle once all requests that were
 * under way are answered. All three take NULL.
 */
void http_pause(struct http *http);
void http_resume(struct http *http);
bool http_is_idle(struct http *http);

/* From now on weir is not well: it drains. Takes NULL. */
void http_drain(struct http *http);

#endif
