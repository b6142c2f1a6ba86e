#include "build_config.h"

#include "daemon/memory.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/evmemory.h"
#include "base/log.h"
#include "flow/flow.h"
#include "pair/pair.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* What was free for so long is given back. */
#define LOOK_MS 2000
/* Free bytes of queues, and of pairs, that are kept. */
#define KEEP_BYTES (256 * 1024)
/* Descriptors that a base may watch besides those of pairs, or that are between these. */
#define MORE_FDS 1024

/* Sanitizers and the like know every object of malloc(3), and none of a pool. */
#ifdef WITH_SANITIZERS
static const bool pools = false;
#else
static const bool pools = true;
#endif

static bool give_back(struct memory *memory)
{
	bool more = pool_give_back(&memory->queues);

	return pool_give_back(&memory->pairs) || more;
}

static bool look(struct memory *memory)
{
	bool more = pool_look(&memory->queues);

	return pool_look(&memory->pairs) || more;
}

/*
 * A burst is over. It also used a little of malloc(3)'s memory, such as libevent's for each queue, which
 * malloc(3) would keep.
 */
static void rest(struct memory *memory)
{
	malloc_trim(0);
	if (memory->rested)
		memory->rested(memory->arg);
	pool_rest(&memory->queues);
	pool_rest(&memory->pairs);
}

/* Other events are served between two batches. Without memory for a timer, everything is given back now. */
static bool look_after(struct memory *memory, uint64_t ms)
{
	const struct timeval delay = clock_timeval(ms);

	if (event_add(memory->look, &delay) == 0)
		return true;
	while (give_back(memory))
		;
	return false;
}

static void watch(struct memory *memory)
{
	if (!look_after(memory, LOOK_MS))
		rest(memory);
}

EVENT_CALLBACK(on_look, struct memory, memory)
{
	if (give_back(memory) && look_after(memory, 0))
		return;
	if (look(memory))
		watch(memory);
	else
		rest(memory);
}

static void take_message(void *arg, struct message *message)
{
	struct memory *memory = arg;

	(void)message;
	if (event_pending(memory->look, EV_TIMEOUT, NULL)) /* reloads in a row put nothing off */
		return;
	look(memory);
	watch(memory);
}

static void on_piled(void *arg)
{
	struct memory *memory = arg;

	mailbox_post(&memory->mailbox, &memory->piled);
}

void memory_tidy(struct memory *memory)
{
	on_piled(memory);
}

static void complain(uint64_t bytes, int error)
{
	log_warning("no addresses for %" PRIu64 " bytes (%s): memory may exceed memory_max", bytes,
	            strerror(-error));
}

static void reserve(struct memory *memory, struct pool *pool, size_t unit, uint64_t bytes, uint64_t most)
{
	int error = pools ? pool_init(pool, unit, bytes, most, KEEP_BYTES) : 0;

	if (error)
		complain(bytes, error);
	pool->piled = on_piled;
	pool->arg = memory;
}

/* Where the operator has limited addresses (ulimit -v), others may need what is left of them. */
static bool addresses_are_few(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY;
}

/* More than this can never be resident. */
static uint64_t machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

static uint64_t record_bytes(const struct memory *memory, uint64_t pairs)
{
	return memory->bases * (2 * pairs + MORE_FDS) * EVMEMORY_RECORD_SIZE;
}

void memory_reserve(struct memory *memory, uint64_t queue_bytes, uint64_t pairs, uint64_t most_pairs,
                    unsigned bases)
{
	bool few = addresses_are_few();

	memory->bases = bases;
	reserve(memory, &memory->queues, FLOW_CHAIN_SIZE, queue_bytes, few ? 0 : machine_memory());
	reserve(memory, &memory->pairs, PAIR_UNIT_SIZE, pairs * PAIR_UNIT_SIZE,
	        few ? 0 : most_pairs * PAIR_UNIT_SIZE);
	if (pools) /* else they come from malloc(3), which does no harm but that it gives back less */
		(void)pool_init(&memory->records, EVMEMORY_RECORD_SIZE, record_bytes(memory, pairs),
		                few ? 0 : record_bytes(memory, most_pairs), 0);
	evmemory_use(&memory->queues, &memory->records);
}

static void extend(struct pool *pool, uint64_t bytes)
{
	int error = pools ? pool_extend(pool, bytes) : 0;

	if (error)
		complain(bytes, error);
}

void memory_extend(struct memory *memory, uint64_t queue_bytes, uint64_t pairs)
{
	extend(&memory->queues, queue_bytes);
	extend(&memory->pairs, pairs * PAIR_UNIT_SIZE);
	(void)pool_extend(&memory->records, record_bytes(memory, pairs));
}

int memory_try(uint64_t bytes)
{
	void *room;

	if (bytes == 0)
		return 0;
	room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	memset(room, 1, bytes);
	munmap(room, bytes);
	return 0;
}

int memory_watch(struct memory *memory, struct event_base *base)
{
	memory->look = event_new(base, -1, 0, on_look, memory);
	if (!memory->look)
		return -ENOMEM;
	return mailbox_open(&memory->mailbox, base, take_message, memory);
}

void memory_unwatch(struct memory *memory)
{
	evloop_free_event(memory->look);
	mailbox_close(&memory->mailbox);
}

void memory_deinit(struct memory *memory)
{
	evmemory_use(NULL, NULL);
	pool_deinit(&memory->queues);
	pool_deinit(&memory->pairs);
	pool_deinit(&memory->records);
}
