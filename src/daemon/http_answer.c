#include "build_config.h"

#include "daemon/http_private.h"

#include "base/units.h"
#include "daemon/http_host.h"
#include "daemon/page.h"

#include <string.h>
#include <sys/socket.h>

#define TOP_DEFAULT 50
#define TOP_PROBLEM "expected top=N, a number from 0 to 1000\n"

#define TEXT_TYPE "text/plain; charset=utf-8"
/* Nothing of this is a page. */
#define NO_POLICY "default-src 'none'; frame-ancestors 'none'"

bool http_add_headers(struct MHD_Response *response, const char *type, const char *policy)
{
	const char *const headers[][2] = {
	        {MHD_HTTP_HEADER_CONTENT_TYPE, type},
	        {MHD_HTTP_HEADER_CONNECTION, "close"},
	        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	        {"Content-Security-Policy", policy ? policy : NO_POLICY},
	        {"Cross-Origin-Resource-Policy", "same-origin"},
	        {"Referrer-Policy", "no-referrer"},
	        {"X-Content-Type-Options", "nosniff"},
	};
	bool added = true;

	for (size_t i = 0; added && i < sizeof(headers) / sizeof(headers[0]); i++)
		added = mhd.add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES;
	return added;
}

/* What does not change. name and value are those of one more header, or NULL. */
struct fixed {
	const void *text;
	size_t length;
	const char *type, *policy, *name, *value;
};

/* Without memory, the connection is closed. */
static enum MHD_Result put(const struct http_client *client, unsigned status, const struct fixed *fixed)
{
	enum MHD_Result result = MHD_NO;
	/* libmicrohttpd does not change a persistent text, whatever its type says. */
	struct MHD_Response *response = mhd.create_response_from_buffer(
	        fixed->length, (void *)(uintptr_t)fixed->text, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	if (http_add_headers(response, fixed->type, fixed->policy) &&
	    (!fixed->name || mhd.add_response_header(response, fixed->name, fixed->value) == MHD_YES))
		result = mhd.queue_response(client->connection, status, response);
	mhd.destroy_response(response);
	return result;
}

static enum MHD_Result say(const struct http_client *client, unsigned status, const char *text,
                           const char *name, const char *value)
{
	const struct fixed fixed = {
	        .text = text, .length = strlen(text), .type = TEXT_TYPE, .name = name, .value = value};

	return put(client, status, &fixed);
}

/* ---- what needs a report ---- */

static enum MHD_Result say_unavailable(const struct http_client *client)
{
	return say(client, MHD_HTTP_SERVICE_UNAVAILABLE, "not now: try again\n", MHD_HTTP_HEADER_RETRY_AFTER,
	           "1");
}

static enum MHD_Result fulfil(struct http_client *client, const struct http_wish *wish)
{
	struct http_texts *texts = &client->thread->texts;
	struct MHD_Response *response;

	if (client->waiting != HTTP_IN_VAIN && !http_texts_suffice(texts, wish)) {
		http_client_wait(client, http_wish_depth(wish));
		return MHD_YES;
	}
	response = client->waiting == HTTP_IN_VAIN ? NULL : http_texts_get(texts, wish);
	if (!response)
		return say_unavailable(client);
	return mhd.queue_response(client->connection, MHD_HTTP_OK, response);
}

static enum MHD_Result answer_metrics(struct http_client *client)
{
	static const struct http_wish wish = {.form = HTTP_METRICS};

	return fulfil(client, &wish);
}

static const char *argument(const struct http_client *client, const char *name)
{
	return mhd.lookup_connection_value(client->connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result answer_report(struct http_client *client)
{
	const char *top = argument(client, "top"), *relay = argument(client, "relay");
	struct http_wish wish = {.form = HTTP_JSON};
	uint64_t count = TOP_DEFAULT;

	if (top && (units_parse_number(top, &count) < 0 || count > HTTP_PAIRS_MAX))
		return say(client, MHD_HTTP_BAD_REQUEST, TOP_PROBLEM, NULL, NULL);
	if (relay && strlen(relay) > RELAY_NAME_MAX)
		return say(client, MHD_HTTP_BAD_REQUEST, "expected relay=NAME\n", NULL, NULL);
	wish.top = count;
	if (relay)
		strcpy(wish.relay, relay);
	return fulfil(client, &wish);
}

/* ---- the rest ---- */

static enum MHD_Result answer_health(struct http_client *client)
{
	if (atomic_load(&client->thread->draining))
		return say(client, MHD_HTTP_SERVICE_UNAVAILABLE, "draining\n", NULL, NULL);
	return say(client, MHD_HTTP_OK, "ok\n", NULL, NULL);
}

static enum MHD_Result answer_page(struct http_client *client)
{
	const struct fixed page = {.text = page_html,
	                           .length = page_html_size,
	                           .type = "text/html; charset=utf-8",
	                           .policy = page_policy};

	return put(client, MHD_HTTP_OK, &page);
}

static const struct {
	const char *path;
	enum MHD_Result (*answer)(struct http_client *client);
} paths[] = {
        {"/", answer_page},
        {"/health", answer_health},
        {"/metrics", answer_metrics},
        {"/report.json", answer_report},
};

/* Only a browser on this machine could be led here by a name that is not ours. */
static bool is_led_astray(const struct http_client *client, const char *host)
{
	struct endpoint own = {.length = sizeof(own.un)};

	if (!host || getsockname(client->fd, &own.any, &own.length) < 0)
		return false;
	return endpoint_is_loopback(&own) && !http_host_is_ours(host);
}

static bool is_get(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* Answers at once, so no body is ever read; libmicrohttpd closes the connection then. */
enum MHD_Result http_answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                            const char *version, const char *body, size_t *body_size, void **context)
{
	struct http_client *client =
	        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	const char *host = mhd.lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

	(void)arg;
	(void)body;
	(void)body_size;
	(void)context;
	if (!client)
		return MHD_NO;
	if (!is_get(method))
		return say(client, MHD_HTTP_METHOD_NOT_ALLOWED, "expected GET or HEAD\n",
		           MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (!host && strcmp(version, MHD_HTTP_VERSION_1_1) == 0)
		return say(client, MHD_HTTP_BAD_REQUEST, "expected a Host header\n", NULL, NULL);
	if (is_led_astray(client, host))
		return say(client, MHD_HTTP_MISDIRECTED_REQUEST,
		           "expected an address or localhost as the host\n", NULL, NULL);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strcmp(url, paths[i].path) == 0)
			return paths[i].answer(client);
	return say(client, MHD_HTTP_NOT_FOUND, "expected /metrics, /health, /report.json or /\n", NULL, NULL);
}
