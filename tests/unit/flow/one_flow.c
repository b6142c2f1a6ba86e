#include "build_config.h"

#include "flow/one_flow.h"

#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

struct event_base *base;
struct budget budget;
struct flow_io io;
struct flow flow;
struct flow_limits limits = {.high = HIGH, .low = LOW};
struct event *readable;
int source[2], sink[2];
unsigned settled;
void (*after_settle)(void);
struct pipe_pool pipes;
struct slots pipe_slots;
struct flow_turns turns;
_Atomic uint64_t paused;
bool splicing;

static _Atomic uint64_t unlimited;
static struct rate no_rate = {.limit = &unlimited};
const _Atomic uint64_t *own_rate = &unlimited;
struct rate *rate_of_all = &no_rate;

size_t allocated, fail_after;

static void *counting_malloc(size_t size)
{
	void *memory;

	if (fail_after > 0 && --fail_after == 0) {
		errno = ENOMEM;
		return NULL;
	}
	memory = malloc(size);
	allocated += malloc_usable_size(memory);
	return memory;
}

static void *counting_realloc(void *memory, size_t size)
{
	allocated -= malloc_usable_size(memory);
	memory = realloc(memory, size);
	allocated += malloc_usable_size(memory);
	return memory;
}

static void counting_free(void *memory)
{
	allocated -= malloc_usable_size(memory);
	free(memory);
}

void assert_queue(void)
{
	size_t piped = 0, head = 0, tail = 0;
	int in_pipe = 0;

	for (const struct pipe *pipe = flow.pipes; pipe; pipe = pipe->next) {
		LOOP_ASSERT(ioctl(pipe->out, FIONREAD, &in_pipe) == 0);
		LOOP_ASSERT(in_pipe > 0);
		LOOP_ASSERT_EQ(pipe->length, (size_t)in_pipe);
		piped += pipe->length;
	}
	if (flow.buffer) {
		head = flow_buffer_head(flow.buffer);
		tail = flow_buffer_tail(flow.buffer);
	}
	LOOP_ASSERT((flow.buffer != NULL) == (head + tail > 0));
	if (tail > 0)
		LOOP_ASSERT(flow.pipes);
	LOOP_ASSERT_EQ(flow.queued, piped + head + tail);
}

static void note_settled(struct flow *which)
{
	LOOP_ASSERT(which == &flow);
	LOOP_ASSERT(flow.queued <= limits.high);
	LOOP_ASSERT_EQ(paused, flow.pause ? 1U : 0U);
	LOOP_ASSERT(budget_used(&budget) <= budget.max);
	LOOP_ASSERT(flow.held >= flow_queue_cost(flow.queued));
	if (flow.buffer && flow.pipes && flow_buffer_head(flow.buffer) > 0 &&
	    flow_buffer_tail(flow.buffer) > 0)
		LOOP_ASSERT(flow.held >= flow_queue_cost(flow.queued) + FLOW_CHAIN_SIZE);
	assert_queue();
	settled++;
	if (after_settle)
		after_settle();
}

void be_bulk(void)
{
	flow.bulk = splicing;
	flow.bulk_reads = splicing ? UCHAR_MAX : 0;
}

void be_small(void)
{
	flow.bulk = false;
	flow.bulk_reads = 0;
}

void begin(uint64_t memory_max)
{
	signal(SIGPIPE, SIG_IGN); /* splice(2) knows no MSG_NOSIGNAL */
	slots_init(&pipe_slots, 0);
	pipe_pool_init(&pipes, &pipe_slots);
	event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	budget_init(&budget, memory_max);
	io = (struct flow_io){
	        .base = base, .budget = &budget, .scratch_size = SCRATCH, .settle = note_settled};
	io.pipes = &pipes;
	io.turns = &turns;
	io.paused = &paused;
	ck_assert_int_eq(flow_turns_init(&turns, base), 0);
	io.scratch = malloc(SCRATCH);
	readable = malloc(event_get_struct_event_size());
	loop_tcp_pair(source);
	loop_tcp_pair(sink);
	flow_init(&flow, &io, &limits);
	flow_attach(&flow, source[0], sink[0], readable, splicing);
	be_bulk();
	flow_start(&flow);
	settled = 0;
	fail_after = 0;
}

void setup_copy(void)
{
	splicing = false;
	begin(MEMORY_MAX);
}

void setup_splice(void)
{
	splicing = true;
	begin(MEMORY_MAX);
}

void teardown(void)
{
	flow_deinit(&flow);
	ck_assert_uint_eq(paused, 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert_uint_eq(flow.held, 0);
	flow_turns_deinit(&turns);
	pipe_pool_deinit(&pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(readable);
	free(io.scratch);
	close(source[0]);
	close(source[1]);
	close(sink[0]);
	close(sink[1]);
}

uint64_t fill(void)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
	return sent;
}

void assert_quiet(void)
{
	unsigned before = settled;

	for (int i = 0; i < 1000; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(settled, before);
}

uint64_t take_all_memory(void)
{
	uint64_t left = budget.max - budget_used(&budget);

	budget.used += left;
	return left;
}

bool sink_is_full(void)
{
	struct pollfd writable = {.fd = sink[0], .events = POLLOUT};
	struct tcp_info info = {.tcpi_snd_wnd = 1};
	socklen_t length = sizeof(info);

	ck_assert_int_eq(getsockopt(sink[0], IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	return info.tcpi_snd_wnd == 0 && poll(&writable, 1, 0) == 0;
}

uint64_t stuff_sink(void)
{
	uint64_t stuffed = 0;

	LOOP_UNTIL(base, (stuffed += loop_send(sink[0], stuffed, BULK), sink_is_full()));
	return stuffed + loop_send(sink[0], stuffed, BULK);
}

struct flow_record describe(uint64_t now)
{
	struct flow_record record;

	flow_describe(&flow, now, BLAME_TARGET, &record);
	return record;
}

void run_until_its_turn(void)
{
	uint64_t end = clock_ms() + LOOP_DEADLINE_MS;

	ck_assert_uint_eq(loop_send(source[1], 0, 1), 1);
	while (!flow.turn && flow.bytes == 0 && clock_ms() < end)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.turn, TURN_READ);
}

/* ---- taking over ---- */

int save_flow(enum state_purpose purpose)
{
	int file = memfd_create("flow", MFD_CLOEXEC);
	struct state_writer writer;

	ck_assert_int_eq(state_writer_init(&writer, file, purpose), 0);
	flow_save(&flow, &writer);
	ck_assert_int_eq(state_writer_finish(&writer), 0);
	return file;
}

/* What execve(2) would leave open has to be so still when the flow is gone. */
static void keep_pipes(void)
{
	for (struct pipe *pipe = flow.pipes; pipe; pipe = pipe->next) {
		pipe->in = fcntl(pipe->in, F_DUPFD_CLOEXEC, 3);
		pipe->out = fcntl(pipe->out, F_DUPFD_CLOEXEC, 3);
	}
}

void forget_flow(void)
{
	flow_deinit(&flow);
	flow_init(&flow, &io, &limits);
}

int restore_flow(int file, bool rehearsal)
{
	const struct flow_restoring with = {source[0], sink[0], readable, own_rate, rate_of_all};
	struct inheritance *inheritance = inheritance_new(rehearsal);
	off_t size = lseek(file, 0, SEEK_END);
	void *text = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
	struct state_reader reader;
	int error;

	state_reader_init(&reader, inheritance, text, (size_t)size);
	error = flow_restore(&flow, &with, &reader);
	if (!error)
		ck_assert_msg(!state_peek(&reader) && !state_error(&reader), "%s", state_error(&reader));
	munmap(text, (size_t)size);
	inheritance_free(inheritance);
	close(file);
	return error;
}

int restore_text(const char *text)
{
	int file = memfd_create("flow", MFD_CLOEXEC);

	forget_flow();
	ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
	return restore_flow(file, false);
}

int try_to_take_over(size_t nth)
{
	int64_t line = rate_line(rate_of_all);
	int error, file = save_flow(STATE_CARRY);

	keep_pipes();
	forget_flow();
	rate_restore(rate_of_all, line); /* the program that has it on its side is gone */
	fail_after = nth;
	error = restore_flow(file, false);
	fail_after = 0;
	return error;
}

void take_over(void)
{
	ck_assert_int_eq(try_to_take_over(0), 0);
}
