/* What the main thread hands over of the process itself. */
#ifndef WEIR_TAKEOVER_STATE_H
#define WEIR_TAKEOVER_STATE_H

#include "daemon/bulletin.h"
#include "report/state.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct takeover_state {
	char program[32];                 /* version of the one that hands over */
	char path[PATH_MAX];              /* where it was started from */
	uint64_t rehearsal_ms, hushed_ms; /* as in struct takeover */
	uint64_t parked_us; /* clock_us at which its workers were told to park; 0 in a rehearsal */
};

struct process_state {
	uint64_t started; /* clock_ms */
	uint64_t reloads, reload_failures, takeovers, takeover_failures;
	uint64_t dropped_lines, lookups, lookup_failures;
	bool report_wanted, reload_wanted;
	char failure[BULLETIN_FAILURE_MAX]; /* of the last reload or takeover */
};

extern const struct state_kind takeover_state_kind, process_state_kind;

#endif
