#include "build_config.h"

#include "top/words.h"

#include <stdio.h>
#include <string.h>

struct saying {
	const char *why;
	const char *text; /* %s: who is slow */
};

static const struct saying sayings[] = {
        {"reading", "The %s reads too slowly."},
        {"path", "The path between weir and the %s is slow."},
        {"sending", "The %s sends slowly."},
        {"answer", "The %s owes an answer."},
        {"thinking", "The %s is thinking: it is its turn."},
        {"connecting", "The %s is not connected yet."},
        {"unanswered", "The %s answers nothing any more."},
        {"memory", "The memory for queues is short."},
        {"rate", "A rate limit of weir holds it up."},
        {"buffer", "The buffers of weir's sockets are too small for the path."},
        {"cpu", "The worker of the pair needs all of its CPU."},
        {"idle", "Nobody is slow."},
};

void verdict_sentence(const struct scene_pair *pair, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(sayings) / sizeof(sayings[0]); i++)
		if (strcmp(sayings[i].why, pair->why) == 0) {
			const char *text = sayings[i].text, *who = strstr(text, "%s");

			snprintf(buf, size, "%.*s%s%s", (int)(who ? who - text : (long)strlen(text)), text,
			         who ? pair->slow : "", who ? who + 2 : "");
			return;
		}
	snprintf(buf, size, "slow=%s why=%s", pair->slow, pair->why);
}
