#include "build_config.h"

#include "worker/accepting_stage.h"

#include "base/evloop.h"

#define SCRATCH    4096
#define MEMORY_MAX (1024 * 1024)

struct event_base *base;
struct slots slots;
struct pair_set set;
struct acceptors acceptors;
unsigned drained;
int target;
int client[CLIENTS_MAX];
size_t client_count;

static struct budget budget;
static struct event *told; /* becomes active when an acceptor is told */

static void on_ended(void *arg)
{
	acceptors_pair_ended(arg);
}

void accepting_told(void *arg)
{
	(void)arg;
	event_active(told, EV_TIMEOUT, 0);
}

EVENT_CALLBACK(on_told_event, struct acceptors, which)
{
	acceptors_resume(which);
}

void accepting_drained(void *arg)
{
	(void)arg;
	drained++;
}

void accepting_begin(void)
{
	struct sockaddr_in address;

	base = evloop_new();
	budget_init(&budget, MEMORY_MAX);
	slots_init(&slots, 0);
	set = (struct pair_set){
	        .io = {.base = base, .budget = &budget, .scratch_size = SCRATCH},
	        .ended = on_ended,
	        .arg = &acceptors,
	};
	set.io.scratch = malloc(SCRATCH);
	ck_assert_int_eq(pair_set_init(&set, 1), 0);
	told = event_new(base, -1, 0, on_told_event, &acceptors);
	acceptors = (struct acceptors){
	        .set = &set,
	        .slots = &slots,
	        .told = accepting_told,
	        .drained = accepting_drained,
	};
	ck_assert_int_eq(acceptors_init(&acceptors), 0);
	client_count = drained = 0;
	target = loop_listen(&address);
	ck_assert_int_eq(listen(target, 1024), 0);
}

void accepting_stop(void)
{
	acceptors_deinit(&acceptors);
	event_free(told);
	pair_set_deinit(&set);
	ck_assert_uint_eq(slots_used(&slots), 0);
}

void accepting_end(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(set.io.scratch);
	for (size_t i = 0; i < client_count; i++)
		if (client[i] >= 0)
			close(client[i]);
	close(target);
}
