/* Why a pair ended. Each reason is a word of the close line, see weir(8). */
#ifndef WEIR_REASON_H
#define WEIR_REASON_H

#include "base/log.h"

#include <stdbool.h>

enum __attribute__((packed)) reason {
	REASON_NONE, /* the pair goes on */
	REASON_EOF,
	REASON_CLIENT_RESET,
	REASON_TARGET_RESET,
	REASON_VANISHED,
	REASON_CONNECT_FAILED,
	REASON_CONNECT_TIMEOUT,
	REASON_IDLE_TIMEOUT,
	REASON_STALL_TIMEOUT,
	REASON_HALF_CLOSE_TIMEOUT,
	REASON_MAX_DURATION,
	REASON_OVER_LIMIT,
	REASON_DENIED,
	REASON_BAD_PROXY_HEADER,
	REASON_NO_DATA,
	REASON_SHUTDOWN,
	REASON_OUT_OF_MEMORY,
	REASON_INTERNAL,
};
#define REASONS (REASON_INTERNAL + 1)

struct reason_traits {
	const char *name;
	enum log_level level; /* of the close line */
	bool clean;           /* both peers see the end of a stream; otherwise a reset */
};

/* By enum reason. */
extern const struct reason_traits reasons[];

#endif
