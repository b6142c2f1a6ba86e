/* For a build without libmicrohttpd. There http_listen is an error in the configuration. */
#include "build_config.h"

#include "daemon/http.h"

#include <stdlib.h>

struct http {
	char nothing;
};

struct http *http_new(struct event_base *base, const struct activation *activation,
                      void (*want)(void *arg, enum report_depth depth), void *arg)
{
	(void)base;
	(void)activation;
	(void)want;
	(void)arg;
	return calloc(1, sizeof(struct http));
}

void http_free(struct http *http)
{
	free(http);
}

int http_prepare(struct http *http, const struct config_global *global)
{
	(void)http;
	(void)global;
	return 0;
}

void http_adopt(struct http *http)
{
	(void)http;
}

void http_abandon(struct http *http)
{
	(void)http;
}

void http_take_report(struct http *http, struct report *report)
{
	(void)http;
	report_free(report);
}

void http_drain(struct http *http)
{
	(void)http;
}

void http_save(const struct http *http, struct state_writer *writer)
{
	(void)http;
	(void)writer;
}

int http_restore(struct http *http, struct config_global *global, struct state_reader *reader)
{
	(void)http;
	(void)global;
	(void)reader;
	return 0;
}

void http_pause(struct http *http)
{
	(void)http;
}

void http_resume(struct http *http)
{
	(void)http;
}

bool http_is_idle(struct http *http)
{
	(void)http;
	return true;
}
