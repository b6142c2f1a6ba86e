#include "build_config.h"

#include "base/cpu_share.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* See proc(5): nanoseconds run, nanoseconds ready to run, and how often it has run. */
static bool read_schedstat(uint64_t *run, uint64_t *ready)
{
	char text[96];
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long long times[2];

	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	if (sscanf(text, "%llu %llu", &times[0], &times[1]) != 2)
		return false;
	*run = times[0];
	*ready = times[1];
	return true;
}

/* Some kernels do not count how long a thread was ready to run. */
uint64_t cpu_wanted_us(void)
{
	uint64_t run, ready;
	struct timespec used;

	if (read_schedstat(&run, &ready))
		return (run + ready) / 1000;
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

void cpu_share_note(struct cpu_share *share, uint64_t now, uint64_t wanted)
{
	share->at[1] = share->at[0];
	share->wanted[1] = share->wanted[0];
	share->at[0] = now;
	share->wanted[0] = wanted;
}

unsigned cpu_share_wanted(const struct cpu_share *share, uint64_t now, uint64_t wanted)
{
	int since = cpu_share_is_due(share, now) ? 0 : 1;

	if (share->at[since] == 0)
		return 0;
	return (unsigned)((wanted - share->wanted[since]) * 1000 / (now - share->at[since]));
}
