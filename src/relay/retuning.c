#include "build_config.h"

#include "relay/retuning.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

bool retuning_is_needless(const struct socket_tuning *before, const struct socket_tuning *after)
{
	return before->nodelay == after->nodelay && before->keepalive == after->keepalive &&
	       before->rcvbuf == after->rcvbuf && before->sndbuf == after->sndbuf &&
	       before->notsent_lowat == after->notsent_lowat &&
	       before->keepalive_idle == after->keepalive_idle &&
	       before->keepalive_interval == after->keepalive_interval &&
	       before->keepalive_count == after->keepalive_count;
}

static int add(struct retunings *list, const struct socket_tuning *tuning, struct retuning **added)
{
	struct retuning *retuning = malloc(sizeof(*retuning));
	int pattern = retuning ? socket_pattern(tuning) : -ENOMEM;

	if (pattern < 0) {
		free(retuning);
		return pattern;
	}
	*retuning = (struct retuning){.tuning = *tuning, .pattern = pattern};
	SLIST_INSERT_HEAD(list, retuning, entry);
	*added = retuning;
	return 0;
}

int retunings_find(struct retunings *list, const struct socket_tuning *tuning, struct retuning **found)
{
	SLIST_FOREACH(*found, list, entry)
	if (retuning_is_needless(&(*found)->tuning, tuning))
		return 0;
	return add(list, tuning, found);
}

void retunings_free(struct retunings *list)
{
	struct retuning *retuning;

	while ((retuning = SLIST_FIRST(list))) {
		SLIST_REMOVE_HEAD(list, entry);
		close(retuning->pattern);
		free(retuning);
	}
}
