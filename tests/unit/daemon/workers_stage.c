#include "build_config.h"

#include "daemon/workers_stage.h"

#include "base/evloop.h"
#include "worker/handover.h"

#include <check.h>
#include <signal.h>

struct event_base *base;
struct worker_context context;
struct slots slots;
struct worker *worker[WORKERS_MAX];

static struct budget budget;
static struct slots pipes;
static struct mailbox answers;

static void take_nothing(void *arg, struct message *message)
{
	(void)arg;
	(void)message;
}

void workers_begin(unsigned count, void (*take_answer)(void *arg, struct message *message))
{
	signal(SIGPIPE, SIG_IGN);
	budget_init(&budget, 1024 * 1024);
	slots_init(&slots, 0);
	slots_init(&pipes, 4);
	base = evloop_new();
	ck_assert_int_eq(mailbox_open(&answers, base, take_answer ? take_answer : take_nothing, NULL), 0);
	context = (struct worker_context){
	        .worker_count = count,
	        .budget = &budget,
	        .handover = handover_new(count),
	        .slots = &slots,
	        .pipes = &pipes,
	        .answers = &answers,
	};
}

void workers_make(void)
{
	for (unsigned i = 0; i < context.worker_count; i++) {
		worker[i] = worker_new(&context, i);
		ck_assert_ptr_nonnull(worker[i]);
	}
}

void workers_start(unsigned number)
{
	ck_assert_int_eq(worker_start(worker[number]), 0);
}

void workers_stop(void)
{
	for (unsigned i = 0; i < context.worker_count; i++)
		worker_stop(worker[i]);
	for (unsigned i = 0; i < context.worker_count; i++)
		worker_free(worker[i]);
}

void workers_end(void)
{
	handover_free(context.handover);
	ck_assert_uint_eq(slots_used(&slots), 0);
	mailbox_close(&answers);
	event_base_free(base);
}
