/*
 * Workers that stand in for others. A worker may be stuck: in a call that blocks, stopped, or without a CPU.
 * Its pairs have to wait, but clients that come meanwhile need not. Another worker accepts them.
 *
 * The main thread waits for clients in all listening sockets, as the workers do. Once one has come, it looks
 * every 50 ms which clients still wait, until there are none, and less often while they wait at a limit.
 * Without clients this costs nothing.
 */
#ifndef WEIR_STAND_INS_H
#define WEIR_STAND_INS_H

#include "worker/worker.h"

struct event_base;
struct stand_ins;

/* For two or more workers. All is borrowed. NULL when out of memory, which is logged: weir does without. */
struct stand_ins *stand_ins_new(struct event_base *base, const struct worker_context *shared,
                                struct worker *const *workers);
/*
 * Makes what is needed to look at the sockets of the generation, which are bound. 0 or -errno. If no sockets
 * were looked at before, a failure is logged only, and none will be. Then stand_ins_adopt or
 * stand_ins_forget_prepared must follow, before any other call of this. All three take NULL.
 */
int stand_ins_prepare(struct stand_ins *stand_ins, const struct generation *generation);
void stand_ins_forget_prepared(struct stand_ins *stand_ins);
/* Looks at the sockets of that generation from now on, no longer at any others. */
void stand_ins_adopt(struct stand_ins *stand_ins);
/* Looks no more. A worker that stands in goes on until it is drained. Takes NULL. */
void stand_ins_stop(struct stand_ins *stand_ins);
void stand_ins_free(struct stand_ins *stand_ins); /* takes NULL */

#endif
