/* The load generator's command line; see load.h. */
#include "build_config.h"

#include "base/units.h"
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>

#define MESSAGE_MAX 65536
#define PIECE_MAX   (1u << 20)

void load_die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

uint64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void load_set_no_delay(int fd, const struct endpoint *address)
{
	if (address->any.sa_family == AF_UNIX)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) != 0)
		load_die("TCP_NODELAY");
}

void *load_alloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		load_die("calloc");
	return memory;
}

static void usage(void) __attribute__((noreturn));
static void usage(void)
{
	fputs("usage: load serve ADDRESS\n"
	      "       load bulk|echo|connect|hold|live|scrape ADDRESS [-n CONNECTIONS] [-b BYTES]\n"
	      "            [-t DURATION] [-T TIMEOUT] [-c COUNT] [-s SIZE] [-r BYTES_PER_SECOND] [-p PIECE]\n"
	      "            [-B BUFFER] [-f] [-u] [-d] [-v] [-R SOURCE_BYTES_PER_SECOND] [-j REST] [-w "
	      "WARMUP]\n",
	      stderr);
	exit(EX_USAGE);
}

static uint64_t number(const char *text, uint64_t minimum, uint64_t maximum)
{
	uint64_t value;

	if (units_parse_number(text, &value) != 0 || value < minimum || value > maximum)
		usage();
	return value;
}

static uint64_t size(const char *text, uint64_t maximum)
{
	uint64_t value;

	if (units_parse_size(text, &value) != 0 || value == 0 || value > maximum)
		usage();
	return value;
}

static uint64_t duration(const char *text)
{
	uint64_t value;

	if (units_parse_duration(text, &value) != 0 || value == 0)
		usage();
	return value;
}

static struct endpoint endpoint(const char *text)
{
	struct address address;

	if (address_parse(text, &address) != 0 || address.kind != ADDRESS_LITERAL)
		usage();
	return address.endpoint;
}

static void take_option(struct load_options *options, int option)
{
	switch (option) {
	case 'n':
		options->connections = (unsigned)number(optarg, 1, 100000);
		break;
	case 'b':
		options->bytes = size(optarg, UINT64_MAX);
		break;
	case 't':
		options->milliseconds = duration(optarg);
		break;
	case 'T':
		options->timeout = duration(optarg);
		break;
	case 'c':
		options->count = number(optarg, 1, 1000000);
		break;
	case 's':
		options->size = size(optarg, MESSAGE_MAX);
		break;
	case 'r':
		options->rate = size(optarg, 1u << 30);
		break;
	case 'p':
		options->piece = (uint32_t)size(optarg, PIECE_MAX);
		break;
	case 'R':
		options->source_rate = size(optarg, 1u << 30);
		break;
	case 'j':
		options->rest = duration(optarg);
		break;
	case 'w':
		options->warmup = duration(optarg);
		break;
	case 'B':
		options->buffer = (uint32_t)size(optarg, 1u << 30);
		break;
	case 'f':
		options->finish = true;
		break;
	case 'u':
		options->flags |= LOAD_TAKE;
		break;
	case 'd':
		options->flags |= LOAD_GIVE;
		break;
	case 'v':
		options->flags |= LOAD_VERIFY;
		break;
	default:
		usage();
	}
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		load_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		load_die("setrlimit");
}

/* A piece begins with a time stamp, and so does every part of it. */
static bool is_live(const struct load_options *options)
{
	return options->milliseconds != 0 && options->size >= 64 && options->piece != 0 &&
	       options->piece % options->size == 0;
}

static int run_client(const char *kind, const struct load_options *options)
{
	if (strcmp(kind, "bulk") == 0 && options->flags & (LOAD_TAKE | LOAD_GIVE))
		return load_bulk(options);
	if (strcmp(kind, "echo") == 0 && options->milliseconds != 0)
		return load_echo(options);
	if (strcmp(kind, "connect") == 0)
		return load_connect(options);
	if (strcmp(kind, "hold") == 0)
		return load_hold(options);
	if (strcmp(kind, "scrape") == 0 && options->rate != 0)
		return load_scrape(options);
	if (strcmp(kind, "live") == 0 && is_live(options))
		return load_live(options);
	usage();
}

int main(int argc, char **argv)
{
	struct load_options options = {
	        .connections = 1, .bytes = 64u << 20, .count = 1000, .size = 64, .timeout = 60000};
	int option;

	while ((option = getopt(argc, argv, "n:b:t:T:c:s:r:p:R:j:w:B:fudv")) != -1)
		take_option(&options, option);
	argv += optind;
	argc -= optind;
	raise_descriptor_limit();
	stream_init();
	if (argc != 2)
		usage();
	options.address = endpoint(argv[1]);
	if (strcmp(argv[0], "serve") == 0)
		return load_serve(&options.address);
	return run_client(argv[0], &options);
}
