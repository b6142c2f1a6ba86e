/*
 * The memory law: one bound on all queued bytes, shared by every flow of every worker, with dynamic
 * thresholds after Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (IEEE/ACM Transactions on Networking, 1998), with alpha = 1: no flow may hold more than what is still free.
 * N flows that take all they can settle at max / (N + 1) each. One such share is always left for a newcomer.
 *
 * Memory is claimed before bytes are read, and returned if it turns out not to be needed. This keeps
 * used <= max at every moment, with any number of threads. When max is lowered below what is used, nothing is
 * taken away, but no claim succeeds until used is below max. All functions may be called from any thread.
 */
#ifndef WEIR_BUDGET_H
#define WEIR_BUDGET_H

#include <stdint.h>

struct budget {
	_Atomic uint64_t max;  /* bytes; see budget_set_max */
	_Atomic uint64_t used; /* bytes; never above max, unless that was lowered */
};

void budget_init(struct budget *budget, uint64_t max);
/* Holds for every claim that begins from now on. */
void budget_set_max(struct budget *budget, uint64_t max);
uint64_t budget_max(const struct budget *budget);

uint64_t budget_used(struct budget *budget);

/* The most that a holder of held bytes may hold at this moment: half of what the others leave. */
uint64_t budget_share(struct budget *budget, uint64_t held);

/*
 * Asks to let a holder of held bytes hold wanted bytes, wanted > held. Returns what it holds from now on:
 * at least held and at most wanted. It grows no further than the share.
 */
uint64_t budget_claim(struct budget *budget, uint64_t held, uint64_t wanted);
void budget_return(struct budget *budget, uint64_t bytes);
/* Counts what is held already, even if that is more than max. */
void budget_take_again(struct budget *budget, uint64_t bytes);

#endif
