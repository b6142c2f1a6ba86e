/*
 * The settings that everything runs by. They are immutable once loaded, and reference-counted. Plain types
 * only. config/config.h loads them.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "base/log.h"
#include "base/refcount.h"
#include "base/units.h"
#include "net/address.h"
#include "net/networks.h"
#include "net/proxy_header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum direction { UPLOAD, DOWNLOAD }; /* client to target, target to client */
#define DIRECTIONS 2

static inline enum direction direction_opposite(enum direction direction)
{
	return direction == UPLOAD ? DOWNLOAD : UPLOAD;
}

enum dump_format { DUMP_TEXT, DUMP_JSON };
enum splice_mode { SPLICE_AUTO, SPLICE_OFF };
enum on_reset { ON_RESET_RESET, ON_RESET_CLOSE };
enum balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS, BALANCE_SOURCE };
enum when_down { WHEN_DOWN_TRY, WHEN_DOWN_REFUSE };
enum connect_on { CONNECT_ON_ACCEPT, CONNECT_ON_DATA };
enum send_proxy { SEND_PROXY_OFF, SEND_PROXY_V1 = PROXY_V1, SEND_PROXY_V2 = PROXY_V2 };

struct config_global {
	uint64_t workers;         /* UNITS_AUTO or 1 to 256 */
	uint64_t memory_max;      /* bytes */
	uint64_t max_connections; /* UNITS_AUTO or a number of pairs, at least 1 */
	uint64_t drain_timeout;   /* ms; 0 = at once */
	char *dump_file;          /* "-" = the log */
	enum dump_format dump_format;
	enum log_level log_level;
	bool log_connections;
	uint64_t resolve_interval;  /* ms */
	struct address http_listen; /* for metrics and the page; see config_serves_http */
};

/* Whether http_listen is set. */
static inline bool config_serves_http(const struct config_global *global)
{
	return global->http_listen.kind != ADDRESS_LITERAL || global->http_listen.endpoint.length > 0;
}

/* Queue lengths in bytes. A flow pauses its source at high and resumes it at or below low. low < high. */
struct flow_limits {
	uint64_t high;
	uint64_t low;
};

#define TARGET_WEIGHT_MAX 100

struct config_target {
	struct address address;
	unsigned weight; /* 1 to TARGET_WEIGHT_MAX */
};

#define RELAY_NAME_MAX 64 /* bytes of the longest name of a relay, without its NUL */

struct config_relay {
	char *name;
	struct address *listen; /* at least one */
	size_t listen_count;
	struct config_target *target; /* at least one */
	size_t target_count;
	struct config_target *backup_target; /* for when no target is up */
	size_t backup_target_count;

	/*
	 * As written. limits holds the effective values. UNITS_AUTO means half of the high one for
	 * low_watermark, and the value without the prefix for upload_ and download_.
	 */
	uint64_t high_watermark, low_watermark;
	uint64_t upload_high_watermark, upload_low_watermark;
	uint64_t download_high_watermark, download_low_watermark;
	struct flow_limits limits[DIRECTIONS];

	enum splice_mode splice;
	uint64_t max_connections, max_connections_per_source; /* 0 = no limit of its own */
	uint64_t connect_timeout;                             /* ms, at least 1 */
	uint64_t connect_attempts;                            /* at least 1 */
	enum balance balance;
	uint64_t fail_limit;             /* connects failed in a row; 0 = off */
	uint64_t fail_time;              /* ms, at least 1 */
	uint64_t check_interval;         /* ms; 0 = no checks */
	uint64_t check_timeout;          /* ms, at least 1 */
	uint64_t check_rise, check_fall; /* checks in a row, at least 1 */
	uint64_t slow_start;             /* ms; 0 = full weight at once */
	uint64_t retry_time;             /* ms; 0 = no client is held */
	enum when_down when_down;
	uint64_t resolve_interval;                                /* ms or UNITS_AUTO: as in config_global */
	uint64_t idle_timeout, half_close_timeout, stall_timeout; /* ms; 0 = never */
	uint64_t min_rate;                                        /* bytes a second; 0 = off */
	uint64_t vanish_timeout;                                  /* ms; 0 = never */
	bool tcp_nodelay, tcp_keepalive;
	uint64_t keepalive_idle, keepalive_interval;                         /* ms or UNITS_AUTO */
	uint64_t keepalive_count;                                            /* probes or UNITS_AUTO */
	uint64_t client_rcvbuf, client_sndbuf, target_rcvbuf, target_sndbuf; /* bytes or UNITS_AUTO */
	uint64_t notsent_lowat;                                              /* bytes or UNITS_AUTO */
	bool free_bind;
	enum on_reset on_reset;

	struct network *allow, *deny; /* clients; with any in allow, all others are denied */
	size_t allow_count, deny_count;
	struct network *accept_proxy; /* clients that must begin with a PROXY header */
	size_t accept_proxy_count;
	uint64_t proxy_header_timeout; /* ms, at least 1 */
	enum send_proxy send_proxy;
	uint64_t ipv6_source_prefix;     /* bits, 1 to 128 */
	uint64_t rate[DIRECTIONS];       /* bytes a second of a pair; 0 = no limit */
	uint64_t relay_rate[DIRECTIONS]; /* of all its pairs together */
	struct endpoint *source_address; /* at most one of each family; port 0 */
	size_t source_address_count;
	char *source_interface; /* "": any */
	enum connect_on connect_on;
	uint64_t max_duration; /* ms; 0 = never */
};

struct config {
	struct config_global global;
	struct config_relay *relays;
	size_t relay_count;
	char **warnings; /* what may be a mistake: "FILE:LINE: ..." in the order of the file */
	size_t warning_count;
	/* private */
	struct refcount references;
};

/* Over the targets and then the backup targets of a relay. */
static inline size_t config_count_targets(const struct config_relay *relay)
{
	return relay->target_count + relay->backup_target_count;
}

static inline const struct config_target *config_nth_target(const struct config_relay *relay, size_t n)
{
	return n < relay->target_count ? &relay->target[n] : &relay->backup_target[n - relay->target_count];
}

/* References are counted atomically. The last put frees. config_put takes NULL. */
struct config *config_get(struct config *config);
void config_put(struct config *config);

/* Frees what a relay's settings hold, and zeroes them. */
void config_free_relay(struct config_relay *relay);

#endif
