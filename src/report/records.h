/*
 * What is known about the process, its relays and its pairs at one moment, as plain data. Other modules fill
 * it in; text.h, json.h and prometheus.h write it. The words and their order are a contract with users: see
 * weir(8), section DUMP, and weir-metrics(7).
 */
#ifndef WEIR_RECORDS_H
#define WEIR_RECORDS_H

#include "base/label.h"
#include "base/refcount.h"
#include "config/settings.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "report/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pair_state { STATE_WAITING, STATE_CONNECTING, STATE_OPEN, STATE_HALF_CLOSED, STATE_CLOSING };
enum reading { READING_WAITING, READING_ON, READING_PAUSED, READING_ENDED };
enum relay_state { RELAY_ACTIVE, RELAY_REMOVED };
enum target_state { TARGET_UP, TARGET_DOWN, TARGET_TRYING };
#define TARGET_STATES (TARGET_TRYING + 1)
enum blame { BLAME_NONE, BLAME_CLIENT, BLAME_TARGET, BLAME_RELAY };
#define BLAMES (BLAME_RELAY + 1)

/* Why a pair is slow; see weir(8). */
enum why {
	WHY_IDLE, /* nobody has anything to say */
	WHY_READING,
	WHY_PATH,
	WHY_SENDING,
	WHY_ANSWER,
	WHY_THINKING,
	WHY_CONNECTING,
	WHY_MEMORY,
	WHY_RATE,
	WHY_BUFFER,
	WHY_CPU,
	WHY_UNANSWERED,
};
#define WHYS (WHY_UNANSWERED + 1)

/* Who holds a pair up, and why. */
struct verdict {
	enum blame slow;
	enum why why;
};

/*
 * What a relay has counted since its start. Whoever is accepted has a pair or has ended for a reason:
 * accepted is the sum of closed and of the pairs that live. The source of UPLOAD is the client.
 */
struct counters {
	uint64_t accepted;          /* clients accepted */
	uint64_t refused;           /* of these, reset at once: over a limit, or no memory for a pair */
	uint64_t connect_failed;    /* of these, reset because no target could be connected */
	uint64_t bytes[DIRECTIONS]; /* written to the sink */
	uint64_t pauses[DIRECTIONS], paused_ms[DIRECTIONS];
	uint64_t shortages;       /* accepting or connecting failed because something of ours had run out */
	uint64_t closed[REASONS]; /* by why; denied ones too, though they may have had no pair */
	uint64_t waited_us[DIRECTIONS]; /* for the source of that direction; most waits are short */
};

struct process_record {
	const char *version;
	int pid;
	int64_t time; /* seconds since the epoch, written as UTC */
	uint64_t uptime_ms;
	unsigned workers;
	uint64_t pairs, pairs_max;
	uint64_t used, memory_max; /* bytes */
	bool draining;
	/* Since the start. */
	uint64_t dropped_lines; /* of the log */
	uint64_t lookups, lookup_failures;
	uint64_t reloads, reload_failures;
	uint64_t takeovers, takeover_failures;
};

struct relay_record {
	const char *name; /* borrowed; NULL in a worker's part */
	uint64_t pairs;
	struct counters counters;              /* living pairs included */
	enum relay_state state;                /* removed: it is not in the configuration any more */
	uint64_t queued[DIRECTIONS];           /* bytes, in all its pairs */
	uint64_t longest[DIRECTIONS];          /* of these, in the pair that has most */
	struct flow_limits limits[DIRECTIONS]; /* of new pairs; removed: RECORD_UNKNOWN */
	uint32_t verdicts[BLAMES][WHYS];       /* pairs */
	size_t number;                         /* not written: its place in the workers' parts */
};

#define RECORD_UNKNOWN UINT64_MAX /* a number that is not known */

/* Of all addresses that a target has had, so that no look-up and no reload lets these go back. */
struct target_totals {
	uint64_t connects, failures;
	uint64_t checks, check_failures;
};

/* One address of a target, or a target whose name has none yet. */
struct target_record {
	const char *relay;              /* borrowed from the report */
	const char *target;             /* as configured; borrowed from label, or NULL: no memory */
	const struct endpoint *address; /* in addresses; or NULL */
	bool backup;
	enum target_state state;
	uint64_t weight; /* 0: it gets no new clients, but has pairs */
	uint64_t pairs;
	uint64_t connects, failures; /* connections made, and failed */
	int last_error;              /* -errno; 0: none */
	uint64_t since_ms;           /* in the state; trying counts as down */
	uint64_t checks, check_failures;
	struct target_totals totals; /* not written: of its target */
	/* not written: references that keep the above */
	struct label *label;
	struct address_list *addresses;
};

struct flow_record {
	uint64_t queued, peak, high, low; /* bytes */
	uint64_t pauses, paused_ms, longest_pause_ms;
	uint64_t bytes;         /* written to the sink */
	uint64_t source_queue;  /* bytes in the kernel, unread */
	uint64_t sink_queue;    /* bytes in the kernel, unacknowledged; or RECORD_UNKNOWN */
	uint64_t unanswered_ms; /* for how long its sink has left unanswered what it was sent */
	enum reading reading;
	enum blame limited_by;
	/* Evidence of the verdict, lately. RECORD_UNKNOWN: the kernel does not say. */
	uint64_t paused;  /* permille of the window */
	uint64_t lag_ms;  /* how long the sink's path takes for what the kernel holds for it */
	uint64_t rtt_us;  /* round trip to the sink */
	uint64_t rwnd;    /* its window was shut; permille of the time in which it had something to take */
	uint64_t retrans; /* segments sent to it again, since its connection began */
};

/* The address of a target, as its first one and a place in its range of ports. */
struct placed_endpoint {
	const struct endpoint *first; /* borrowed; NULL: none */
	uint16_t place;
};

/* There are as many of these as pairs, so they hold nothing as text. */
struct pair_record {
	uint64_t id;
	const char *relay; /* borrowed from the report */
	unsigned worker;
	enum pair_state state;
	struct address_list *targets;  /* a reference, because target is in it; or NULL */
	struct placed_endpoint target; /* none: none was tried yet */
	union client_address client;
	union client_address via; /* where it connected from, if a header told client; else AF_UNSPEC */
	uint64_t age_ms, idle_ms;
	struct verdict verdict;
	uint64_t since_ms;      /* for how long what it waits for has lasted */
	enum blame last_from;   /* who has spoken last: client, target or none */
	uint64_t waited_client; /* permille of the last one to three seconds */
	uint64_t waited_target;
	struct flow_record flow[DIRECTIONS];
};

/* What a report has. The pairs cost most of it. */
enum report_depth {
	REPORT_SUMS,  /* no records of pairs: metrics need none */
	REPORT_PAIRS, /* all */
};
#define REPORT_DEPTHS (REPORT_PAIRS + 1)

/* One worker's part, all of it from one moment. */
struct report_part {
	struct relay_record *relays; /* by the numbers of their standings; owned; NULL: there was no memory */
	struct pair_record *pairs;   /* owned; or NULL, see enum report_depth */
	size_t pair_count;           /* also of pairs without records */
};

/* Holds all that it needs, so it may outlive the workers and be written by any thread. */
struct report {
	enum report_depth depth;
	struct process_record process;
	struct relay_record *relays; /* owned; those of the configuration first, in its order */
	size_t relay_count;
	struct target_record *targets; /* owned; those of a relay together, in the order of the relays */
	size_t target_count;
	struct report_part *parts; /* owned */
	size_t part_count;
	/* private */
	struct refcount references;
	size_t target_room;
	struct label **names; /* of the relays: references */
	size_t name_count;
};

/* Frees count records of one allocation. Takes NULL. */
void pair_records_free(struct pair_record *records, size_t count);

/* Frees what a part holds and zeroes it. */
void report_part_deinit(struct report_part *part);

/* A report with room for so many relays, none of them added yet, and empty parts. NULL when out of memory. */
struct report *report_new(size_t relay_max, size_t part_count);
/* Adds a relay. number is that of its standing. limits NULL: it is not in the configuration any more. */
void report_add_relay(struct report *report, struct label *name, size_t number,
                      const struct flow_limits limits[DIRECTIONS]);
/* Adds a target, which takes over its references even if this fails. 0 or -ENOMEM. */
int report_add_target(struct report *report, const struct target_record *target);
/* Adds up what the parts say. Leaves out removed relays without pairs. */
void report_sum(struct report *report);
/* One more reference to a report that does not change any more. Any thread. */
struct report *report_get(struct report *report);
/* Gives a reference back; the last one frees. Any thread. Takes NULL. */
void report_free(struct report *report);
/* The number of pairs in all parts. */
size_t report_pair_count(const struct report *report);

#endif
