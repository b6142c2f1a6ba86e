#include "build_config.h"

#include "worker/worker_private.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/evmemory.h"
#include "base/thread.h"
#include "worker/handover.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The most bytes that one read takes. Measured (bench/): a smaller buffer costs more calls, a larger one does
 * not fit into the second-level cache.
 */
#define SCRATCH_SIZE (256 * 1024)
/* For how many pairs the kernel's queues are asked before other events are served. */
#define SURVEY_BATCH 32

/* ---- clients ---- */

/* If there is no memory for all sockets of that worker, none is taken until the order comes again. */
static void stand_in_for(struct worker *worker, unsigned whose, bool due)
{
	worker->stands_in[whose] = due && adoption_stand_in(worker->current, &worker->acceptors, whose) == 0;
	if (!worker->stands_in[whose])
		acceptors_leave(&worker->acceptors, whose);
}

static void stand_in(struct worker *worker)
{
	for (unsigned i = 0; i < worker->context->worker_count; i++) {
		bool due = handover_stand_in(worker->context->handover, i) == worker->number;

		if (due != worker->stands_in[i])
			stand_in_for(worker, i, due);
		if (due)
			handover_take(worker->context->handover, &worker->set, i);
	}
}

/* ---- orders ---- */

void worker_answer(struct worker *worker, struct worker_answer *answer, enum worker_answered what)
{
	answer->what = what;
	answer->worker = worker->number;
	mailbox_post(worker->context->answers, &answer->message);
}

/* Whoever it stands in for may have got entrances that it does not know. */
static void adopt(struct worker *worker)
{
	struct adoption *before = worker->current;

	worker->current = worker->next;
	worker->next = NULL;
	adoption_carry_out(worker->current, &worker->acceptors);
	if (before && before->generation != worker->current->generation)
		pair_set_limit_rates(&worker->set);
	adoption_free(before);
	for (unsigned i = 0; worker->stands_in && i < worker->context->worker_count; i++)
		if (worker->stands_in[i])
			stand_in_for(worker, i, true);
	worker_answer(worker, &worker->adopted, WORKER_ADOPTED);
}

static void note_drained(void *arg)
{
	struct worker *worker = arg;

	if (!worker->draining || !LIST_EMPTY(&worker->acceptors.list))
		return;
	worker->draining = false;
	worker_answer(worker, &worker->drained, WORKER_DRAINED);
}

/* The collector holds the standings until all workers have answered. */
static struct relay_record *report_counters(const struct worker *worker)
{
	const struct standings *standings = worker->context->standings;
	struct relay_record *records = calloc(standings->count, sizeof(*records));

	for (size_t i = 0; records && i < standings->count; i++)
		if (standings->list[i])
			records[i].counters = standings->list[i]->tallies[worker->number].counters;
	return records;
}

static void begin_report(struct worker *worker, enum report_depth depth)
{
	struct report_part *part = &worker->reported.part;

	*part = (struct report_part){.relays = report_counters(worker)};
	if (!part->relays || pair_survey_begin(&worker->set, clock_ms(), depth, part) < 0) {
		report_part_deinit(part);
		worker_answer(worker, &worker->reported, WORKER_REPORTED);
		return;
	}
	event_active(worker->survey_more, EV_TIMEOUT, 0);
}

EVENT_CALLBACK(on_survey_more, struct worker, worker)
{
	static const struct timeval next_pass = {0, 0};
	bool more = pair_survey_measure(&worker->set, SURVEY_BATCH);

	if (more && event_add(worker->survey_more, &next_pass) == 0)
		return;
	while (more) /* no memory for a timer, so without a break */
		more = pair_survey_measure(&worker->set, SURVEY_BATCH);
	worker_answer(worker, &worker->reported, WORKER_REPORTED);
}

static void drain(struct worker *worker)
{
	worker->draining = true;
	pair_set_hurry(&worker->set);
	acceptors_drain(&worker->acceptors);
	adoption_free(worker->current);
	worker->current = NULL;
	note_drained(worker);
}

static void halt(struct worker *worker)
{
	if (worker->draining)
		acceptors_stop(&worker->acceptors);
	note_drained(worker);
}

static void reset_all(struct worker *worker)
{
	halt(worker);
	pair_set_hurry(&worker->set);
	pair_set_shutdown(&worker->set);
}

static void take_order(void *arg, struct message *message)
{
	struct worker *worker = arg;

	switch ((enum worker_order)(message - worker->orders)) {
	case WORKER_ADOPT:
		adopt(worker);
		break;
	case WORKER_DRAIN:
		drain(worker);
		break;
	case WORKER_HALT:
		halt(worker);
		break;
	case WORKER_SHUTDOWN:
		reset_all(worker);
		break;
	case WORKER_REPORT_SUMS:
		begin_report(worker, REPORT_SUMS);
		break;
	case WORKER_REPORT_PAIRS:
		begin_report(worker, REPORT_PAIRS);
		break;
	case WORKER_RESUME:
		acceptors_resume(&worker->acceptors);
		break;
	case WORKER_TAKE:
		handover_take(worker->context->handover, &worker->set, worker->number);
		break;
	case WORKER_RETRY:
		pair_set_retry(&worker->set);
		break;
	case WORKER_STAND_IN:
		stand_in(worker);
		break;
	case WORKER_SAVE:
		worker_save(worker);
		break;
	case WORKER_HUSH:
		pair_set_hush(&worker->set, worker->context->hushed);
		break;
	case WORKER_ALIVE:
		break;
	case WORKER_TIDY:
		evmemory_tidy();
		break;
	case WORKER_STOP:
	case WORKER_ORDERS:
		event_base_loopbreak(worker->base);
	}
}

bool worker_has_taken(const struct worker *worker, enum worker_order order)
{
	return !message_is_posted(&worker->orders[order]);
}

uint64_t worker_paused(const struct worker *worker)
{
	return atomic_load_explicit(&worker->set.paused, memory_order_relaxed);
}

void worker_order(struct worker *worker, enum worker_order order)
{
	mailbox_post(&worker->mailbox, &worker->orders[order]);
}

int worker_prepare(struct worker *worker, struct generation *generation)
{
	worker->next = adoption_new(&worker->acceptors, worker->number, generation);
	return worker->next ? 0 : -ENOMEM;
}

void worker_forget_prepared(struct worker *worker)
{
	adoption_free(worker->next);
	worker->next = NULL;
}

/* ---- thread ---- */

static void *run(void *arg)
{
	struct worker *worker = arg;

	evloop_run(worker->base);
	mailbox_stop(&worker->mailbox);
	event_del(worker->survey_more);
	acceptors_stop(&worker->acceptors);
	pair_set_deinit(&worker->set);
	/* libevent finalizes freed bufferevents in the next pass. */
	event_base_loop(worker->base, EVLOOP_NONBLOCK);
	return NULL;
}

/* Any thread. */
static void on_told(void *arg)
{
	worker_order(arg, WORKER_RESUME);
}

static void on_pair_ended(void *arg)
{
	struct worker *worker = arg;

	handover_pair_ended(worker->context->handover, worker->number);
	acceptors_pair_ended(&worker->acceptors);
}

static int init_events(struct worker *worker)
{
	worker->base = evloop_new();
	if (!worker->base)
		return -ENOMEM;
	worker->survey_more = event_new(worker->base, -1, 0, on_survey_more, worker);
	if (!worker->survey_more)
		return -ENOMEM;
	return mailbox_open(&worker->mailbox, worker->base, take_order, worker);
}

static int init_pairs(struct worker *worker)
{
	const struct worker_context *context = worker->context;
	struct pair_set *set = &worker->set;

	set->io.base = worker->base;
	set->io.budget = context->budget;
	set->io.bell = context->bell;
	pipe_pool_init(&worker->pipes, context->pipes);
	set->io.pipes = &worker->pipes;
	set->io.scratch_size = SCRATCH_SIZE;
	set->io.scratch = malloc(SCRATCH_SIZE);
	set->worker = worker->number;
	set->pool = context->pool;
	set->ports = context->ports;
	set->log_connections = &context->log_connections;
	set->ended = on_pair_ended;
	set->arg = worker;
	return set->io.scratch ? pair_set_init(set, context->worker_count) : -ENOMEM;
}

/* Any thread. */
static void on_newcomer(void *arg)
{
	worker_order(arg, WORKER_TAKE);
}

static int init_handover(struct worker *worker)
{
	if (!worker->context->handover)
		return 0;
	worker->stands_in = calloc(worker->context->worker_count, sizeof(*worker->stands_in));
	handover_join(worker->context->handover, worker->number, on_newcomer, worker);
	return worker->stands_in ? 0 : -ENOMEM;
}

static int init_acceptors(struct worker *worker)
{
	struct acceptors *acceptors = &worker->acceptors;

	acceptors->set = &worker->set;
	acceptors->handover = worker->context->handover;
	acceptors->slots = worker->context->slots;
	acceptors->told = on_told;
	acceptors->drained = note_drained;
	acceptors->arg = worker;
	return acceptors_init(acceptors);
}

struct worker *worker_new(const struct worker_context *context, unsigned number)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->context = context;
	worker->number = number;
	worker->mailbox.fd = -1;
	if (init_events(worker) < 0 || init_pairs(worker) < 0 || init_handover(worker) < 0 ||
	    init_acceptors(worker) < 0) {
		worker_free(worker);
		return NULL;
	}
	return worker;
}

int worker_start(struct worker *worker)
{
	char name[16];
	int error;

	snprintf(name, sizeof(name), "worker-%u", worker->number % 1000);
	error = thread_start(&worker->thread, name, run, worker);
	worker->started = error == 0;
	return error;
}

void worker_stop(struct worker *worker)
{
	if (!worker || !worker->started)
		return;
	worker_order(worker, WORKER_STOP);
	pthread_join(worker->thread, NULL);
	worker->started = false;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	worker_forget_prepared(worker);
	acceptors_deinit(&worker->acceptors);
	pair_set_deinit(&worker->set);
	adoption_free(worker->current);
	evloop_free_event(worker->survey_more);
	mailbox_close(&worker->mailbox);
	if (worker->base)
		event_base_free(worker->base);
	pipe_pool_deinit(&worker->pipes);
	free(worker->set.io.scratch);
	free(worker->stands_in);
	report_part_deinit(&worker->reported.part);
	free(worker);
}
