/*
 * The memory law: one bound on all queued bytes, shared by every flow of every worker, with dynamic
 * thresholds after Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (IEEE/ACM Transactions on Networking, 1998), with alpha = 1: nobody may hold more than what is still free.
 * So N flows that take all they can settle at max / (N + 1) each, and one such share is always left for a
 * newcomer.
 *
 * Memory is claimed before bytes are read and returned when it turned out not to be needed, so
 * used <= max holds at every moment, with any number of threads. All functions may be called from any thread.
 */
#ifndef WEIR_BUDGET_H
#define WEIR_BUDGET_H

#include <stdint.h>

struct budget {
	uint64_t max;          /* bytes; constant after budget_init */
	_Atomic uint64_t used; /* bytes; never above max */
	_Atomic uint64_t peak; /* bytes; highest used since budget_take_peak */
};

void budget_init(struct budget *budget, uint64_t max);

uint64_t budget_used(struct budget *budget);

/* What a holder of held bytes may hold at most at this moment: half of what the others leave. */
uint64_t budget_share(struct budget *budget, uint64_t held);

/*
 * Asks for a holder of held bytes to hold wanted bytes, wanted > held. Returns what it holds from now on:
 * between held and wanted, and no more than its share.
 */
uint64_t budget_claim(struct budget *budget, uint64_t held, uint64_t wanted);
void budget_return(struct budget *budget, uint64_t bytes);

/* The highest used since the last call; starts anew from what is used now. */
uint64_t budget_take_peak(struct budget *budget);

#endif
