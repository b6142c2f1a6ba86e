/* The command line and the exit status. Everything else is in the library. */
#include "build_config.h"

#include "base/log.h"
#include "base/signals.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/estimate.h"
#include "daemon/handed_over.h"
#include "daemon/program.h"
#include "daemon/rehearsal.h"
#include "daemon/takeover_again.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 64 /* EX_USAGE of sysexits.h(3head) */

#define DEFAULT_FILE SYSCONFDIR "/weir/relay.ini"

enum action { ACTION_RUN, ACTION_TEST, ACTION_PRINT, ACTION_TOP };

struct command {
	struct config_request request;
	struct program program;
	struct handed_over handed;
	enum action action;
	bool explains; /* ACTION_PRINT, of which -v prints more */
	char *address; /* ACTION_TOP; or NULL */
};

enum { OPTION_PRINT_CONFIG = 256, OPTION_TOP };

static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"listen", required_argument, NULL, 'l'},
        {"target", required_argument, NULL, 'T'},
        {"option", required_argument, NULL, 'o'},
        {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
        {"top", no_argument, NULL, OPTION_TOP}, /* starts another program */
        {"verbose", no_argument, NULL, 'v'},
        {"quiet", no_argument, NULL, 'q'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: weir [-tvq] [-c FILE] [-l ADDR]... [-T ADDR]... [-o KEY=VALUE]... [--print-config]\n"
	     "       weir --top [-c FILE] [ADDRESS]\n"
	     "\n"
	     "Relays TCP connections, pausing the fast side when the slow side lags.\n"
	     "\n"
	     "  -c, --config FILE       configuration (default " DEFAULT_FILE ")\n"
	     "  -t, --test              check the configuration, print the worst-case memory, exit\n"
	     "  -l, --listen ADDR       listen there; with -T, a relay without a file\n"
	     "  -T, --target ADDR       relay to there\n"
	     "  -o, --option KEY=VALUE  set a [global] or [defaults] key, overriding the file\n"
	     "      --print-config      print the effective settings in relay.ini form, exit;\n"
	     "                          with -v, also when a change of each takes effect\n"
	     "      --top               show live which side of each connection is slow: weir-top(1)\n"
	     "  -v, --verbose           log more (repeatable)\n"
	     "  -q, --quiet             log less (repeatable)\n"
	     "  -V, --version           print the version, exit\n"
	     "  -h, --help              print this, exit\n"
	     "\n"
	     "ADDR is 127.0.0.1:80, [::1]:80, *:80, host.name:80, unix:/path or unix:@abstract.\n"
	     "SIGTERM drains and stops, SIGHUP reloads FILE, SIGUSR1 dumps every connection,\n"
	     "SIGUSR2 goes on with every connection as the program that is installed now.\n"
	     "See weir(8) and relay.ini(5).");
}

static void usage(const char *message)
{
	fprintf(stderr, "weir: %s\nTry 'weir --help'.\n", message);
	exit(EXIT_USAGE);
}

/* Appends to one of the lists of the request. */
static void append(const struct command *command, char ***list, size_t *count, char *value)
{
	char **grown = realloc(*list, (*count + 1) * sizeof(**list));

	if (!grown) {
		takeover_again(&command->handed, &command->program, NULL);
		fputs("weir: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	grown[(*count)++] = value;
	*list = grown;
}

static void take_option(struct command *command, int option)
{
	struct config_request *request = &command->request;

	switch (option) {
	case 'c':
		request->file = optarg;
		break;
	case 't':
		command->action = ACTION_TEST;
		break;
	case 'l':
		append(command, &request->listen, &request->listen_count, optarg);
		break;
	case 'T':
		append(command, &request->target, &request->target_count, optarg);
		break;
	case 'o':
		append(command, &request->option, &request->option_count, optarg);
		break;
	case OPTION_PRINT_CONFIG:
		command->action = ACTION_PRINT;
		break;
	case OPTION_TOP:
		command->action = ACTION_TOP;
		break;
	case 'v':
		request->louder++;
		break;
	case 'q':
		request->louder--;
		break;
	case 'V':
		puts("weir " PACKAGE_VERSION);
		exit(EXIT_SUCCESS);
	case 'h':
		print_help();
		exit(EXIT_SUCCESS);
	default: /* getopt_long has printed what is wrong */
		fputs("Try 'weir --help'.\n", stderr);
		exit(EXIT_USAGE);
	}
}

/* The words that are no options. */
static void take_words(struct command *command, int count, char **words)
{
	const struct config_request *request = &command->request;

	if (command->action != ACTION_TOP) {
		if (count > 0)
			usage("it takes options only, no further words");
		return;
	}
	if (count > 1 || request->listen_count + request->target_count + request->option_count > 0)
		usage("--top takes -c FILE or one address");
	command->address = words[0];
}

static void parse(struct command *command, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:tl:T:o:vqVh", long_options, NULL)) != -1)
		take_option(command, option);
	take_words(command, argc - optind, argv + optind);
	if (!command->request.file && command->request.listen_count == 0 &&
	    command->request.target_count == 0)
		command->request.file = DEFAULT_FILE;
	if (command->action == ACTION_PRINT) { /* there is no log */
		command->explains = command->request.louder > 0;
		command->request.louder = 0;
	}
}

/*
 * NULL on failure. The errors are printed then, and *status is the exit status. A start that fails for what
 * may pass is to be tried again, so that is no error of the configuration.
 */
static struct config *load(const struct command *command, int *status)
{
	bool is_start = command->action == ACTION_RUN;
	const char *prefix = command->handed.rehearsal ? "" : "weir: ";
	struct config_errors errors = {.count = 0};
	struct config *config = config_load(&command->request, &errors);

	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s%s\n", prefix, errors.text[i]);
	if (!config && errors.count == 0)
		fputs("weir: out of memory\n", stderr);
	*status = errors.count > 0 && !(errors.may_pass && is_start) ? EXIT_CONFIG : EXIT_FAILURE;
	config_errors_deinit(&errors);
	return config;
}

static int print_test(const struct config *config)
{
	uint64_t nofile = daemon_raise_fds();
	uint64_t max = estimate_max_connections(config, nofile);
	char text[512];

	if (estimate_lack(config, nofile, text, sizeof(text))) {
		fprintf(stderr, "weir: %s\n", text);
		return EXIT_CONFIG;
	}
	if (estimate_shortage(config, nofile, text, sizeof(text)))
		fprintf(stderr, "weir: %s\n", text);
	for (size_t i = 0; i < config->warning_count; i++)
		fprintf(stderr, "weir: may be a mistake: %s\n", config->warnings[i]);
	printf("configuration is good: %zu relays\n", config->relay_count);
	puts(estimate_describe(config, max, text, sizeof(text)));
	return EXIT_SUCCESS;
}

static int act(struct command *command, struct config *config)
{
	int status = EXIT_SUCCESS;

	switch (command->action) {
	case ACTION_TEST:
		status = print_test(config);
		break;
	case ACTION_PRINT:
		if (command->explains)
			config_explain(config, stdout);
		else
			config_print(config, stdout);
		break;
	case ACTION_TOP: /* needs no configuration: see run_top */
		break;
	case ACTION_RUN:
		return daemon_run(config, &command->request, &command->program, &command->handed);
	}
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

/* A program of its own, so that the daemon's host needs neither its libraries nor a terminal. */
static int run_top(const struct command *command)
{
	execlp("weir-top", "weir-top", "-c", command->request.file, command->address, NULL);
	fprintf(stderr, "weir: weir-top cannot be started: %s; expected it in PATH (its package: weir-top)\n",
	        strerror(errno));
	return EXIT_FAILURE;
}

/* Even if weir was started with 0, 1 or 2 closed, no socket may get that number and so receive our log. */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * While relaying pauses, neither users nor folders are looked for, as that may take long. The rehearsal has
 * done so; if the file says something new, a reload does it again. No pair is to end because settings do not
 * load, so those before hold then.
 */
static struct config *load_or_keep(struct command *command, int *status)
{
	struct handed_over *handed = &command->handed;
	const bool pauses = handed_over_any(handed) && !handed->rehearsal;
	struct config *config;

	command->request.only_looks = pauses && handed->has_config;
	config = load(command, status);
	command->request.only_looks = false;
	handed->outdated = !config && pauses;
	return handed->outdated ? handed_over_config(handed) : config;
}

/* What the program before this one has read stands for the file. */
static void take_over(struct command *command)
{
	struct handed_over *handed = &command->handed;
	int error = handed_over_take(handed);

	if (handed->rehearsal)
		rehearsal_end_with_parent();
	if (error == -EINVAL)
		usage(PROGRAM_VARIABLE " is set, but not by weir itself; expected it not to be");
	if (error) {
		fprintf(stderr, "weir: what was handed over cannot be read: %s\n", strerror(-error));
		exit(EXIT_FAILURE);
	}
	if (handed->has_config) {
		command->request.text = handed->config.start ? handed->config.start : "";
		command->request.text_size = handed->config.size;
	}
}

int main(int argc, char **argv)
{
	struct command command = {.action = ACTION_RUN};
	struct config *config;
	sigset_t before;
	int status;

	signals_hold(&before);
	open_standard_fds();
	program_init(&command.program, argv);
	take_over(&command);
	parse(&command, argc, argv);
	if (command.action != ACTION_RUN)
		signals_restore(&before);
	if (command.action == ACTION_TOP)
		return run_top(&command);
	config = load_or_keep(&command, &status);
	if (!config)
		takeover_again(&command.handed, &command.program, NULL);
	command.request.text = NULL; /* a reload reads the file again */
	if (config)
		status = act(&command, config);
	config_put(config);
	handed_over_deinit(&command.handed);
	free(command.request.listen);
	free(command.request.target);
	free(command.request.option);
	return status;
}
