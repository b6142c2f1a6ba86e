/* Log lines about entrances: one for each run of successive ports of one address. */
#ifndef WEIR_SPAN_H
#define WEIR_SPAN_H

#include "relay/entrance.h"

enum span_news { SPAN_LISTENING, SPAN_LISTENING_AGAIN, SPAN_GONE };

/* The caller sets news and zeroes the rest. */
struct span {
	enum span_news news;
	/* private */
	const char *relay;
	const struct entrance *first, *last; /* of the run, or NULL */
};

/* One more. relay is its name. Both are borrowed until the next call that does not go on with the run. */
void span_add(struct span *span, const char *relay, const struct entrance *entrance);
/* There are no more. */
void span_end(struct span *span);

#endif
