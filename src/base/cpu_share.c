#include "build_config.h"

#include "base/cpu_share.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* See proc(5): nanoseconds run, nanoseconds ready to run, and how often it has run. */
static bool read_schedstat(struct cpu_time *used)
{
	char text[96];
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long long run, ready;

	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	if (sscanf(text, "%llu %llu", &run, &ready) != 2)
		return false;
	*used = (struct cpu_time){run / 1000, ready / 1000};
	return true;
}

/* Some kernels do not count how long a thread was ready to run, and a descriptor may be lacking. */
struct cpu_time cpu_time_used(void)
{
	struct cpu_time used = {0, CPU_TIME_UNKNOWN};
	struct timespec run;

	if (!read_schedstat(&used) && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &run) == 0)
		used.run = (uint64_t)run.tv_sec * 1000000 + (uint64_t)run.tv_nsec / 1000;
	return used;
}

void cpu_share_note(struct cpu_share *share, uint64_t now, struct cpu_time used)
{
	share->at[1] = share->at[0];
	share->used[1] = share->used[0];
	share->at[0] = now;
	share->used[0] = used;
}

static uint64_t ready_since(struct cpu_time then, struct cpu_time now)
{
	return then.ready == CPU_TIME_UNKNOWN || now.ready == CPU_TIME_UNKNOWN ? 0 : now.ready - then.ready;
}

static struct cpu_use use_since(const struct cpu_share *share, int since, uint64_t now, struct cpu_time used)
{
	uint64_t time = now - share->at[since], run = used.run - share->used[since].run;
	uint64_t ready = ready_since(share->used[since], used);

	if (share->at[since] == 0 || time == 0)
		return (struct cpu_use){0, 0};
	return (struct cpu_use){(unsigned)((run + ready) * 1000 / time), (unsigned)(ready * 1000 / time)};
}

struct cpu_use cpu_share_noted(const struct cpu_share *share)
{
	return use_since(share, 1, share->at[0], share->used[0]);
}

struct cpu_use cpu_share_since(const struct cpu_share *share, uint64_t now, struct cpu_time used)
{
	return use_since(share, cpu_share_is_due(share, now) ? 0 : 1, now, used);
}
