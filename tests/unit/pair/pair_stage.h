/*
 * Pairs between real sockets, for the tests of the pair module: the test is the clients and the targets, and
 * accepts for the worker.
 */
#ifndef WEIR_UNIT_PAIR_STAGE_H
#define WEIR_UNIT_PAIR_STAGE_H

#include "faults.h"
#include "net/stream.h"
#include "pair/pair_private.h"
#include "pair/pair_state.h"
#include "relays.h"
#include "unit.h"

#define SCRATCH    (32 * 1024)
#define MEMORY_MAX (16 * 1024 * 1024)
#define BULK       (8 * 1024 * 1024)
#define SMALL      16384 /* a kernel buffer */
#define NOTICED_MS 2000

extern struct event_base *base;
extern struct budget budget;
extern struct slots slots, pipe_slots;
extern struct pipe_pool pipes;
extern struct pair_set set;
extern _Atomic bool log_connections; /* of the set; true at first */
extern struct relay *relay;
extern int gate;   /* where clients come in */
extern int target; /* where targets are accepted */
extern unsigned ended, fds_before;
extern int mine[256]; /* descriptors of the test */
extern size_t mine_count;
extern size_t fail_after; /* libevent's n-th allocation from now on fails */

int keep(int fd);
void forget(int fd);
void reset(int fd);
int listen_here(void);
/* Where clients come in. What is accepted from it resets when it is closed, as with socket_listen. */
int open_gate(void);
/* A port where nobody listens, and that no one can take. */
int refusing(void);
/* A target that never answers: its backlog is full, so the kernel drops every SYN. */
int silent(void);
/* The listener becomes one. */
void silence(int listener);
int listen_unix(const char *name, int backlog);
int listen_abstract(int backlog);
void setup(void);
void open_relay(const char *const *targets, const char *const *options);
/* A relay to the one target. */
void begin(const char *const *options);
void teardown(void);
/* A client that has come in; *fd is the worker's end, which has a ticket. */
int come_in(int *fd, struct admission *ticket, union client_address *address);
/* The nth of these calls on the way from an accepted client to a target fails with error. */
int join_with(enum fault fault, size_t nth, int error);
/* A client that the worker has just accepted. */
int join(void);
int try_meet(int listener);
/* The next connection that a target gets. */
int meet(int listener);
struct pair *only_pair(void);
/* Begins to survey all pairs, for records that the caller frees. NULL: no memory. */
struct pair_record *begin_survey(size_t *count);
/* What it has found about relays, by their numbers. */
extern struct relay_record survey_sums[8];
/* Adds what the pairs count as of now (clock_ms), as metrics need it. */
void add_pairs(uint64_t now, struct relay_record *relays);
/* What a dump says of the newest pair. Its target is not valid any more. */
struct pair_record dump_newest(void);
/* The next connection that a target gets, once the newest pair knows of it too. */
int meet_open(int listener);
/* As if the last byte of either flow, and every end, had been so long ago. */
void be_quiet_since(struct pair *pair, uint64_t ms);
/* As if the time had come, before the loop looks at sockets; then one pass of it. */
void fire_timer(struct pair *pair);
/* Runs the loop for a while without a condition: to see that nothing happens. */
void run_for(uint64_t ms);
/* Receives until the stream ends, and says how; the bytes are counted. */
enum loop_end drain(int fd, uint64_t *received);
void assert_ends(int fd, enum loop_end how, uint64_t bytes);
void assert_receives(int fd, uint64_t *received, uint64_t until);
/* Sends until all of it is with the relay's kernel, where a reset cannot take it back. */
void send_all(int fd, uint64_t offset, uint64_t length);
/* Sends until the flow has paused its source and the kernels in between are full too. */
uint64_t fill(int fd, const struct flow *flow);
/*
 * Ends both streams of the only pair, after an answer of so many bytes. All of it is with the kernel then,
 * and the client has read nothing.
 */
void end_with_answer(int client, int server, size_t answer);
void assert_over(const char *reason);
/*
 * As if another program had taken over here: all pairs are saved, and others in their place are restored, by
 * as many workers. Pointers to pairs and flows are not valid any more.
 */
void take_over(void);
/* The parts of that. The state of the pairs in a memory file, for this purpose. */
int save_pairs(enum state_purpose purpose);
/* The pairs and their set are gone, and no peer has noticed. There is another set, one of so many. */
void lose_pairs(unsigned workers);
/* Those that were restored for a rehearsal are gone. */
void end_rehearsal(void);
/* Restores them from the file, and closes it. 0, or the last error, with the message in restore_error. */
int restore_pairs(int file, bool rehearsal);
extern char restore_error[160];
/* Of the allocations that restoring a pair takes, this one fails: ours, or libevent's. 0: none. */
extern size_t restore_fails, restore_event_fails;
TCase *make_case(const char *name);

#endif
