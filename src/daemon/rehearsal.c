#include "build_config.h"

#include "daemon/rehearsal.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"
#include "base/printable.h"
#include "base/signals.h"
#include "daemon/handed_over.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a child that was killed may take to be gone. After that it is left alone. */
#define KILLED_MS 1000

/* Bytes of what the child has said last: the mistakes of a file, and its last line. */
#define WORDS_MAX 4096
#define LAST_MAX  1024

struct rehearsal {
	pid_t child;
	int handle; /* pidfd_open(2) */
	int words;  /* what it writes to standard error */
	struct event *ended, *said, *deadline;
	unsigned long deadline_ms;
	bool killed, cut; /* text has lost what came first */
	size_t length;
	char text[WORDS_MAX + 1];
	rehearsal_done *done;
	void *arg;
};

/* ---- the child ---- */

void rehearsal_end_with_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/*
 * If there is not memory enough for both, it is the child that goes. If the program's file has capabilities,
 * the files below /proc are root's until the process may be dumped. The next execve(2) decides that anew.
 */
static void offer_oneself(void)
{
	static const char most[] = "1000";
	int fd;

	(void)prctl(PR_SET_DUMPABLE, 1);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, most, sizeof(most) - 1);
	close(fd);
}

/* The lowest number from fd on of those that the program needs. INT_MAX: it needs none. */
static int next_needed(const struct rehearsal_play *play, int fd)
{
	int next = play->program >= fd ? play->program : INT_MAX;

	for (size_t i = 0; i < play->file_count; i++)
		if (play->files[i] >= fd && play->files[i] < next)
			next = play->files[i];
	return next;
}

/*
 * All of ours are close-on-exec, but the program may have to come from a slow disk first. For as long, no
 * reset would reach a peer.
 */
static void close_others(const struct rehearsal_play *play)
{
	int fd = STDERR_FILENO + 1, needed;

	while ((needed = next_needed(play, fd)) < INT_MAX) {
		if (needed > fd)
			(void)close_range((unsigned)fd, (unsigned)needed - 1, 0);
		fd = needed + 1;
	}
	(void)close_range((unsigned)fd, ~0U, 0);
}

/*
 * fork(2) copies one thread only, so nothing may be called here that another thread may have been in the
 * middle of.
 */
static void play(const struct rehearsal_play *play, int words, pid_t parent)
{
	static const char why[] = "cannot be executed: ";
	const char *error;

	rehearsal_end_with_parent();
	if (getppid() != parent)
		_exit(EXIT_FAILURE); /* it has ended before */
	offer_oneself();
	(void)dup2(words, STDOUT_FILENO);
	(void)dup2(words, STDERR_FILENO);
	close_others(play);
	handed_over_pass_on(play->files, play->file_count);
	execveat(play->program, "", play->argv, play->environment, AT_EMPTY_PATH);
	error = strerrordesc_np(errno);
	if (write(STDERR_FILENO, why, sizeof(why) - 1) > 0)
		(void)!write(STDERR_FILENO, error, strlen(error));
	_exit(EXIT_FAILURE);
}

/*
 * Signals are held: before the child is another program, it would pass them on to the handlers of this one.
 * A child that was once left alone is reaped here. If SIGCHLD were ignored, no end would be reported.
 */
static int start(struct rehearsal *rehearsal, const struct rehearsal_play *what)
{
	sigset_t before;
	const pid_t parent = getpid();
	int words[2];

	(void)signal(SIGCHLD, SIG_DFL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (pipe2(words, O_CLOEXEC) < 0)
		return -errno;
	rehearsal->words = words[0];
	(void)fcntl(words[0], F_SETFL, O_NONBLOCK);
	signals_hold(&before);
	rehearsal->child = fork();
	if (rehearsal->child == 0)
		play(what, words[1], parent);
	signals_restore(&before);
	if (rehearsal->child > 0)
		rehearsal->handle = pidfd_open(rehearsal->child, 0);
	if (rehearsal->child < 0 || rehearsal->handle < 0) {
		int error = -errno;

		close(words[1]);
		return error;
	}
	close(words[1]);
	return 0;
}

/* ---- what it says ---- */

/* Only the end matters. */
static void keep(struct rehearsal *rehearsal, const char *text, size_t size)
{
	if (rehearsal->length + size > WORDS_MAX) {
		size_t over = rehearsal->length + size - WORDS_MAX;

		memmove(rehearsal->text, rehearsal->text + over, rehearsal->length - over);
		rehearsal->length -= over;
		rehearsal->cut = true;
	}
	memcpy(rehearsal->text + rehearsal->length, text, size);
	rehearsal->length += size;
}

static void hear(struct rehearsal *rehearsal)
{
	char text[WORDS_MAX / 2];
	ssize_t n;

	while ((n = read(rehearsal->words, text, sizeof(text))) > 0)
		keep(rehearsal, text, (size_t)n);
	if (n == 0)
		event_del(rehearsal->said);
}

EVENT_CALLBACK(on_said, struct rehearsal, rehearsal)
{
	hear(rehearsal);
}

/* The last line, or the end of it. NULL: it has said nothing. */
static const char *last_line(struct rehearsal *rehearsal)
{
	char *text = rehearsal->text, *newline;
	size_t length;

	while (rehearsal->length > 0 && text[rehearsal->length - 1] == '\n')
		rehearsal->length--;
	text[rehearsal->length] = '\0';
	newline = memrchr(text, '\n', rehearsal->length);
	if (newline)
		text = newline + 1;
	length = strlen(text);
	text += length - min_u64(length, LAST_MAX);
	printable_line(text, strlen(text));
	return *text ? text : NULL;
}

/* All whole lines before the last one, which alone is the reason: a file may have many mistakes. */
static void log_lines_before(struct rehearsal *rehearsal, const char *last)
{
	char *line = rehearsal->text, *end;
	bool whole = !rehearsal->cut;

	while (line < last && (end = memchr(line, '\n', (size_t)(last - line)))) {
		*end = '\0';
		printable_line(line, (size_t)(end - line));
		if (whole && *line)
			log_error("the rehearsal has said: %s", line);
		whole = true;
		line = end + 1;
	}
}

/* ---- its end ---- */

/* What it has said, if that is no claim that all is well. */
static const char *complaint(const char *said)
{
	return said && strcmp(said, REHEARSAL_WORD) != 0 ? said : NULL;
}

/* Whoever kills it does so at any moment: what it has said before may have nothing to do with it. */
static const char *describe_end(const siginfo_t *end, const char *said, char *text, size_t size)
{
	if (end->si_code != CLD_EXITED)
		snprintf(text, size, "it was killed by signal %d%s%s", end->si_status,
		         said ? ", after it had said: " : "", said ? said : "");
	else if (end->si_status == EXIT_SUCCESS)
		snprintf(text, size, "it is no program that can take over");
	else if (!said)
		snprintf(text, size, "it has ended with status %d", end->si_status);
	else
		return said;
	return text;
}

/* NULL: it has succeeded. Else why not, in text or in what it has said. */
static const char *judge(struct rehearsal *rehearsal, const siginfo_t *end, char *text, size_t size)
{
	const char *said = last_line(rehearsal);

	if (end->si_code == CLD_EXITED && end->si_status == EXIT_SUCCESS && said &&
	    strcmp(said, REHEARSAL_WORD) == 0)
		return NULL;
	if (rehearsal->killed) {
		snprintf(text, size, "it has not ended within %lu ms", rehearsal->deadline_ms);
		return text;
	}
	if (said && end->si_code == CLD_EXITED && end->si_status != EXIT_SUCCESS)
		log_lines_before(rehearsal, said);
	return describe_end(end, complaint(said), text, size);
}

EVENT_CALLBACK(on_ended, struct rehearsal, rehearsal)
{
	siginfo_t end = {.si_pid = 0};
	char text[LAST_MAX + 64];

	if (waitid(P_PIDFD, (id_t)rehearsal->handle, &end, WEXITED | WNOHANG) < 0 || end.si_pid == 0)
		end = (siginfo_t){.si_code = CLD_EXITED, .si_status = EXIT_FAILURE};
	rehearsal->child = 0;
	hear(rehearsal);
	rehearsal->done(rehearsal->arg, judge(rehearsal, &end, text, sizeof(text)));
}

static void end_child(struct rehearsal *rehearsal)
{
	if (rehearsal->child > 0)
		(void)kill(rehearsal->child, SIGKILL);
}

EVENT_CALLBACK(on_deadline, struct rehearsal, rehearsal)
{
	if (rehearsal->killed) {
		rehearsal->done(rehearsal->arg, "it does not end, not even when it is killed");
		return;
	}
	rehearsal->killed = true;
	end_child(rehearsal);
	evloop_set_timer(rehearsal->deadline, KILLED_MS);
}

/* ---- life ---- */

static int watch(struct rehearsal *rehearsal, struct event_base *base)
{
	rehearsal->ended = event_new(base, rehearsal->handle, EV_READ, on_ended, rehearsal);
	rehearsal->said = event_new(base, rehearsal->words, EV_READ | EV_PERSIST, on_said, rehearsal);
	rehearsal->deadline = event_new(base, -1, 0, on_deadline, rehearsal);
	if (!rehearsal->ended || !rehearsal->said || !rehearsal->deadline ||
	    event_add(rehearsal->ended, NULL) < 0 || event_add(rehearsal->said, NULL) < 0)
		return -ENOMEM;
	evloop_set_timer(rehearsal->deadline, rehearsal->deadline_ms);
	return 0;
}

struct rehearsal *rehearsal_new(struct event_base *base, const struct rehearsal_play *play,
                                unsigned long deadline_ms, rehearsal_done *done, void *arg)
{
	struct rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));
	int error = rehearsal ? 0 : -ENOMEM;

	if (rehearsal) {
		rehearsal->handle = rehearsal->words = -1;
		rehearsal->deadline_ms = deadline_ms;
		rehearsal->done = done;
		rehearsal->arg = arg;
		error = start(rehearsal, play);
	}
	if (!error)
		error = watch(rehearsal, base);
	if (!error)
		return rehearsal;
	rehearsal_free(rehearsal);
	errno = -error;
	return NULL;
}

void rehearsal_free(struct rehearsal *rehearsal)
{
	if (!rehearsal)
		return;
	end_child(rehearsal);
	evloop_free_event(rehearsal->ended);
	evloop_free_event(rehearsal->said);
	evloop_free_event(rehearsal->deadline);
	if (rehearsal->handle >= 0)
		close(rehearsal->handle);
	if (rehearsal->words >= 0)
		close(rehearsal->words);
	free(rehearsal);
}
