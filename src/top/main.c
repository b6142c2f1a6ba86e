/* weir-top: the command line. */
#include "build_config.h"

#include "base/printable.h"
#include "base/units.h"
#include "top/watch.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 64 /* EX_USAGE of sysexits.h(3head) */

#define DEFAULT_FILE  SYSCONFDIR "/weir/relay.ini"
#define DEFAULT_MS    1000
#define LEAST_MS      200
#define DEFAULT_COUNT 100
#define MOST_COUNT    1000

struct command {
	struct watch_request request;
	const char *file;
	bool once;
};

static void print_help(void)
{
	puts("usage: weir-top [-c FILE] [-i INTERVAL] [-n COUNT] [-r RELAY] [--once] [ADDRESS]\n"
	     "\n"
	     "Shows which side of each connection of a weir is slow, and why, in the terminal.\n"
	     "\n"
	     "  -c, --config FILE    without ADDRESS, http_listen there (default " DEFAULT_FILE ")\n"
	     "  -i, --interval TIME  ask so often (default 1s)\n"
	     "  -n, --count COUNT    the pairs that wait longest: so many (default 100)\n"
	     "  -r, --relay RELAY    those of this relay only\n"
	     "      --once           print it once, without a terminal, exit\n"
	     "  -V, --version        print the version, exit\n"
	     "  -h, --help           print this, exit\n"
	     "\n"
	     "ADDRESS is that of http_listen: 127.0.0.1:9347, [::1]:9347 or unix:/path.\n"
	     "The key ? shows the keys. See weir-top(1).");
}

static _Noreturn void usage(const char *message)
{
	fprintf(stderr, "weir-top: %s\nTry 'weir-top --help'.\n", message);
	exit(EXIT_USAGE);
}

enum { OPTION_ONCE = 256 };

static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'}, {"interval", required_argument, NULL, 'i'},
        {"count", required_argument, NULL, 'n'},  {"relay", required_argument, NULL, 'r'},
        {"once", no_argument, NULL, OPTION_ONCE}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static void take_option(struct command *command, int option)
{
	switch (option) {
	case 'c':
		command->file = optarg;
		break;
	case 'i':
		if (units_parse_duration(optarg, &command->request.interval_ms) != 0 ||
		    command->request.interval_ms < LEAST_MS)
			usage("--interval: expected a time of at least 200ms, such as 2s");
		break;
	case 'n':
		if (units_parse_number(optarg, &command->request.count) != 0 || command->request.count == 0 ||
		    command->request.count > MOST_COUNT)
			usage("--count: expected a number from 1 to 1000");
		break;
	case 'r':
		if (strlen(optarg) > RELAY_NAME_MAX)
			usage("--relay: no name of a relay is that long");
		strcpy(command->request.filter.text, optarg);
		command->request.filter.is_name = true;
		break;
	case OPTION_ONCE:
		command->once = true;
		break;
	case 'V':
		puts("weir-top " PACKAGE_VERSION);
		exit(EXIT_SUCCESS);
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	default: /* getopt_long has printed what is wrong */
		fputs("Try 'weir-top --help'.\n", stderr);
		exit(EXIT_USAGE);
	}
}

static _Noreturn void no_place(const struct command *command, const char *address, int error)
{
	if (error == -ENOMEM)
		fputs("weir-top: out of memory\n", stderr);
	else if (error == -ENOENT)
		fprintf(stderr, "weir-top: %s has no http_listen; set it, or name the ADDRESS\n",
		        command->file);
	else if (error == -ENOTSUP)
		fprintf(stderr, "weir-top: %s cannot be connected; name the ADDRESS\n",
		        address ? address : "http_listen");
	else if (address)
		usage("expected an address, such as 127.0.0.1:9347 or unix:/path");
	else
		fprintf(stderr, "weir-top: %s does not tell where weir answers; name the ADDRESS\n",
		        command->file);
	exit(error == -ENOMEM ? EXIT_FAILURE : EXIT_USAGE);
}

static void parse(struct command *command, int argc, char **argv)
{
	const char *address;
	int option, error;

	while ((option = getopt_long(argc, argv, "c:i:n:r:Vh", long_options, NULL)) != -1)
		take_option(command, option);
	if (optind + 1 < argc)
		usage("it takes one address");
	address = argv[optind];
	error = address ? place_parse(address, &command->request.place)
	                : place_load(command->file, &command->request.place);
	if (error)
		no_place(command, address, error);
	printable_line(command->request.place.text, strlen(command->request.place.text));
}

int main(int argc, char **argv)
{
	struct command command = {.file = DEFAULT_FILE,
	                          .request = {.interval_ms = DEFAULT_MS, .count = DEFAULT_COUNT}};

	setlocale(LC_CTYPE, "");
	parse(&command, argc, argv);
	return command.once ? watch_print(&command.request) : watch_run(&command.request);
}
