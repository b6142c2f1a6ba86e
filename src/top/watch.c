#include "build_config.h"

#include "top/watch.h"

#include "base/clock.h"
#include "base/number.h"
#include "base/printable.h"
#include "base/units.h"
#include "top/fetch.h"
#include "top/screen.h"
#include "top/view.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_WAIT_MS 1000
#define PRINT_WIDTH     80
#define AGAIN_MS        200  /* --once: when to ask again if the report was the same */
#define SAME_MAX_MS     3000 /* for how long: weir makes one a second */

struct watch {
	const struct watch_request *request;
	struct fetch *fetch;
	struct scene now, before;
	bool again; /* the last report was that of now already */
	struct control control;
	struct link link;
	uint64_t next_ms;    /* when to ask again */
	struct filter asked; /* what was asked for last */
	int signals;         /* a descriptor: a signal that ends us has come */
};

static void tell_time(char buf[16])
{
	time_t now = time(NULL);
	struct tm local = {0};

	localtime_r(&now, &local);
	strftime(buf, 16, "%H:%M:%S", &local);
}

static void take_error(struct watch *watch, const char *error)
{
	if (!watch->link.error[0])
		tell_time(watch->link.since);
	snprintf(watch->link.error, sizeof(watch->link.error), "%s", error);
	printable_line(watch->link.error, strlen(watch->link.error));
}

/* The same moment comes again if it is asked for more often than weir looks; it replaces itself then. */
static void take_scene(struct watch *watch, struct scene *scene)
{
	watch->again = scene->pid == watch->now.pid && scene->uptime_ms == watch->now.uptime_ms;
	if (!watch->again) {
		scene_deinit(&watch->before);
		watch->before = watch->now;
		watch->now = (struct scene){.relays = NULL};
	}
	scene_deinit(&watch->now);
	watch->now = *scene;
	scene_compare(&watch->now, &watch->before);
	watch->link.error[0] = '\0';
	watch->link.reached = true;
}

static void take_report(struct watch *watch, const char *text, size_t length)
{
	struct scene scene;
	int error = scene_parse(text, length, &scene);

	if (error)
		take_error(watch, error == -ENOMEM ? "out of memory" : "what answers there is no weir");
	else
		take_scene(watch, &scene);
}

/* Whether something has come. */
static bool take_answer(struct watch *watch)
{
	const char *text, *error;
	size_t length;

	switch (fetch_take(watch->fetch, &text, &length, &error)) {
	case FETCHED_NOTHING:
		return false;
	case FETCHED_REPORT:
		take_report(watch, text, length);
		break;
	case FETCHED_ERROR:
		take_error(watch, error);
		break;
	}
	tell_time(watch->link.now);
	return true;
}

static void ask(struct watch *watch)
{
	const struct filter *filter = &watch->control.filter;

	watch->asked = *filter;
	watch->next_ms = clock_ms() + watch->request->interval_ms;
	if (fetch_start(watch->fetch, watch->request->count, filter->is_name ? filter->text : NULL) != 0)
		take_error(watch, "out of memory");
}

static void ask_in_time(struct watch *watch)
{
	const struct filter *filter = &watch->control.filter;
	bool other =
	        strcmp(filter->text, watch->asked.text) != 0 && (filter->is_name || watch->asked.is_name);

	if (other ||
	    (clock_ms() >= watch->next_ms && !fetch_is_under_way(watch->fetch) && !watch->control.holds))
		ask(watch);
}

static int until_next(const struct watch *watch)
{
	uint64_t now = clock_ms();

	if (fetch_is_under_way(watch->fetch) || watch->control.holds)
		return LONGEST_WAIT_MS;
	return watch->next_ms > now ? (int)min_u64(watch->next_ms - now, LONGEST_WAIT_MS) : 0;
}

static void draw(struct watch *watch)
{
	struct canvas canvas;
	int width, height;

	screen_size(&width, &height);
	if (width < 1 || height < 1 || canvas_init(&canvas, width, height, screen_is_ascii()) != 0)
		return;
	view_draw(&canvas, &watch->now, &watch->control, &watch->link);
	screen_show(&canvas);
	canvas_deinit(&canvas);
}

static bool take_keys(struct watch *watch)
{
	bool any = false;
	int key;

	while ((key = screen_key()) != PRESS_NONE) {
		control_press(&watch->control, key, &watch->now);
		any = true;
	}
	return any;
}

/* False once a signal has come, or the terminal has gone. */
static bool wait_for_news(struct watch *watch)
{
	struct curl_waitfd fds[] = {{STDIN_FILENO, CURL_WAIT_POLLIN, 0},
	                            {watch->signals, CURL_WAIT_POLLIN, 0}};

	fetch_wait(watch->fetch, fds, 2, until_next(watch));
	return !fds[1].revents && !(fds[0].revents & (POLLHUP | POLLERR));
}

/* Signals that end us leave the terminal as it was. Those that somebody wants ignored, stay ignored. */
static int take_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch_terminal(struct watch *watch)
{
	const char *problem;

	watch->signals = take_signals();
	if (watch->signals < 0) {
		perror("weir-top: signalfd");
		return EXIT_FAILURE;
	}
	problem = screen_open();
	if (problem) {
		fprintf(stderr, "weir-top: %s\n", problem);
		return EXIT_FAILURE;
	}
	draw(watch);
	while (!watch->control.quits) {
		bool news;

		ask_in_time(watch);
		if (!wait_for_news(watch))
			break;
		news = take_keys(watch);
		if (take_answer(watch) || news)
			draw(watch);
	}
	screen_close();
	return EXIT_SUCCESS;
}

/* Where even asking has failed, nothing will come. */
static bool ask_and_wait(struct watch *watch)
{
	ask(watch);
	while (fetch_is_under_way(watch->fetch) && !take_answer(watch))
		fetch_wait(watch->fetch, NULL, 0, LONGEST_WAIT_MS);
	if (!watch->link.error[0])
		return true;
	fprintf(stderr, "weir-top: %s: %s\n", watch->request->place.text, watch->link.error);
	return false;
}

static int print_width(void)
{
	struct winsize size = {0};
	const char *columns = getenv("COLUMNS");
	uint64_t number;

	if (columns && units_parse_number(columns, &number) == 0 && number > 0 && number < 1000)
		return (int)number;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return PRINT_WIDTH;
}

static void rest(uint64_t milliseconds)
{
	const struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000 * 1000000)};

	nanosleep(&pause, NULL);
}

/* Rates need two moments, and weir may still give the first one when it is asked again. */
static bool see_two_moments(struct watch *watch)
{
	uint64_t limit;

	if (!ask_and_wait(watch))
		return false;
	rest(watch->request->interval_ms);
	limit = clock_ms() + SAME_MAX_MS;
	while (ask_and_wait(watch)) {
		if (!watch->again || clock_ms() >= limit)
			return true;
		rest(AGAIN_MS);
	}
	return false;
}

static int print_once(struct watch *watch)
{
	struct canvas canvas;

	if (!see_two_moments(watch))
		return EXIT_FAILURE;
	if (canvas_init(&canvas, print_width(), view_height(&watch->now), screen_is_ascii()) != 0)
		return EXIT_FAILURE;
	view_print(&canvas, &watch->now, &watch->control, &watch->link);
	canvas_print(&canvas, stdout);
	canvas_deinit(&canvas);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* All of it in the end, however it ends. */
static int run(const struct watch_request *request, int (*body)(struct watch *))
{
	struct watch watch = {
	        .request = request, .control.filter = request->filter, .link.where = request->place.text};
	int status = EXIT_FAILURE;

	curl_global_init(CURL_GLOBAL_ALL);
	watch.fetch = fetch_new(&request->place);
	if (watch.fetch)
		status = body(&watch);
	else
		fputs("weir-top: out of memory\n", stderr);
	fetch_free(watch.fetch);
	scene_deinit(&watch.now);
	scene_deinit(&watch.before);
	curl_global_cleanup();
	return status;
}

int watch_run(const struct watch_request *request)
{
	return run(request, watch_terminal);
}

int watch_print(const struct watch_request *request)
{
	return run(request, print_once);
}
