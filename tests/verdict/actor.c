/*
 * actor client ADDRESS [OPTION...] [say LINE...] [hear LINE...]
 * actor target ADDRESS [OPTION...] [say LINE...] [hear LINE...]
 *
 * One end of a pair that plays a part, and measures itself what it does: how long it is blocked, because
 * nobody takes what it sends, how long it rests on purpose, and how long it waits for bytes. One thread says,
 * another one hears; each does its lines over and over, from the word loop on. A number may be A-B: any
 * between. A part without lines says nothing, or hears all.
 *
 *   send=BYTES     says so many bytes
 *   flood=MS       says as much as is taken for so long
 *   wait=BYTES     until so many more bytes have been heard
 *   read=BYTES     hears so many bytes
 *   after=BYTES    hears on once so many more bytes have been said, as one does that says before it hears
 *   rest=MS        does nothing on purpose
 *   end            ends its stream; says nothing more
 *   stop           says nothing more; hears nothing more, and keeps the connection
 *
 * Options: rcvbuf=BYTES, sndbuf=BYTES. count=N: a client opens so many connections, and measures the first.
 * from=ADDRESS: where a client comes from. silent: a target never answers a connect. refuse: it refuses them.
 *
 * It prints a line with its own address, and then a line of JSON every 100 ms: microseconds since it was
 * connected, by what was done, and bytes. It ends with its standard input.
 */
#include "build_config.h"

#include "actor.h"
#include "net/address.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, ENDS_MAX = 1000, SAMPLE_MS = 100, BACKLOG = 64, SILENT_CONNECTS = 8 };

static struct {
	bool is_target, silent, refuse;
	struct endpoint endpoint, from;
	int rcvbuf, sndbuf;
	unsigned count;
	struct part say, hear;
} options = {.count = 1};

static struct end ends[ENDS_MAX];
static _Atomic unsigned played; /* ends */

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "actor: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static _Noreturn void usage(const char *word)
{
	fprintf(stderr, "actor: what is %s? See the comment at the head of actor.c\n", word);
	exit(EXIT_USAGE);
}

static struct endpoint parse_address(const char *text)
{
	struct address address;

	if (address_parse(text, &address) < 0 || address.kind != ADDRESS_LITERAL)
		usage(text);
	return address.endpoint;
}

static bool parse_option(const char *word)
{
	const char *value = strchr(word, '=');

	value = value ? value + 1 : "";
	if (!strcmp(word, "silent"))
		options.silent = true;
	else if (!strcmp(word, "refuse"))
		options.refuse = true;
	else if (!strncmp(word, "rcvbuf=", 7))
		options.rcvbuf = atoi(value);
	else if (!strncmp(word, "sndbuf=", 7))
		options.sndbuf = atoi(value);
	else if (!strncmp(word, "count=", 6))
		options.count = (unsigned)atoi(value);
	else if (!strncmp(word, "from=", 5))
		options.from = parse_address(value);
	else
		return false;
	return options.count >= 1 && options.count <= ENDS_MAX;
}

static void parse(char **words)
{
	struct part *part = NULL;

	if (!words[1] || !words[2] || (strcmp(words[1], "client") != 0 && strcmp(words[1], "target") != 0))
		usage("this command");
	options.is_target = words[1][0] == 't';
	options.endpoint = parse_address(words[2]);
	for (words += 3; *words; words++) {
		if (!strcmp(*words, "say"))
			part = &options.say;
		else if (!strcmp(*words, "hear"))
			part = &options.hear;
		else if (part ? !part_add(part, *words) : !parse_option(*words))
			usage(*words);
	}
	if (options.hear.count == 0)
		part_add(&options.hear, "read=65536");
}

/* Buffers are set before connect and listen, where the window scale is decided. */
static int make_socket(void)
{
	int fd = socket(options.endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		die("socket", errno);
	if (options.rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.rcvbuf, sizeof(options.rcvbuf));
	if (options.sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options.sndbuf, sizeof(options.sndbuf));
	if (options.endpoint.any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void print_address(int fd)
{
	struct endpoint own = {.length = sizeof(own.un)};
	char text[ADDRESS_TEXT_MAX];

	getsockname(fd, &own.any, &own.length);
	printf("%s\n", endpoint_format(&own.any, own.length, text));
	fflush(stdout);
}

static void play(int fd)
{
	struct end *end = &ends[played];
	int r;

	end->fd = fd;
	end->say = &options.say;
	end->hear = &options.hear;
	end->seed = (unsigned)getpid() + played;
	r = end_play(end);
	if (r < 0)
		die("pthread_create", -r);
	played++;
}

/* Fills the queue of those who wait to be accepted: the kernel leaves further ones without an answer. */
static void fill(int listener)
{
	struct endpoint own = {.length = sizeof(own.un)};

	getsockname(listener, &own.any, &own.length);
	for (unsigned i = 0; i < SILENT_CONNECTS; i++)
		connect(socket(own.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), &own.any,
		        own.length);
}

static void *accept_all(void *context)
{
	int listener = *(int *)context, fd;

	while (played < ENDS_MAX && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		play(fd);
	return NULL;
}

static void be_target(void)
{
	static int listener;
	pthread_t thread;
	int r;

	listener = make_socket();
	if (bind(listener, &options.endpoint.any, options.endpoint.length) < 0)
		die("bind", errno);
	if (!options.refuse && listen(listener, options.silent ? 0 : BACKLOG) < 0)
		die("listen", errno);
	print_address(listener);
	if (options.silent)
		fill(listener);
	if (options.silent || options.refuse)
		return;
	r = pthread_create(&thread, NULL, accept_all, &listener);
	if (r != 0)
		die("pthread_create", r);
}

static void be_client(void)
{
	for (unsigned i = 0; i < options.count; i++) {
		int fd = make_socket();

		if (options.from.length > 0 && bind(fd, &options.from.any, options.from.length) < 0)
			die("bind", errno);
		if (connect(fd, &options.endpoint.any, options.endpoint.length) < 0)
			die("connect", errno);
		if (i == 0)
			print_address(fd);
		play(fd);
	}
}

static void print_part(const char *name, struct account *account, uint64_t now, uint64_t bytes)
{
	uint64_t total[DOINGS];

	account_read(account, now, total);
	printf(", \"%s\": {\"bytes\": %llu, \"work\": %llu, \"blocked\": %llu, \"turn\": %llu, "
	       "\"sending\": %llu, \"waiting\": %llu, \"unread\": %llu, \"rest\": %llu}",
	       name, (unsigned long long)bytes, (unsigned long long)total[DOING_WORK],
	       (unsigned long long)total[DOING_BLOCKED], (unsigned long long)total[DOING_TURN],
	       (unsigned long long)total[DOING_SENDING], (unsigned long long)total[DOING_WAITING],
	       (unsigned long long)total[DOING_UNREAD], (unsigned long long)total[DOING_REST]);
}

static void print_sample(void)
{
	uint64_t now = now_us();

	printf("{\"time\": %llu, \"ends\": %u", (unsigned long long)now, (unsigned)played);
	if (played > 0) {
		print_part("say", &ends[0].saying, now, ends[0].said);
		print_part("hear", &ends[0].hearing, now, ends[0].heard);
	}
	puts("}");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	(void)argc;
	parse(argv);
	if (options.is_target)
		be_target();
	else
		be_client();
	while (poll(&input, 1, SAMPLE_MS) == 0)
		print_sample();
	return EXIT_SUCCESS;
}
