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

/* The local time in ISO 8601. Its offset has a colon, which strftime(3) cannot write. */
static size_t format_time(char *buf, size_t size)
{
	struct timespec now;
	struct tm local = {0};
	char seconds[32];
	long offset;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	offset = labs(local.tm_gmtoff) / 60;
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &local);
	return (size_t)snprintf(buf, size, "%s.%03ld%c%02ld:%02ld", seconds, now.tv_nsec / 1000000,
	                        local.tm_gmtoff < 0 ? '-' : '+', offset / 60, offset % 60);
}

void log_prefix_make(struct log_prefix *prefix, enum log_level level)
{
	size_t length = 0;

	if (stderr_is_journal()) {
		/* sd-daemon(3) uses syslog's numbers, in which an error is 3. */
		prefix->length = (size_t)snprintf(prefix->text, sizeof(prefix->text), "<%d>", (int)level + 3);
		return;
	}
	length = format_time(prefix->text, sizeof(prefix->text));
	prefix->length = length + (size_t)snprintf(prefix->text + length, sizeof(prefix->text) - length,
	                                           " %s ", log_level_name(level));
}
