#include "build_config.h"

#include "rawpeer.h"

#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AWAIT_STEP_US = 10 * 1000 };

/* The file appears when the last connection has reached this word. */
static enum step word_touch(struct peer *peer, struct word *word)
{
	int fd;

	if (!process.serve && word->passed + 1 < process.connections)
		return STEP_DONE;
	fd = open(word->text, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return peer_fail(peer, "%s", strerror(errno));
	close(fd);
	return STEP_DONE;
}

static enum step word_await(struct peer *peer, struct word *word)
{
	if (access(word->text, F_OK) == 0)
		return STEP_DONE;
	return peer_wait_us(peer, 0, process.now_us + AWAIT_STEP_US);
}

/* Both directions begin a stream anew. The peer at the other end has the seeds swapped. */
static void peer_seed(struct peer *peer, uint64_t out, uint64_t in)
{
	peer->out.seed = out;
	peer->out.offset = 0;
	peer->in.seed = in;
	peer->in.offset = 0;
}

static enum step word_seeds(struct peer *peer, struct word *word)
{
	peer_seed(peer, word->number[0], word->number[1]);
	return STEP_DONE;
}

/* What comes back must be what was sent, and not what another connection sent. */
static enum step word_mirror(struct peer *peer, struct word *word)
{
	uint64_t seed = 1000 + peer->number;

	(void)word;
	peer_seed(peer, seed, seed);
	return STEP_DONE;
}

static enum step word_deadline(struct peer *peer, struct word *word)
{
	(void)peer;
	if (word->passed == 0)
		process.deadline_us = process.now_us + word->number[0] * 1000 * 1000;
	return STEP_DONE;
}

static const struct word_kind word_kinds[] = {
        {"accept", "", word_accept},
        {"await", "t", word_await},
        {"backlog", "n", word_backlog},
        {"bind", "a", word_bind},
        {"close", "", word_close},
        {"connect", "a", word_connect},
        {"deadline", "n", word_deadline},
        {"dribble", "sn", word_dribble},
        {"duplex", "ss", word_duplex},
        {"echo", "", word_echo},
        {"expect-end", "", word_expect_end},
        {"expect-fin", "", word_expect_fin},
        {"expect-open", "n", word_expect_open},
        {"expect-refused", "a", word_expect_refused},
        {"expect-rst", "", word_expect_rst},
        {"fill", "n", word_fill},
        {"fin", "", word_fin},
        {"insist", "a", word_insist},
        {"listen", "a", word_listen},
        {"loud", "", word_loud},
        {"mirror", "", word_mirror},
        {"pieces", "s", word_pieces},
        {"port-file", "t", word_port_file},
        {"rcvbuf", "s", word_rcvbuf},
        {"recv", "s", word_recv},
        {"recv-all", "", word_recv_all},
        {"recv-proxy", "t", word_recv_proxy},
        {"recv-slow", "ss", word_recv_slow},
        {"recv-text", "t", word_recv_text},
        {"recv-until-end", "", word_recv_until_end},
        {"refuse", "a", word_refuse},
        {"rst", "", word_rst},
        {"seeds", "nn", word_seeds},
        {"send", "s", word_send},
        {"send-proxy", "t", word_send_proxy},
        {"send-text", "t", word_send_text},
        {"silent", "a", word_silent},
        {"sndbuf", "s", word_sndbuf},
        {"touch", "t", word_touch},
        {"unlisten", "", word_unlisten},
        {"urgent", "t", word_urgent},
        {"wait-acked", "", word_wait_acked},
};

static const struct word_kind *word_kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(word_kinds) / sizeof(word_kinds[0]); i++)
		if (strcmp(word_kinds[i].name, name) == 0)
			return &word_kinds[i];
	return NULL;
}

static int word_find_zone(struct word *word, const struct address *address)
{
	struct addrinfo *found;

	if (getaddrinfo(address->host, NULL, NULL, &found) != 0)
		return -ENODEV;
	word->endpoint.length = found->ai_addrlen;
	memcpy(&word->endpoint.any, found->ai_addr, found->ai_addrlen);
	endpoint_set_port(&word->endpoint, address->port);
	freeaddrinfo(found);
	return 0;
}

static int word_parse_address(struct word *word, const char *text)
{
	struct address address;
	int r;

	r = address_parse(text, &address);
	if (r < 0)
		return r;
	if (address.kind == ADDRESS_LITERAL)
		word->endpoint = address.endpoint;
	else
		r = address_has_zone(&address) ? word_find_zone(word, &address) : -EINVAL;
	address_deinit(&address);
	return r;
}

static int word_parse_argument(struct word *word, size_t position, const char *text)
{
	switch (word->kind->arguments[position]) {
	case 'a':
		return word_parse_address(word, text);
	case 'n':
		return units_parse_number(text, &word->number[position]);
	case 's':
		return units_parse_size(text, &word->number[position]);
	default:
		word->text = text;
		return 0;
	}
}

/* Parses the word at argv. Returns how many elements of argv it takes, or -EINVAL. */
static int word_parse(struct word *word, char **argv)
{
	size_t i;

	word->argv = argv;
	word->kind = word_kind_find(argv[0]);
	if (!word->kind) {
		fprintf(stderr, "rawpeer: no word is called '%s'\n", argv[0]);
		return -EINVAL;
	}
	for (i = 0; word->kind->arguments[i]; i++) {
		if (!argv[1 + i]) {
			fprintf(stderr, "rawpeer: an argument of '%s' is missing\n", argv[0]);
			return -EINVAL;
		}
		if (word_parse_argument(word, i, argv[1 + i]) < 0) {
			fprintf(stderr, "rawpeer: '%s' is no argument for '%s'\n", argv[1 + i], argv[0]);
			return -EINVAL;
		}
	}
	return (int)(1 + i);
}

int script_parse(char **argv, struct script *script)
{
	size_t most = 0;

	while (argv[most])
		most++;
	script->count = 0;
	script->words = calloc(most + 1, sizeof(*script->words));
	if (!script->words)
		return -ENOMEM;
	while (*argv) {
		int taken = word_parse(&script->words[script->count], argv);

		if (taken < 0) {
			script_free(script);
			return taken;
		}
		script->count++;
		argv += taken;
	}
	return 0;
}

void script_free(struct script *script)
{
	free(script->words);
	script->words = NULL;
	script->count = 0;
}

char *word_format(const struct word *word, char *buf, size_t size)
{
	size_t arguments = strlen(word->kind->arguments);
	size_t i;

	snprintf(buf, size, "%s", word->argv[0]);
	for (i = 1; i <= arguments; i++) {
		size_t length = strlen(buf);

		snprintf(buf + length, size - length, " %.60s", word->argv[i]);
	}
	return buf;
}
