#include "build_config.h"

#include "daemon/takeover.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/signals.h"
#include "daemon/handed_over.h"
#include "daemon/takeover_reading.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the file and the program may take to be read, or whatever is under way to end. */
#define WAIT_MS 10000
#define POLL_MS 10
/* With this much in queues, in bytes, it is worth waiting until they are shorter, and for how long. */
#define HUSH_BYTES ((uint64_t)16 << 20)
#define HUSH_MS    100
/* How long the log may take to be written. All peers wait for it. */
#define LOG_MS        100
#define LOG_UNWRITTEN "the log cannot be written"

#define WHY_MAX 1280

/* ---- the end ---- */

/* What a worker that is late still reads must stay as it is. */
static void leave_saving(struct takeover *takeover)
{
	if (!takeover->saving || parking_is_busy(takeover->parts.parking))
		return;
	takeover->saving = false;
	takeover->calls->saving(takeover->arg, false);
}

static void end_saving(struct takeover *takeover)
{
	parking_end(takeover->parts.parking);
	leave_saving(takeover);
}

static void clean_up(struct takeover *takeover)
{
	enum takeover_step step = takeover->step;

	takeover->step = TAKEOVER_NOTHING;
	takeover->reading = NULL;
	event_del(takeover->timer);
	rehearsal_free(takeover->rehearsal);
	takeover->rehearsal = NULL;
	end_saving(takeover);
	takeover_files_close(&takeover->files);
	if (takeover->program >= 0)
		close(takeover->program);
	takeover->program = -1;
	if (takeover->hushed)
		takeover->calls->hush(takeover->arg, false);
	takeover->hushed = false;
	if (step >= TAKEOVER_PARKING)
		signals_deliver();
	if (takeover->held)
		takeover->calls->go_on(takeover->arg);
	takeover->held = false;
}

__attribute__((format(printf, 2, 3))) static void fail(struct takeover *takeover, const char *format, ...)
{
	char why[WHY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	clean_up(takeover);
	takeover->calls->failed(takeover->arg, takeover->only_if_changed, why);
}

void takeover_give_up(struct takeover *takeover)
{
	if (takeover_is_under_way(takeover))
		clean_up(takeover);
}

static void enter(struct takeover *takeover, enum takeover_step step, unsigned long milliseconds)
{
	takeover->step = step;
	takeover->deadline = clock_ms() + milliseconds;
	evloop_set_timer(takeover->timer, milliseconds);
}

static bool is_late(const struct takeover *takeover)
{
	return clock_ms() >= takeover->deadline;
}

/* ---- the state ---- */

static int save_main(struct takeover *takeover, enum state_purpose purpose)
{
	struct state_writer writer;
	int error = state_writer_init(&writer, takeover->files.fds[TAKEOVER_MAIN], purpose);

	if (error)
		return error;
	takeover->calls->save(takeover->arg, &writer);
	return state_writer_finish(&writer);
}

static void take_all_saved(struct takeover *takeover);

static void save(struct takeover *takeover, enum takeover_step step, enum state_purpose purpose)
{
	const struct takeover_parts *parts = &takeover->parts;

	enter(takeover, step, parts->save_ms);
	takeover->saving = true;
	takeover->calls->saving(takeover->arg, true);
	parking_begin(parts->parking, purpose, &takeover->files.fds[TAKEOVER_FIRST_PART]);
	takeover->unsaved = parts->worker_count;
	for (unsigned i = 0; i < parts->worker_count; i++)
		worker_order(parts->workers[i], WORKER_SAVE);
	if (parts->worker_count == 0)
		take_all_saved(takeover);
}

void takeover_take_saved(struct takeover *takeover, const struct worker_answer *answer)
{
	if (!parking_is_in(takeover->parts.parking, answer->round))
		leave_saving(takeover);
	else if (answer->error)
		fail(takeover, "worker %u cannot save its state: %s", answer->worker,
		     strerror(-answer->error));
	else if (--takeover->unsaved == 0)
		take_all_saved(takeover);
}

static void fail_for_workers(struct takeover *takeover)
{
	const struct takeover_parts *parts = &takeover->parts;
	unsigned stuck = 0;

	while (stuck + 1 < parts->worker_count && worker_has_taken(parts->workers[stuck], WORKER_SAVE))
		stuck++;
	fail(takeover, "worker %u has not saved its state within %lu ms", stuck, parts->save_ms);
}

/* ---- leaving ---- */

/* Returns only if it fails: -errno. */
static int leave(struct takeover *takeover)
{
	const struct takeover_files *files = &takeover->files;
	char *value = handed_over_describe(false, files->fds, files->count);
	int error = -ENOMEM;

	handed_over_pass_on(files->fds, files->count);
	if (value)
		error = program_execute(takeover->parts.program, takeover->program, value);
	free(value);
	return error;
}

static void save_and_leave(struct takeover *takeover)
{
	const char *obstacle = takeover->calls->obstacle(takeover->arg);
	int error;

	if (obstacle) {
		fail(takeover, "%s", obstacle);
		return;
	}
	error = save_main(takeover, STATE_CARRY);
	if (!error)
		error = takeover_files_seal_state(&takeover->files);
	if (!error && !log_flush(LOG_MS))
		error = -ETIME;
	if (!error)
		error = leave(takeover);
	program_close_all_on_exec();
	if (error == -ETIME)
		fail(takeover, LOG_UNWRITTEN);
	else
		fail(takeover, "the program cannot be executed: %s", strerror(-error));
}

static void park(struct takeover *takeover)
{
	int error = takeover_files_make_state(&takeover->files);

	if (error) {
		fail(takeover, "no memory file can be made: %s", strerror(-error));
		return;
	}
	takeover->parked_us = clock_us();
	takeover->hushed_ms = clock_ms() - takeover->deadline + HUSH_MS;
	signals_hold(NULL);
	save(takeover, TAKEOVER_PARKING, STATE_CARRY);
}

/* ---- less in queues ---- */

static void look_at_queues(struct takeover *takeover)
{
	bool is_quiet = takeover->calls->hold(takeover->arg);
	uint64_t queued = budget_used(takeover->parts.budget), before = takeover->queued;

	takeover->queued = queued;
	if (is_late(takeover) || (is_quiet && (queued < HUSH_BYTES || queued >= before)))
		park(takeover);
	else
		evloop_set_timer(takeover->timer, POLL_MS);
}

static void hush(struct takeover *takeover)
{
	takeover->held = true;
	takeover->hushed = budget_used(takeover->parts.budget) >= HUSH_BYTES;
	if (takeover->hushed)
		takeover->calls->hush(takeover->arg, true);
	takeover->queued = UINT64_MAX;
	enter(takeover, TAKEOVER_HUSHING, HUSH_MS);
	look_at_queues(takeover);
}

/* ---- rehearsing ---- */

static void wait_for(struct takeover *takeover, enum takeover_step step);

static void take_rehearsed(void *arg, const char *why)
{
	struct takeover *takeover = arg;

	if (why) {
		fail(takeover, "the rehearsal failed: %s", why);
		return;
	}
	rehearsal_free(takeover->rehearsal);
	takeover->rehearsal = NULL;
	takeover->rehearsal_ms = clock_ms() - takeover->rehearsal_ms;
	takeover_files_close_state(&takeover->files);
	wait_for(takeover, TAKEOVER_REHEARSED);
}

static void rehearse(struct takeover *takeover)
{
	const struct takeover_files *files = &takeover->files;
	char *value = handed_over_describe(true, files->fds, files->count);
	struct rehearsal_play play = {.program = takeover->program,
	                              .argv = takeover->parts.program->argv,
	                              .environment = value ? program_environment(value) : NULL,
	                              .files = files->fds,
	                              .file_count = files->count};
	int error = play.environment ? takeover_files_seal_state(&takeover->files) : -ENOMEM;

	takeover->step = TAKEOVER_REHEARSING;
	takeover->rehearsal_ms = clock_ms(); /* its beginning, until it has ended */
	event_del(takeover->timer);
	if (!error) {
		takeover->rehearsal = rehearsal_new(takeover->parts.base, &play, takeover->parts.rehearsal_ms,
		                                    take_rehearsed, takeover);
		error = takeover->rehearsal ? 0 : -errno;
	}
	program_free_environment(play.environment);
	free(value);
	if (error)
		fail(takeover, "no rehearsal can be made: %s", strerror(-error));
}

static void save_for_rehearsal(struct takeover *takeover)
{
	int error = takeover_files_make_state(&takeover->files);

	if (!error)
		error = save_main(takeover, STATE_REHEARSE);
	if (error)
		fail(takeover, "the state cannot be saved: %s", strerror(-error));
	else
		save(takeover, TAKEOVER_SAVING, STATE_REHEARSE);
}

/* Workers that are parked still wait. The next pass of the main loop takes signals that have come before. */
static void take_all_saved(struct takeover *takeover)
{
	if (takeover->step == TAKEOVER_PARKING) {
		enter(takeover, TAKEOVER_LEAVING, 0);
		return;
	}
	end_saving(takeover);
	rehearse(takeover);
}

/* ---- waiting ---- */

static const char *find_obstacle(const struct takeover *takeover)
{
	if (takeover->saving)
		return "a worker has not saved its state yet, for the attempt before";
	if (log_is_behind())
		return LOG_UNWRITTEN; /* better now than when all peers wait for it */
	return takeover->calls->obstacle(takeover->arg);
}

static void look_for_obstacle(struct takeover *takeover)
{
	const char *obstacle = find_obstacle(takeover);

	if (obstacle && is_late(takeover))
		fail(takeover, "%s", obstacle);
	else if (obstacle)
		evloop_set_timer(takeover->timer, POLL_MS);
	else if (takeover->step == TAKEOVER_WAITING)
		save_for_rehearsal(takeover);
	else
		hush(takeover);
}

static void wait_for(struct takeover *takeover, enum takeover_step step)
{
	enter(takeover, step, WAIT_MS);
	look_for_obstacle(takeover);
}

/* ---- reading ---- */

static void take_read(void *arg, const struct takeover_reading *reading, struct takeover_read *read)
{
	struct takeover *takeover = arg;

	if (takeover->reading != reading)
		return;
	takeover->reading = NULL;
	takeover->only_if_changed = false;
	if (read->unchanged) {
		clean_up(takeover);
		takeover->calls->unchanged(takeover->arg);
		return;
	}
	if (read->error) {
		fail(takeover, "%s: %s", read->failed, strerror(-read->error));
		return;
	}
	takeover->program = read->program;
	takeover->files.fds[TAKEOVER_CONFIG] = read->config;
	read->program = read->config = -1; /* consumed */
	wait_for(takeover, TAKEOVER_WAITING);
}

void takeover_begin(struct takeover *takeover, bool only_if_changed)
{
	const struct takeover_request request = {takeover->parts.program, takeover->parts.file,
	                                         only_if_changed};

	takeover->only_if_changed = only_if_changed;
	enter(takeover, TAKEOVER_READING, WAIT_MS);
	takeover->reading = takeover_reading_begin(takeover->jobs, &request, take_read, takeover);
	if (!takeover->reading)
		fail(takeover, "nothing can be read: %s", strerror(errno));
}

/* ---- life ---- */

EVENT_CALLBACK(on_timer, struct takeover, takeover)
{
	switch (takeover->step) {
	case TAKEOVER_NOTHING:
	case TAKEOVER_REHEARSING:
		break;
	case TAKEOVER_READING:
		fail(takeover, "the program and the configuration were not read within %d ms", WAIT_MS);
		break;
	case TAKEOVER_WAITING:
	case TAKEOVER_REHEARSED:
		look_for_obstacle(takeover);
		break;
	case TAKEOVER_HUSHING:
		look_at_queues(takeover);
		break;
	case TAKEOVER_SAVING:
	case TAKEOVER_PARKING:
		fail_for_workers(takeover);
		break;
	case TAKEOVER_LEAVING:
		save_and_leave(takeover);
	}
}

int takeover_init(struct takeover *takeover)
{
	takeover->program = -1;
	takeover->timer = event_new(takeover->parts.base, -1, 0, on_timer, takeover);
	takeover->jobs = jobs_new(takeover->parts.base, 1);
	if (!takeover->timer || !takeover->jobs)
		return -ENOMEM;
	return takeover_files_init(&takeover->files, takeover->parts.worker_count);
}

bool takeover_deinit(struct takeover *takeover)
{
	bool ended;

	takeover_give_up(takeover);
	ended = jobs_free(takeover->jobs);
	evloop_free_event(takeover->timer);
	takeover_files_deinit(&takeover->files);
	return ended;
}
