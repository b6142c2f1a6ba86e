#include "build_config.h"

#include "daemon/takeover_again.h"

#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 50 /* before the first; each later one waits for so much longer */
#define LOG_MS   100

void takeover_rest(unsigned attempts)
{
	const struct timespec pause = {.tv_nsec = (long)(attempts + 1) * PAUSE_MS * 1000000};

	(void)nanosleep(&pause, NULL);
}

static void execute(const struct handed_over *handed, const struct program *program)
{
	char *value = handed_over_describe_again(handed);
	int fd = value ? open("/proc/self/exe", O_PATH | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)program_execute(program, fd, value);
		close(fd);
	}
	free(value);
}

void takeover_again(const struct handed_over *handed, const struct program *program,
                    struct inheritance *inheritance)
{
	if (!handed_over_any(handed) || handed->rehearsal || handed->attempt >= TAKEOVER_ATTEMPTS)
		return;
	handed_over_pass_on_again(handed);
	if (inheritance)
		inheritance_give_back(inheritance);
	(void)log_flush(LOG_MS);
	takeover_rest(handed->attempt);
	execute(handed, program);
	takeover_rest(handed->attempt);
	execute(handed, program); /* it may have lacked memory itself */
}
