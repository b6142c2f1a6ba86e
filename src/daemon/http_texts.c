#include "build_config.h"

#include "daemon/http_private.h"

#include "report/json.h"
#include "report/prometheus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a response is made of. */
struct body {
	struct http_texts *texts;
	char *text;
	size_t length;
};

static void drop_texts(struct http_texts *texts)
{
	while (texts->count > 0)
		mhd.destroy_response(texts->list[--texts->count].response);
}

void http_texts_take(struct http_texts *texts, struct report *report)
{
	drop_texts(texts);
	report_free(texts->report);
	texts->report = report;
}

static int write_json(const struct report *report, const struct http_wish *wish, FILE *out)
{
	struct ranking ranking;
	int error = ranking_init(&ranking, report, *wish->relay ? wish->relay : NULL, wish->top);

	if (!error)
		error = report_write_json_ranked(report, &ranking, out);
	ranking_deinit(&ranking);
	return error;
}

static int write_text(const struct report *report, const struct http_wish *wish, FILE *out)
{
	return wish->form == HTTP_JSON ? write_json(report, wish, out) : report_write_prometheus(report, out);
}

/* Fills text and length, or returns -errno. */
static int fill(struct body *body, const struct http_wish *wish)
{
	FILE *out = open_memstream(&body->text, &body->length);
	int error;

	if (!out)
		return -ENOMEM;
	error = write_text(body->texts->report, wish, out);
	if (fclose(out) != 0 && !error)
		error = -ENOMEM;
	return error;
}

/* All clients have taken it, or are gone. */
static void free_body(void *arg)
{
	struct body *body = arg;

	body->texts->bytes -= body->length;
	free(body->text);
	free(body);
}

/* Takes over what body holds. NULL when out of memory. */
static struct MHD_Response *make_response(struct body *body, enum http_form form)
{
	static const char *const types[] = {
	        [HTTP_METRICS] = PROMETHEUS_CONTENT_TYPE,
	        [HTTP_JSON] = "application/json",
	};
	struct MHD_Response *response;

	body->texts->bytes += body->length;
	response = mhd.create_response_from_buffer_with_free_callback_cls(body->length, body->text, free_body,
	                                                                  body);
	if (!response) {
		free_body(body);
		return NULL;
	}
	if (http_add_headers(response, types[form], NULL))
		return response;
	mhd.destroy_response(response);
	return NULL;
}

static struct MHD_Response *make(struct http_texts *texts, const struct http_wish *wish)
{
	struct body *body = calloc(1, sizeof(*body));

	if (!body)
		return NULL;
	body->texts = texts;
	if (fill(body, wish) == 0)
		return make_response(body, wish->form);
	free(body->text);
	free(body);
	return NULL;
}

static bool is_same(const struct http_wish *a, const struct http_wish *b)
{
	return a->form == b->form && a->top == b->top && strcmp(a->relay, b->relay) == 0;
}

/* The oldest one makes room. */
static void keep(struct http_texts *texts, const struct http_wish *wish, struct MHD_Response *response)
{
	if (texts->count == HTTP_TEXTS) {
		mhd.destroy_response(texts->list[0].response);
		memmove(&texts->list[0], &texts->list[1], --texts->count * sizeof(texts->list[0]));
	}
	texts->list[texts->count].wish = *wish;
	texts->list[texts->count++].response = response;
}

enum report_depth http_wish_depth(const struct http_wish *wish)
{
	return wish->form == HTTP_METRICS ? REPORT_SUMS : REPORT_PAIRS;
}

bool http_texts_suffice(const struct http_texts *texts, const struct http_wish *wish)
{
	return texts->report && texts->report->depth >= http_wish_depth(wish);
}

struct MHD_Response *http_texts_get(struct http_texts *texts, const struct http_wish *wish)
{
	struct MHD_Response *response;

	for (size_t i = 0; i < texts->count; i++)
		if (is_same(&texts->list[i].wish, wish))
			return texts->list[i].response;
	if (!texts->report || texts->bytes > HTTP_TEXT_MAX)
		return NULL;
	response = make(texts, wish);
	if (response)
		keep(texts, wish, response);
	return response;
}
