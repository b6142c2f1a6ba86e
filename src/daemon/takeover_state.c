#include "build_config.h"

#include "daemon/takeover_state.h"

static const struct state_field takeover_fields[] = {
        STATE_FIELD(struct takeover_state, program, STATE_TEXT),
        STATE_FIELD(struct takeover_state, path, STATE_TEXT),
        STATE_FIELD(struct takeover_state, rehearsal_ms, STATE_U64),
        STATE_FIELD(struct takeover_state, hushed_ms, STATE_U64),
        STATE_FIELD(struct takeover_state, parked_us, STATE_U64),
        STATE_FIELDS_END,
};
const struct state_kind takeover_state_kind = STATE_KIND("takeover", struct takeover_state, takeover_fields);

static const struct state_field process_fields[] = {
        STATE_FIELD(struct process_state, started, STATE_U64),
        STATE_FIELD(struct process_state, reloads, STATE_U64),
        STATE_FIELD(struct process_state, reload_failures, STATE_U64),
        STATE_FIELD(struct process_state, takeovers, STATE_U64),
        STATE_FIELD(struct process_state, takeover_failures, STATE_U64),
        STATE_FIELD(struct process_state, dropped_lines, STATE_U64),
        STATE_FIELD(struct process_state, lookups, STATE_U64),
        STATE_FIELD(struct process_state, lookup_failures, STATE_U64),
        STATE_FIELD(struct process_state, report_wanted, STATE_BOOL),
        STATE_FIELD(struct process_state, reload_wanted, STATE_BOOL),
        STATE_FIELD(struct process_state, failure, STATE_TEXT),
        STATE_FIELDS_END,
};
const struct state_kind process_state_kind = STATE_KIND("process", struct process_state, process_fields);
