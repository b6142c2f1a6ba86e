/*
 * The memory of queues and pairs of all workers. What was free for some seconds is given back to the system,
 * except a little. While no more than that is free, nothing is looked at.
 */
#ifndef WEIR_MEMORY_H
#define WEIR_MEMORY_H

#include "base/mailbox.h"
#include "base/pool.h"

#include <stdint.h>

struct event;
struct event_base;

struct memory {
	struct pool queues, pairs;
	struct pool records; /* libevent's, of descriptors; these stay */
	unsigned bases;
	void (*rested)(void *arg); /* a burst is over: each thread is to call evmemory_tidy. May be NULL */
	void *arg;
	/* private */
	struct mailbox mailbox; /* for one message: there is much to give back */
	struct message piled;
	struct event *look;
};

/*
 * Makes room for queue_bytes of queues and this many pairs, watched by so many event bases. Addresses are
 * reserved for more, so that there can be more room later: for queues as large as the machine's memory, and
 * for most_pairs. If that fails, which is logged, memory comes from malloc(3). Call before there are threads.
 */
void memory_reserve(struct memory *memory, uint64_t queue_bytes, uint64_t pairs, uint64_t most_pairs,
                    unsigned bases);
/*
 * Makes room for so many, if there was room for fewer, while threads use it. If there are no addresses for
 * them, which is logged, what is lacking comes from malloc(3). On the thread of memory_reserve.
 */
void memory_extend(struct memory *memory, uint64_t queue_bytes, uint64_t pairs);
/*
 * Whether there is so much more memory: takes it, every page, and gives it back. If the kernel has less, it
 * ends a process, so this is for one that it ends first. 0 or -errno.
 */
int memory_try(uint64_t bytes);
/* Gives memory back from now on, on the thread of this base. 0 or -errno. */
int memory_watch(struct memory *memory, struct event_base *base);
/* Much of malloc(3)'s was freed: what is free after a while is given back. Any thread, after memory_watch. */
void memory_tidy(struct memory *memory);
/* Stops that. Also takes what was never watched, with a mailbox whose fd is -1. */
void memory_unwatch(struct memory *memory);
/* Nothing may be in use any more. */
void memory_deinit(struct memory *memory);

#endif
