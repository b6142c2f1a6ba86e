#include "build_config.h"

#include "relay/span.h"

#include "base/log.h"

#include <string.h>

/* Whether it comes right after the last one. What port 0 has become is never part of a run. */
static bool goes_on(const struct span *span, const char *relay, const struct entrance *entrance)
{
	struct entrance_key next;

	if (!span->last || span->last->endpoint.any.sa_family == AF_UNIX || strcmp(span->relay, relay) != 0)
		return false;
	next = span->last->key;
	next.endpoint = endpoint_at_place(&next.endpoint, 1);
	return entrance_key_compare(&next, &entrance->key) == 0;
}

static void tell(const struct span *span, const char *text)
{
	switch (span->news) {
	case SPAN_LISTENING:
		log_notice("relay %s: listening on %s", span->relay, text);
		break;
	case SPAN_LISTENING_AGAIN:
		log_notice("relay %s: listening on %s again", span->relay, text);
		break;
	case SPAN_GONE:
		log_notice("relay %s: no longer listening on %s", span->relay, text);
	}
}

void span_end(struct span *span)
{
	char text[ADDRESS_TEXT_MAX];

	if (!span->first)
		return;
	memcpy(text, span->first->text, sizeof(text));
	if (span->last != span->first)
		address_add_last_port(text, endpoint_port(&span->last->endpoint));
	tell(span, text);
	span->first = span->last = NULL;
}

void span_add(struct span *span, const char *relay, const struct entrance *entrance)
{
	if (!goes_on(span, relay, entrance)) {
		span_end(span);
		span->relay = relay;
		span->first = entrance;
	}
	span->last = entrance;
}
