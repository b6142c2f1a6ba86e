/*
 * A flow as one program leaves it to the next. A started flow of this program is saved, and goes on in
 * another one with all that it had: its queue, its pauses, its place in the line for a rate. Whatever its
 * source has sent meanwhile is still in the socket, and is read as if it came now.
 */
#ifndef WEIR_FLOW_STATE_H
#define WEIR_FLOW_STATE_H

#include "flow/flow.h"
#include "report/state.h"

/* Its sockets are for whoever owns them to save. Changes nothing. */
void flow_save(const struct flow *flow, struct state_writer *writer);

/* As flow_attach and flow_limit_rate have it. */
struct flow_restoring {
	int source_fd, sink_fd;
	struct event *readable;
	const _Atomic uint64_t *own_rate;
	struct rate *rate_of_all;
};

/*
 * Takes the records of one flow. It was initialised, and nothing else. Its queue counts in the budget, and
 * its pipes among all, even if there are to be fewer. 0; -ENOMEM, or -EPROTO for what cannot be a flow: that
 * is its fault then, for which the owner must close.
 */
int flow_restore(struct flow *flow, const struct flow_restoring *with, struct state_reader *reader);

#endif
