/*
 * One flow over loopback sockets, for the tests of the flow module: source[1] and sink[1] are the outside
 * world, source[0] and sink[0] the flow's. The law is checked whenever the flow settles.
 */
#ifndef WEIR_UNIT_ONE_FLOW_H
#define WEIR_UNIT_ONE_FLOW_H

#include "flow/flow_private.h"
#include "flow/flow_state.h"
#include "flow/pipe_pool.h"
#include "loop.h"

#define HIGH       (64 * 1024)
#define LOW        (16 * 1024)
#define SCRATCH    (32 * 1024)
#define MEMORY_MAX (1024 * 1024)
#define BULK       (2 * 1024 * 1024)

extern struct event_base *base;
extern struct budget budget;
extern struct flow_io io;
extern _Atomic uint64_t paused; /* flows */
extern struct flow flow;
extern struct flow_limits limits;
extern struct event *readable;
extern int source[2], sink[2];
extern unsigned settled;           /* how often the flow did */
extern void (*after_settle)(void); /* NULL: nothing */
extern struct pipe_pool pipes;
extern struct slots pipe_slots;
extern struct flow_turns turns;
extern bool splicing;                    /* the flow is taken for a bulk one from the start */
extern const _Atomic uint64_t *own_rate; /* with what take_over restores it; no limits at first */
extern struct rate *rate_of_all;

/* What libevent has allocated, and, if not 0, which of its next allocations fails. */
extern size_t allocated, fail_after;

/* Fixtures; begin makes the flow anew. */
void begin(uint64_t memory_max);
void setup_copy(void);
void setup_splice(void);
void teardown(void);

/* For the next read; small reads would soon end it. Where splicing is off, be_bulk does nothing. */
void be_bulk(void);
void be_small(void);
/* Each part of the queue exists exactly while it holds bytes, and all together hold what is queued. */
void assert_queue(void);
/* Nothing happens that the flow would have to act on. */
void assert_quiet(void);
/* Sends until the flow has paused its source. Returns how much. */
uint64_t fill(void);
/*
 * Whether the sink's kernel takes no more. While the window has room for less than a segment, that is only
 * for now: a timer then cuts off what fits. After 200 ms as a rule, but how long depends on the load.
 */
bool sink_is_full(void);
/* Sends until it is full. Returns how many bytes it has. */
uint64_t stuff_sink(void);
/* Takes what is left, as other flows would; the flow keeps what it has. Returns how much was taken. */
uint64_t take_all_memory(void);
struct flow_record describe(uint64_t now);
/* As if another program had taken over here: the flow is saved, and another one in its place is restored. */
void take_over(void);
/* The same, while the nth allocation of libevent fails. What flow_restore has returned. */
int try_to_take_over(size_t nth);
/* The state of the flow in a memory file, for this purpose. */
int save_flow(enum state_purpose purpose);
/* Restores the flow from it, and closes it. What flow_restore has returned. */
int restore_flow(int file, bool rehearsal);
/* The same from this text, for a flow without anything. */
int restore_text(const char *text);
/* A flow without anything, in the place of the one that was there. */
void forget_flow(void);
/* A bulk flow does nothing in the pass in which it becomes ready: small messages go first. */
void run_until_its_turn(void);

#endif
