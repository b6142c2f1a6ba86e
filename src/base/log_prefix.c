#include "build_config.h"

#include "base/log_prefix.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * JOURNAL_STREAM may have been inherited across a redirection. systemd.exec(5) says to compare it with the
 * file.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

/* What log_prefix_hold has found out. */
static _Atomic enum { UNKNOWN, ELSEWHERE, JOURNAL } held;

void log_prefix_hold(void)
{
	held = stderr_is_journal() ? JOURNAL : ELSEWHERE;
}

void log_prefix_release(void)
{
	held = UNKNOWN;
}

static bool goes_to_journal(void)
{
	int known = held;

	return known == UNKNOWN ? stderr_is_journal() : known == JOURNAL;
}

/* The text of one second: the local time in ISO 8601, without the milliseconds in the middle. */
struct second {
	time_t time;
	char until[32], offset[16];
};

/* The offset has a colon, which strftime(3) cannot write. */
static void describe_second(struct second *second, time_t time)
{
	struct tm local = {0};
	char hours[8] = "";

	localtime_r(&time, &local);
	strftime(second->until, sizeof(second->until), "%Y-%m-%dT%H:%M:%S.", &local);
	strftime(hours, sizeof(hours), "%z", &local);
	snprintf(second->offset, sizeof(second->offset), "%.3s:%s ", hours, hours + 3);
	second->time = time;
}

/* Most lines of a busy log fall into the same second as the line before. */
static char *write_time(char *at)
{
	static _Thread_local struct second second = {.time = -1};
	struct timespec now;
	unsigned ms;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second.time)
		describe_second(&second, now.tv_sec);
	ms = (unsigned)(now.tv_nsec / 1000000);
	at = stpcpy(at, second.until);
	*at++ = (char)('0' + ms / 100);
	*at++ = (char)('0' + ms / 10 % 10);
	*at++ = (char)('0' + ms % 10);
	return stpcpy(at, second.offset);
}

void log_prefix_make(struct log_prefix *prefix, enum log_level level)
{
	char *end = prefix->text;

	if (goes_to_journal()) {
		/* sd-daemon(3) uses syslog's numbers, in which an error is 3. */
		*end++ = '<';
		*end++ = (char)('3' + (int)level);
		*end++ = '>';
	} else {
		end = stpcpy(write_time(end), log_level_name(level));
		*end++ = ' ';
	}
	prefix->length = (size_t)(end - prefix->text);
}
