#include "build_config.h"

#include "fuzz_pairs.h"

#include "base/evloop.h"
#include "flow/pipe_pool.h"
#include "fuzz.h"
#include "pair/pair_state.h"
#include "relay/generation.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH (64 * 1024)
#define FIRST   100 /* of the descriptors that are inherited */
#define LAST    105

static const char settings[] =
        "[relay db]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:1\ntarget = 127.0.0.1:2\n"
        "target = unix:/nowhere\nretry_time = 10s\naccept_proxy = 0.0.0.0/0\n";

static struct generation *generation;
static struct budget budget;
static struct slots slots, pipe_slots;
static struct pipe_pool pipes;
static struct pair_set set;

static struct config *load(void)
{
	struct config_errors errors = {.count = 0};
	struct config *config = config_load_text("fuzz", settings, strlen(settings), &errors);

	config_errors_deinit(&errors);
	fuzz_require(config != NULL);
	return config;
}

static void note_ended(void *arg)
{
	(void)arg;
}

/* libevent warns of calls that make no sense. */
static void take_warning(int severity, const char *message)
{
	(void)message;
	fuzz_require(severity < EVENT_LOG_WARN);
}

/* What all inputs share. */
static void prepare(void)
{
	struct config *config;

	if (generation)
		return;
	event_set_log_callback(take_warning);
	config = load();
	generation = generation_new(config, standings_new(1, NULL), NULL, NULL);
	fuzz_require(generation != NULL);
	config_put(config);
	budget_init(&budget, 1024 * 1024);
	slots_init(&slots, 0);
	slots_init(&pipe_slots, 0);
	pipe_pool_init(&pipes, &pipe_slots);
	set.io = (struct flow_io){
	        .base = evloop_new(), .budget = &budget, .pipes = &pipes, .scratch_size = SCRATCH};
	set.io.scratch = malloc(SCRATCH);
	set.ended = note_ended;
	fuzz_require(set.io.base && set.io.scratch);
}

static struct relay *find_relay(void *arg, uint64_t number, const char *name)
{
	(void)arg;
	return number == 1 && strcmp(name, "db") == 0 ? generation->relays[0] : NULL;
}

bool fuzz_pairs_come(struct state_reader *reader)
{
	return pair_is_next(reader) || strcmp(state_peek(reader), "pairs") == 0;
}

static void take_all(struct state_reader *reader)
{
	struct pair_restoring restoring = {.all = &slots, .find_relay = find_relay};

	if (!pair_is_next(reader))
		(void)pair_set_restore(&set, &restoring, reader);
	while (pair_is_next(reader)) {
		int error = pair_restore(&set, &restoring, reader);

		fuzz_require(error == 0 || error == -EPROTO);
		fuzz_require(!state_is_rehearsal(reader) || error == 0 || state_error(reader));
	}
	pair_set_continue(&set, &restoring);
}

/* Whatever they were, nothing of them is left. */
static void require_nothing_left(void)
{
	fuzz_require(set.count == 0 && LIST_EMPTY(&set.pairs));
	fuzz_require(slots_used(&slots) == 0 && slots_used(&pipe_slots) == 0);
	fuzz_require(slots_used(&generation->relays[0]->standing->slots) == 0);
	fuzz_require(budget_used(&budget) == 0);
	fuzz_require(generation->references.count == 1);
	/* Memory of one that is left would be written to by libevent. */
	fuzz_require(event_base_get_num_events(set.io.base,
	                                       EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE) == 0);
}

void fuzz_take_pairs(struct state_reader *reader)
{
	prepare();
	fuzz_require(pair_set_init(&set, 1) == 0);
	take_all(reader);
	pair_set_deinit(&set);
	/* libevent finalizes freed bufferevents in the next pass. */
	event_base_loop(set.io.base, EVLOOP_NONBLOCK);
	pipe_pool_deinit(&pipes);
	require_nothing_left();
	pipe_pool_init(&pipes, &pipe_slots);
}

static void move(int from, int to)
{
	fuzz_require(dup2(from, to) == to && close(from) == 0);
}

void fuzz_inherit(void)
{
	int fds[2];

	for (int fd = FIRST; fd < LAST; fd += 2) {
		fuzz_require((fd < LAST - 1 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds)
		                            : pipe2(fds, O_NONBLOCK)) == 0);
		move(fds[0], fd);
		move(fds[1], fd + 1);
	}
}

/* Those that were claimed, and are close-on-exec since, are closed by now. */
void fuzz_close_inherited(void)
{
	for (int fd = FIRST; fd <= LAST; fd++) {
		int flags = fcntl(fd, F_GETFD);

		fuzz_require(flags < 0 || !(flags & FD_CLOEXEC));
		close(fd);
	}
}
