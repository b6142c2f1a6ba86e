/* The memory law of one flow: what its queue costs, how much it may read, and when a pause ends. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"

/* Every chain is full except the first, which is partly drained, and the last, which is partly filled. */
uint64_t flow_queue_cost(uint64_t queued)
{
	return queued == 0 ? 0 : (queued / FLOW_CHAIN_PAYLOAD + 2) * FLOW_CHAIN_SIZE;
}

/* While pipes, and perhaps a tail, follow the head, its last chain may be partly filled too. */
static uint64_t cost_of_parts(const struct flow *flow)
{
	return flow->buffer && flow->pipes ? FLOW_CHAIN_SIZE : 0;
}

/* The longest queue that costs no more than held: the inverse of flow_queue_cost. */
static uint64_t queue_capacity(uint64_t held)
{
	uint64_t chains = held / FLOW_CHAIN_SIZE;

	return chains < 2 ? 0 : (chains - 1) * FLOW_CHAIN_PAYLOAD - 1;
}

uint64_t flow_memory_claim(struct flow *flow, uint64_t most)
{
	uint64_t room, cost, capacity, granted, parts = cost_of_parts(flow);

	if (flow->queued >= flow->limits->high)
		return 0;
	room = min_u64(flow->limits->high - flow->queued, most);
	cost = flow_queue_cost(flow->queued + room) + parts;
	if (cost > flow->held)
		flow->held = budget_claim(flow->io->budget, flow->held, cost);
	capacity = flow->held < parts ? 0 : queue_capacity(flow->held - parts);
	granted = capacity > flow->queued ? min_u64(room, capacity - flow->queued) : 0;
	flow->cut = granted < room / 2;
	return granted;
}

void flow_memory_return(struct flow *flow)
{
	uint64_t cost = flow_queue_cost(flow->queued) + cost_of_parts(flow);

	if (cost >= flow->held)
		return;
	budget_return(flow->io->budget, flow->held - cost);
	flow->held = cost;
}

void flow_memory_take_again(struct flow *flow, uint64_t held)
{
	flow->held = max_u64(held, flow_queue_cost(flow->queued));
	budget_take_again(flow->io->budget, flow->held);
}

uint64_t flow_memory_low(const struct flow *flow)
{
	return min_u64(flow->limits->low, budget_share(flow->io->budget, flow->held) / 2);
}
