/*
 * What the files of the pair module share: pair.c (life and death), pair_end.c (peers that end or fail),
 * pair_time.c (deadlines), pair_entry.c (what a client must do first), pair_header.c (its PROXY header),
 * pair_connect.c (targets), pair_hold.c (clients that wait for one), pair_damp.c (relays that get nowhere),
 * pair_recap.c (lines that sum up), pair_watch.c (silent failures), pair_vanish.c (peers that are gone),
 * pair_rate.c (readers that take too little), pair_limits.c (limits on rates), pair_waits.c (what it waits
 * for), pair_block.c (sides that block each other), pair_verdict.c (for whom, and why), pair_report.c (log
 * and counters), pair_survey.c (records).
 */
#ifndef WEIR_PAIR_PRIVATE_H
#define WEIR_PAIR_PRIVATE_H

#include "base/backoff.h"
#include "base/timers.h"
#include "net/proxy_header.h"
#include "net/tcp_state.h"
#include "pair/pair.h"
#include "pair/waits.h"
#include "report/reason.h"
#include "report/state.h"

struct event;
struct life;
struct pair_looks;

enum __attribute__((packed)) phase {
	PHASE_HEADER,     /* the client's PROXY header has not come, or not all of it */
	PHASE_SILENT,     /* connect_on = data: the client's first byte has not come */
	PHASE_WAITING,    /* the next attempt to connect a target is postponed */
	PHASE_HELD,       /* no target could be connected; in line at the gate, until all are tried again */
	PHASE_DUE,        /* no longer in line: all targets are tried again when the timer fires */
	PHASE_CONNECTING, /* an attempt is under way */
	PHASE_OPEN,       /* connected; each flow runs or has ended well */
	PHASE_FAILING,    /* a peer has failed; what came from it is on its way to the opposite */
	PHASE_ENDING,     /* all that came was sent on, and ends too, but not all of it is acknowledged */
};

/* How fast a sink with bytes queued takes them; see pair_rate.c. */
struct sink_pace {
	uint64_t look_at;      /* clock_ms */
	uint64_t since, taken; /* clock_ms from which it is measured, 0: not yet; bytes taken by then */
};

/*
 * The last look at a pair whose sides block each other; see pair_block.c. Of all but the flags these are the
 * lower bits.
 */
struct block_look {
	uint32_t at;                           /* clock_ms */
	uint32_t wait : 31;                    /* ms until the next one; 0: they do not */
	uint32_t looked : 1;                   /* else this is only when the first one was planned */
	uint32_t edge[SIDES], received[SIDES]; /* bytes: the end of its window; what it has sent */
};
#define BLOCK_WAIT_MAX ((1U << 31) - 1)

/* One end of a pair. */
struct peer {
	struct pair *pair;
	struct flow from;       /* the flow whose source this peer is */
	struct sink_pace *pace; /* while it has bytes queued and there is a min_rate; otherwise NULL */
	/* clock_ms; what was sent to it before is acknowledged, or its window was shut then. */
	uint64_t owing_since;
	uint64_t look_at; /* clock_ms at which we see what it has answered; 0: it owes nothing */
	int fd;           /* -1: none (yet) */
	bool ended_first; /* it has ended or failed before its opposite */
	bool over;        /* its stream has ended both ways, and all of that is acknowledged */
	bool owes;        /* PHASE_ENDING: it had yet to acknowledge something at the last look */
	bool steady;      /* as long as its flow runs, what comes from it changes nothing else; see pair.c */
};

/* What is known of a client that had to send a PROXY header. */
struct arrival {
	union client_address via; /* where its connection comes from */
	/* With addresses, and only until it was sent on to the target; or NULL. */
	struct proxy_header *told;
	unsigned char *bytes; /* PHASE_HEADER: what has come of it, if that is not all; or NULL */
	size_t size;
	const char *wrong; /* what is wrong with the header; NULL: nothing, or it is late */
	bool heard;        /* a byte has come */
};

struct pair {
	struct pair_set *set;
	struct relay *relay; /* that of the ticket, which holds it */
	struct peer client, target;
	uint64_t id;
	uint64_t born; /* clock_ms */
	struct admission ticket;
	struct arrival *arrival;     /* PHASE_HEADER, or the header told an address; else NULL */
	struct target_choice choice; /* the target address being tried, or connected */
	union {
		struct { /* up to PHASE_CONNECTING */
			union {
				uint64_t attempt_began; /* clock_ms */
				uint64_t retry_at;      /* PHASE_HELD: not before this, clock_ms */
			};
			union {
				struct {
					uint32_t attempt; /* have failed, of at most connect_attempts */
					bool unserved;    /* none is left: the pair ends */
				};
				TAILQ_ENTRY(pair) held_entry; /* PHASE_HELD */
			};
			int attempt_error;       /* -errno of the last attempt that failed, or 0 */
			int wait_reason;         /* -errno: why PHASE_WAITING, or what it has met at last */
			struct backoff postpone; /* how long the next attempt waits, more or less */
			uint64_t sought_since;   /* clock_ms; it seeks a target since then */
			struct tried *tried;     /* those that have failed */
		};
		struct {                          /* from PHASE_OPEN on */
			struct pair_looks *looks; /* at its sockets; NULL before the first */
			union {
				struct block_look block;     /* PHASE_OPEN */
				struct {                     /* PHASE_FAILING, PHASE_ENDING */
					struct backoff look; /* how long until the next look */
					/* PHASE_ENDING: bytes, and when that last shrank */
					uint64_t unacknowledged, acknowledged_at;
				};
			};
			struct waits waits;
		};
	};
	struct timer timer;
	LIST_ENTRY(pair) entry, watch_entry;
	uint32_t attempts; /* to connect: those that have failed, and the one that has not */
	uint32_t record;   /* its place in the current survey; there are never so many pairs */
	enum phase phase;
	enum reason turned_away; /* why the client gets no target, before one was sought; or REASON_NONE */
	bool answered;           /* a byte or the end has come from the target */
	bool bound;              /* its target's socket has a port that we chose, not the kernel */
	bool blind;              /* nothing is read from a peer, so it is on the list of pairs to watch */
	bool retries;            /* all targets have failed once, and retry_time counts */
};

static inline struct peer *pair_opposite(const struct peer *peer)
{
	return peer == &peer->pair->client ? &peer->pair->target : &peer->pair->client;
}

static inline struct tally *pair_tally(const struct pair *pair)
{
	return &pair->relay->standing->tallies[pair->set->worker];
}

static inline struct counters *pair_counters(const struct pair *pair)
{
	return &pair_tally(pair)->counters;
}

static inline struct damper *pair_damper(const struct pair *pair)
{
	return &pair_tally(pair)->damper;
}

/*
 * The address of the target being tried, or connected. There must be one. Of a range it has the first port,
 * and target_choice_endpoint has the one that is connected.
 */
static inline const struct endpoint *pair_target(const struct pair *pair)
{
	return health_endpoint(pair->choice.health);
}

static inline bool pair_is_connected(const struct pair *pair)
{
	return pair->phase >= PHASE_OPEN;
}

/* It seeks no target yet, because something of the client has to come first; pair_entry.c. */
static inline bool pair_is_entering(const struct pair *pair)
{
	return pair->phase == PHASE_HEADER || pair->phase == PHASE_SILENT;
}

/* Where the client's connection comes from. That is the client, unless a header says otherwise. */
static inline const union client_address *pair_via(const struct pair *pair)
{
	return pair->arrival ? &pair->arrival->via : &pair->ticket.client;
}

/* The header to be sent on to the target. NULL: none came, or without addresses. */
static inline const struct proxy_header *pair_told(const struct pair *pair)
{
	return pair->arrival ? pair->arrival->told : NULL;
}

/* Of a peer with a socket: it is no unix socket. */
static inline bool pair_is_tcp(const struct peer *peer)
{
	const struct pair *pair = peer->pair;
	bool is_client = peer == &pair->client;

	return (is_client ? pair_via(pair)->any : pair_target(pair)->any).sa_family != AF_UNIX;
}

/* It has no target and tries none; pair_hold.c. */
static inline bool pair_is_held(const struct pair *pair)
{
	return pair->phase == PHASE_HELD || pair->phase == PHASE_DUE;
}

/* Acts on the state of a pair. It may close and free the pair, so a callback calls it last. */
void pair_settle(struct pair *pair);
/* The last part of that: closes the pair for the reason, or waits for what comes next if there is none. */
void pair_go_on(struct pair *pair, enum reason reason);
/* A zeroed pair becomes one of the set, with this ticket, which is consumed. target_fd: -1 if it has none. */
void pair_enlist(struct pair *pair, struct pair_set *set, const struct admission *ticket, int client_fd,
                 int target_fd);

/* The peer's event: it reads for the flow from it. The target's first waits for the connection. */
struct event *pair_event(const struct peer *peer);

/* Closes the peer's socket, if it has one. With reset, the other end sees a reset. */
void pair_close_socket(struct peer *peer, bool reset);

/* pair_end.c */

/* True if the peer was reset or broken, however that was noticed. */
bool pair_peer_failed(const struct peer *peer);
/* True if its stream has ended or it has failed. */
bool pair_peer_has_ended(const struct peer *peer);
/* PHASE_ENDING: bytes that the kernel holds until a peer has acknowledged them. */
uint64_t pair_unacknowledged(struct pair *pair);
/* Goes on with what follows from ends and failures. Why the pair must be closed, or REASON_NONE. */
enum reason pair_judge(struct pair *pair);
/* While it is looked at for acknowledgements: the next look comes later than the last one did, or soon. */
void pair_end_look_later(struct pair *pair);
/* False if it is not. The caller settles. */
bool pair_end_look_soon(struct pair *pair);

/* pair_entry.c */

/* The client has been accepted. The caller settles. */
void pair_entry_begin(struct pair *pair, const union client_address *client);
/* The client's address is known; its header, if there had to be one, was taken. The caller settles. */
void pair_entry_admit(struct pair *pair, const union client_address *client);
/* PHASE_HEADER or PHASE_SILENT. */
void pair_entry_begin_phase(struct pair *pair, enum phase phase);
/* Waits until something has come from the client. Its end and its reset are reported too. */
void pair_entry_await(struct pair *pair);
/* The client gets no target. The caller settles. */
void pair_entry_turn_away(struct pair *pair, enum reason reason);
/* The pair is about to be closed. */
void pair_entry_forget(struct pair *pair);

/* pair_header.c */

/* The client must begin with a header. The caller settles. */
void pair_header_begin(struct pair *pair, const union client_address *client);
/* Takes what has come of it. The caller settles. */
void pair_header_read(struct pair *pair);
/* The header has been sent on: it is not needed any more. */
void pair_header_sent(struct pair *pair);
void pair_header_free(struct pair *pair);
/*
 * Bytes that a client with a header costs besides its pair, at most. later: what it costs once the header has
 * come.
 */
size_t pair_header_cost(size_t later);

/*
 * pair_connect.c: seeks a target, since a time (clock_ms). Begins with the first attempt, or waits until a
 * target has an address. The caller settles.
 */
void pair_connect_begin(struct pair *pair, uint64_t since);
/*
 * Goes on from pair->attempt until an attempt is under way, the target is connected, or no
 * attempt is left. The caller settles.
 */
void pair_connect_next(struct pair *pair);
/* An attempt with a socket is under way: waits for it. 0 or -ENOMEM. */
int pair_connect_await(struct pair *pair);
/* The timer of a connecting pair has fired: its time is up (expired), or a postponed attempt is due. */
void pair_connect_again(struct pair *pair, bool expired);
/* Milliseconds until a postponed attempt is due: other ones each time. */
uint64_t pair_connect_wait(const struct pair *pair);

/* pair_hold.c */

/* A postponed attempt or round is repeated soon, then less often: many pairs may wait for the same target. */
#define POSTPONE_MIN_MS 20
#define POSTPONE_MAX_MS 400

/* No target could be connected. The client is held, or retry_time is over: false. */
bool pair_hold(struct pair *pair);
/* Holds a client for which no target has an address yet, for connect_timeout. */
void pair_hold_untried(struct pair *pair);
/* When a held pair must be looked at next because of that. */
uint64_t pair_hold_next(const struct pair *pair);
/* True if a held pair begins its next round now. It is in PHASE_WAITING then. */
bool pair_hold_is_due(struct pair *pair);
/* A held pair is held no longer, and in PHASE_WAITING. */
void pair_hold_leave(struct pair *pair);
/* True if retry_time is over for a client that was held. */
bool pair_hold_is_over(const struct pair *pair);
/* Nothing is tried any more. The caller settles. */
void pair_hold_end(struct pair *pair);
/* Waits for the end of a client that was held; it retries from then on. */
void pair_hold_listen(struct pair *pair);
/* The last in line at its gate, of which this is known. */
void pair_hold_restore(struct pair *pair, uint64_t opens, unsigned heard);
/* The target is connected, and the flows are about to be attached. */
void pair_hold_connected(struct pair *pair);
/* The pair is about to be closed. */
void pair_hold_forget(struct pair *pair);

/* pair_time.c */
#define PAIR_NEVER TIMERS_NEVER

/* clock_ms of the last byte either way. */
uint64_t pair_last_activity(const struct pair *pair);
/* Which deadline has passed, or REASON_NONE. If the daemon itself was late, no pair times out. */
enum reason pair_expired(struct pair *pair);
/*
 * A deadline moves with every byte; the timer does not. If it fires early, it is set again. 0, or -ENOMEM: no
 * event may come any more, so the pair must be closed.
 */
int pair_arm_timer(struct pair *pair);

/* pair_watch.c: puts the pair on the list of pairs to watch if that is needed, or takes it off. */
void pair_watch(struct pair *pair);
/* The pair ends: takes it off. */
void pair_unwatch(struct pair *pair);
int pair_watch_init(struct pair_set *set);
void pair_watch_deinit(struct pair_set *set);

/* pair_vanish.c */

/* When the pair must be looked at next because of what its peers owe. PAIR_NEVER: they owe nothing. */
uint64_t pair_vanish_next(struct pair *pair);
/* However much more the peer is sent, it need not be looked at earlier. */
bool pair_vanish_is_on_watch(const struct peer *peer);
/* Finds out, when that is due, whether a peer has vanished. If so, it has failed. The caller settles. */
void pair_vanish_look(struct pair *pair);
/* Something that the peer was sent may not be acknowledged. A pair that is ending waits for just that. */
bool pair_may_owe(const struct peer *peer);
/* What its TCP knew at now (clock_ms). True if it owes something; if not, that is remembered. */
bool pair_note_owing(struct peer *peer, const struct tcp_state *tcp, uint64_t now);
/* Milliseconds for which the peer has left what it was sent unanswered, as of now (clock_ms). */
uint64_t pair_unanswered_ms(const struct peer *peer, const struct tcp_state *tcp, uint64_t now);

/* pair_rate.c */

/* When the pair must be looked at next because of min_rate. PAIR_NEVER: nothing is queued, or it is off. */
uint64_t pair_rate_next(struct pair *pair);
/* False if a sink has taken less than min_rate over a whole stall_timeout. */
bool pair_rate_is_kept(struct pair *pair);
/* The sink is no longer measured. */
void pair_rate_forget(struct peer *sink);

/* pair_limits.c: the limits on the rates of its relay hold for the pair, whose flows are attached. */
void pair_limit_rates(struct pair *pair);

/* pair_waits.c */

/* The target is connected, and the flows begin. */
void pair_waits_begin(struct pair *pair);
/* After an event of a connected pair, before anything else is done about it. */
void pair_waits_note(struct pair *pair);
/* The same, after bytes of a peer that is steady. */
void pair_waits_hear(struct peer *source);
/*
 * What it has waited for since the last look, which has counted what was before. closing: as waits_totals.
 * The length is that of its life.
 */
struct wait_totals pair_waits_totals(const struct pair *pair, uint64_t now_us, bool closing);

/* pair_block.c */

/* When the pair must be looked at next because its sides block each other. PAIR_NEVER: they do not. */
uint64_t pair_block_next(struct pair *pair);
/* Looks, when that is due, which of them takes some. */
void pair_block_look(struct pair *pair);
/* What TCP knew about both, now (clock_us): the same, as far as that tells. */
void pair_block_note(struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now_us);

/* pair_verdict.c */

/* What the peer's TCP knows. Nothing without a socket, or of a unix socket, which is not asked. */
struct tcp_state pair_tcp_state(const struct peer *peer);
/* The same of both peers; nothing of a target that is not connected. */
void pair_tcp_states(const struct pair *pair, struct tcp_state tcp[SIDES]);
/* Looks at the sockets of a connected pair, now (clock_us), if it has moved enough for that. */
void pair_look(struct pair *pair, uint64_t now);
void pair_looks_free(struct pair *pair);
/* Looks at the CPU of the worker, whose thread calls this, if the last look is a second ago. */
void pair_look_at_cpu(struct pair_set *set, uint64_t now);
/* Bytes that they cost a pair, at most. */
size_t pair_looks_cost(void);
/* Those of a connected pair, if there are any, for the program that takes over. 0, -ENOMEM or -EPROTO. */
void pair_looks_save(const struct pair *pair, struct state_writer *writer);
int pair_looks_restore(struct pair *pair, struct state_reader *reader);
/* Adds the verdict, and the evidence that the kernel gives, as of now. cpu: of its worker. */
void pair_verdict_describe(struct pair *pair, struct cpu_use cpu, struct pair_record *record);
/* The same verdict. The kernel is asked only if that may change it. */
struct verdict pair_verdict(struct pair *pair, struct cpu_use cpu);
/* What all of its life was waited for, now (clock_us) that it ends. The sockets are still open. */
struct life pair_judge_life(const struct pair *pair, uint64_t now, const struct wait_totals *totals);

/* pair_damp.c */
/* False if the close line of the pair is left out. It is counted then. */
bool pair_may_log_close(struct pair *pair);
/* Tells the relay if the target has sent a byte or ended its stream. */
void pair_note_answer(struct pair *pair);
/* True if the first attempt has to wait; the pair is in PHASE_WAITING then. */
bool pair_waits_for_damper(struct pair *pair);

/* pair_recap.c: something about the relay is to be told later. */
void pair_recap_later(struct pair_set *set, struct relay *relay);
int pair_recap_init(struct pair_set *set);
void pair_recap_deinit(struct pair_set *set);

/*
 * pair_seek_state.c and pair_open_state.c: parts of pair_state.c. Restoring returns 0, -ENOMEM or -EPROTO.
 * The pair is in PHASE_WAITING before, and in its own phase once it has what belongs to that: so it can be
 * closed at any time.
 */
void pair_header_save(const struct pair *pair, struct state_writer *writer);
int pair_header_restore(struct pair *pair, struct state_reader *reader);
void pair_seek_save(const struct pair *pair, struct state_writer *writer);
int pair_seek_restore(struct pair *pair, enum phase phase, bool retries, struct state_reader *reader);
void pair_open_save(const struct pair *pair, struct state_writer *writer);
int pair_open_restore(struct pair *pair, enum phase phase, struct state_reader *reader);

/* pair_report.c */
enum pair_state pair_state(const struct pair *pair);
/* Logs and counts the end of the pair, whose sockets are still open. */
void pair_report_close(struct pair *pair, enum reason reason);
/* Adds what the pair has counted, as of now (clock_ms). life: what it has waited for. */
void pair_count(const struct pair *pair, uint64_t now, const struct wait_totals *life,
                struct counters *counters);

/* pair_survey.c */

/* The pair ends, so a survey that is under way must no longer touch it. */
void pair_survey_forget(struct pair *pair);
/* Ends a survey, if one is under way. What it has found stays with the caller of pair_survey_begin. */
void pair_survey_end(struct pair_set *set);

#endif
