#include "build_config.h"

#include "report/reason.h"

const struct reason_traits reasons[] = {
        [REASON_NONE] = {"none", LOG_LEVEL_INFO, false},
        [REASON_EOF] = {"eof", LOG_LEVEL_INFO, true},
        [REASON_CLIENT_RESET] = {"client_reset", LOG_LEVEL_INFO, false},
        [REASON_TARGET_RESET] = {"target_reset", LOG_LEVEL_INFO, false},
        [REASON_VANISHED] = {"vanished", LOG_LEVEL_INFO, false},
        [REASON_CONNECT_FAILED] = {"connect_failed", LOG_LEVEL_INFO, false},
        [REASON_CONNECT_TIMEOUT] = {"connect_timeout", LOG_LEVEL_INFO, false},
        [REASON_IDLE_TIMEOUT] = {"idle_timeout", LOG_LEVEL_INFO, false},
        [REASON_STALL_TIMEOUT] = {"stall_timeout", LOG_LEVEL_INFO, false},
        [REASON_HALF_CLOSE_TIMEOUT] = {"half_close_timeout", LOG_LEVEL_INFO, false},
        [REASON_MAX_DURATION] = {"max_duration", LOG_LEVEL_INFO, false},
        [REASON_OVER_LIMIT] = {"over_limit", LOG_LEVEL_INFO, false},
        [REASON_DENIED] = {"denied", LOG_LEVEL_DEBUG, false},
        [REASON_BAD_PROXY_HEADER] = {"bad_proxy_header", LOG_LEVEL_INFO, false},
        [REASON_NO_DATA] = {"no_data", LOG_LEVEL_DEBUG, false},
        [REASON_SHUTDOWN] = {"shutdown", LOG_LEVEL_INFO, false},
        [REASON_OUT_OF_MEMORY] = {"out_of_memory", LOG_LEVEL_INFO, false},
        [REASON_INTERNAL] = {"internal", LOG_LEVEL_INFO, false},
};
