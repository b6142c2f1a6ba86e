#include "build_config.h"

#include "top/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 3000L
#define TOTAL_MS   10000L
#define ANSWER_MAX ((size_t)16 * 1024 * 1024) /* bytes: a report of 1,000 pairs has about one million */
#define ERROR_MAX  (CURL_ERROR_SIZE + 64)
#define HTTP_OK    200L

struct fetch {
	const struct place *place;
	CURLM *multi;
	CURL *easy;
	bool under_way;
	char *text; /* what has come so far */
	size_t length, room;
	char problem[CURL_ERROR_SIZE], error[ERROR_MAX];
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *argument)
{
	struct fetch *fetch = argument;
	size_t length = size * count, room = fetch->room > 0 ? fetch->room : 65536;
	char *text;

	while (room < fetch->length + length)
		room *= 2;
	if (room > ANSWER_MAX)
		return 0;
	if (room > fetch->room) {
		text = realloc(fetch->text, room);
		if (!text)
			return 0;
		fetch->text = text;
		fetch->room = room;
	}
	memcpy(fetch->text + fetch->length, bytes, length);
	fetch->length += length;
	return length;
}

/* No proxy, whatever the environment says: what weir says of itself is asked of weir. */
static bool set_up(struct fetch *fetch)
{
	CURL *easy = fetch->easy;
	const struct place *place = fetch->place;
	CURLcode failed = CURLE_OK;

	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->problem);
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir-top/" PACKAGE_VERSION);
	if (place->path[0])
		failed |= curl_easy_setopt(
		        easy, place->is_abstract ? CURLOPT_ABSTRACT_UNIX_SOCKET : CURLOPT_UNIX_SOCKET_PATH,
		        place->path);
	return failed == CURLE_OK;
}

struct fetch *fetch_new(const struct place *place)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return NULL;
	fetch->place = place;
	fetch->multi = curl_multi_init();
	fetch->easy = curl_easy_init();
	if (fetch->multi && fetch->easy && set_up(fetch))
		return fetch;
	fetch_free(fetch);
	return NULL;
}

static void give_up(struct fetch *fetch)
{
	if (fetch->under_way)
		curl_multi_remove_handle(fetch->multi, fetch->easy);
	fetch->under_way = false;
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	give_up(fetch);
	curl_easy_cleanup(fetch->easy);
	curl_multi_cleanup(fetch->multi);
	free(fetch->text);
	free(fetch);
}

/* NULL when out of memory. */
static char *make_url(struct fetch *fetch, uint64_t top, const char *relay)
{
	char *escaped = relay && *relay ? curl_easy_escape(fetch->easy, relay, 0) : NULL, *url;

	if (relay && *relay && !escaped)
		return NULL;
	if (asprintf(&url, "http://%s/report.json?top=%ju%s%s", fetch->place->host, (uintmax_t)top,
	             escaped ? "&relay=" : "", escaped ? escaped : "") < 0)
		url = NULL;
	curl_free(escaped);
	return url;
}

int fetch_start(struct fetch *fetch, uint64_t top, const char *relay)
{
	char *url = make_url(fetch, top, relay);
	bool started;

	give_up(fetch);
	fetch->length = 0;
	fetch->problem[0] = '\0';
	started = url && curl_easy_setopt(fetch->easy, CURLOPT_URL, url) == CURLE_OK &&
	          curl_multi_add_handle(fetch->multi, fetch->easy) == CURLM_OK;
	free(url);
	fetch->under_way = started;
	return started ? 0 : -ENOMEM;
}

bool fetch_is_under_way(const struct fetch *fetch)
{
	return fetch->under_way;
}

void fetch_wait(struct fetch *fetch, struct curl_waitfd *fds, unsigned count, int milliseconds)
{
	int running;

	curl_multi_perform(fetch->multi, &running);
	if (!fetch->under_way || running > 0)
		curl_multi_poll(fetch->multi, fds, count, milliseconds, NULL);
}

/* In the words of the kernel where it was the kernel; libcurl's repeat the address. */
static void describe(struct fetch *fetch, CURLcode result)
{
	long error = 0;

	if (result == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &error);
	if (error > 0)
		snprintf(fetch->error, sizeof(fetch->error), "%s", strerror((int)error));
	else
		snprintf(fetch->error, sizeof(fetch->error), "%s",
		         fetch->problem[0] ? fetch->problem : curl_easy_strerror(result));
}

/* What went wrong, or NULL. */
static const char *judge(struct fetch *fetch, CURLcode result)
{
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_OK && status == HTTP_OK)
		return NULL;
	if (result == CURLE_OK)
		snprintf(fetch->error, sizeof(fetch->error), "it answers with HTTP status %ld", status);
	else
		describe(fetch, result);
	return fetch->error;
}

enum fetched fetch_take(struct fetch *fetch, const char **text, size_t *length, const char **error)
{
	CURLMsg *message;
	int left;

	do {
		message = curl_multi_info_read(fetch->multi, &left);
	} while (message && message->msg != CURLMSG_DONE);
	if (!message)
		return FETCHED_NOTHING;
	*error = judge(fetch, message->data.result);
	give_up(fetch);
	*text = fetch->text ? fetch->text : "";
	*length = fetch->length;
	return *error ? FETCHED_ERROR : FETCHED_REPORT;
}
