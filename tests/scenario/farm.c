/*
 * farm [-s] NAME[=ADDRESS]...
 *
 * Prints "NAME ADDRESS" for each target, then obeys the lines on standard input, and prints "done" for each:
 *
 *   serve|refuse|reset|silent NAME...   see enum conduct in farm.h; all refuse at first
 *   flap MS NAME...                     serve and refuse by turns, that long each
 *   drop NAME...                        reset the connections that they have
 *   count FILE                          write a line for each target, see farm_count
 *
 * Without an address it is 127.0.0.1:0. -s: port 0 means the port of the first.
 * The end of standard input ends it.
 */
#include "build_config.h"

#include "farm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, ORDER_MAX = 32768 };

static struct target *targets;
static int target_count;
static int epoll = -1;

void farm_die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

void farm_watch(int fd, void *subject)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = subject};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		farm_die("epoll_ctl");
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wrong(const char *what)
{
	fprintf(stderr, "farm: %s: what is that?\n", what);
	exit(EXIT_USAGE);
}

static struct target *target_named(const char *name)
{
	for (int i = 0; i < target_count; i++)
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	wrong(name);
	return NULL;
}

/* By rename, so that nobody reads half of it. */
static void farm_count(const char *path)
{
	FILE *file = fopen("farm.new", "we");

	if (!file)
		farm_die(path);
	for (int i = 0; i < target_count; i++)
		fprintf(file, "target=%s accepted=%u open=%u most=%u empty_resets=%u empty_ends=%u\n",
		        targets[i].name, targets[i].accepted, targets[i].open, targets[i].most,
		        targets[i].empty_resets, targets[i].empty_ends);
	if (fclose(file) != 0 || rename("farm.new", path) < 0)
		farm_die(path);
}

static void behave_all(char **next, enum conduct conduct, uint64_t flap_ms)
{
	char *name;

	while ((name = strtok_r(NULL, " \n", next))) {
		struct target *target = target_named(name);

		target->flap_ms = flap_ms;
		target->flap_at = now_ms() + flap_ms;
		target_behave(target, conduct);
	}
}

static void drop_all(char **next)
{
	char *name;

	while ((name = strtok_r(NULL, " \n", next)))
		target_drop(target_named(name));
}

static const char *argument(char **next)
{
	const char *word = strtok_r(NULL, " \n", next);

	return word ? word : "";
}

static void obey(char *line)
{
	char *next = NULL;
	const char *order = strtok_r(line, " \n", &next);

	if (!order)
		return;
	if (strcmp(order, "serve") == 0)
		behave_all(&next, SERVES, 0);
	else if (strcmp(order, "refuse") == 0)
		behave_all(&next, REFUSES, 0);
	else if (strcmp(order, "reset") == 0)
		behave_all(&next, RESETS, 0);
	else if (strcmp(order, "silent") == 0)
		behave_all(&next, SILENT, 0);
	else if (strcmp(order, "flap") == 0)
		behave_all(&next, SERVES, strtoul(argument(&next), NULL, 10));
	else if (strcmp(order, "drop") == 0)
		drop_all(&next);
	else if (strcmp(order, "count") == 0)
		farm_count(argument(&next));
	else
		wrong(order);
	printf("done\n");
}

/* The shell writes whole lines, in pieces that may end anywhere. False at the end. */
static bool obey_input(void)
{
	static char lines[ORDER_MAX];
	static size_t length;
	char *end;
	ssize_t n = read(STDIN_FILENO, lines + length, sizeof(lines) - 1 - length);

	if (n <= 0)
		return false;
	length += (size_t)n;
	lines[length] = '\0';
	while ((end = strchr(lines, '\n'))) {
		*end = '\0';
		obey(lines);
		length -= (size_t)(end + 1 - lines);
		memmove(lines, end + 1, length + 1);
	}
	return true;
}

/* How long until a target turns round; -1: none does. */
static int flap(void)
{
	uint64_t now = now_ms(), next = UINT64_MAX;

	for (int i = 0; i < target_count; i++) {
		struct target *target = &targets[i];

		if (!target->flap_ms)
			continue;
		if (target->flap_at <= now) {
			target_behave(target, target->conduct == SERVES ? REFUSES : SERVES);
			target->flap_at = now + target->flap_ms;
		}
		next = target->flap_at < next ? target->flap_at : next;
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

/*
 * False at the end of standard input. An order may close what a later event is about, so there is one event
 * at a time.
 */
static bool handle(const struct epoll_event *event)
{
	enum subject subject = *(enum subject *)event->data.ptr;

	if (subject == OF_ORDERS)
		return obey_input();
	if (subject == OF_VISIT)
		visit_read(event->data.ptr);
	else
		target_accept(event->data.ptr);
	return true;
}

static void run(void)
{
	enum subject orders = OF_ORDERS;
	struct epoll_event event;

	farm_watch(STDIN_FILENO, &orders);
	for (;;) {
		int count = epoll_wait(epoll, &event, 1, flap());

		if (count == 1 && !handle(&event))
			return;
	}
}

static void take_target(char *text, bool same_port, uint16_t *same)
{
	char *equal = strchr(text, '='), printed[ADDRESS_TEXT_MAX];
	struct target *target = &targets[target_count++];
	struct address address;

	if (equal)
		*equal = '\0';
	if (address_parse(equal ? equal + 1 : "127.0.0.1:0", &address) < 0 || address.kind != ADDRESS_LITERAL)
		wrong(text);
	target_init(target, text, &address.endpoint, same_port ? same : NULL);
	address.endpoint = target->endpoint;
	printf("%s %s\n", target->name, address_format(&address, printed));
	address_deinit(&address);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	uint16_t same = 0;
	int first = argc > 1 && strcmp(argv[1], "-s") == 0 ? 2 : 1;

	if (first == argc)
		wrong("nothing");
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	setlinebuf(stdout);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	targets = calloc((size_t)argc, sizeof(*targets));
	if (epoll < 0 || !targets)
		farm_die("farm");
	for (int i = first; i < argc; i++)
		take_target(argv[i], first == 2, &same);
	run();
	for (int i = 0; i < target_count; i++)
		target_drop(&targets[i]);
	free(targets);
	return EXIT_SUCCESS;
}
