/*
 * passengers
 *
 * Holds many pairs through a relay, clients and targets in one process, while the relay's program is
 * replaced; judges every byte and every end, and how long all this was silent. It is told what to do by
 * lines:
 *
 *   relay KIND ADDRESS...  clients of this kind connect there, in turn; kinds without it are left out
 *   begin PAIRS            they come
 *   mark                   the longest silence and the worst trip since the last mark are printed
 *   finish                 pairs end; what each kind has moved is printed, and the program ends
 *
 * First it prints where the targets of each kind listen; "ready" when all that live until the end are there.
 * What is wrong goes to standard error. The exit status is 1 if anything was. It needs a network of its own.
 */
#include "build_config.h"

#include "hosts.h"
#include "passengers.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STARTS_IN_TICK = 20, COMPLAINTS = 30, PATIENCE_S = 60 };

struct relay {
	struct endpoint *endpoints;
	size_t count;
};

static struct relay relays[RELAYS_MAX];
static struct totals totals[RELAYS_MAX];
static struct pair *pairs;
static size_t pair_count, begun_count;
static uint64_t lives, failures, now_us;
static bool told_ready;

/* Since the last mark. */
static uint64_t longest_silence_us, worst_trip_us, longest_tick_us, trips;

static uint64_t longest_delay_us; /* of our own, ever */

bool finishing, gate_open;

void die(const char *what)
{
	fprintf(stderr, "passengers: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

uint64_t random_number(uint64_t below)
{
	static uint64_t state = 1;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- measuring ---- */

void pair_note_arrival(const struct side *side, size_t size)
{
	(void)size;
	if (strcmp(side->pair->kind->name, "flow") != 0 || !side->came_us || finishing)
		return;
	longest_silence_us = most(longest_silence_us, clock_us() - side->came_us);
}

void note_trip(const struct pair *pair, uint64_t us)
{
	(void)pair;
	worst_trip_us = most(worst_trip_us, us);
	trips++;
}

static void mark(void)
{
	printf("mark longest_silence_us=%" PRIu64 " worst_trip_us=%" PRIu64 " trips=%" PRIu64
	       " own_delay_us=%" PRIu64 " failures=%" PRIu64 "\n",
	       longest_silence_us, worst_trip_us, trips, longest_tick_us, failures);
	longest_silence_us = worst_trip_us = trips = longest_tick_us = 0;
}

/* ---- one pair ---- */

static bool is_left_out(const struct kind *kind)
{
	return relays[kind - kinds].count == 0;
}

static int connect_client(const struct pair *pair)
{
	const struct relay *relay = &relays[kind_number(pair)];
	const struct endpoint *endpoint = &relay->endpoints[pair->place % relay->count];
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_buffers(fd, pair->kind->buffers);
	if (endpoint->any.sa_family == AF_INET)
		bind_anywhere(fd, (uint32_t)lives);
	if (connect(fd, &endpoint->any, endpoint->length) < 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

/* A header of the PROXY protocol, of which the first part comes at once. */
static void set_prefix(struct pair *pair)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n";
	struct side *client = &pair->client;

	if (!strstr(pair->kind->name, "header"))
		return;
	client->prefix_size = sizeof(header) - 1;
	memcpy(client->prefix, header, client->prefix_size);
	client->prefix_may = 1 + pair->id % (client->prefix_size - 1);
}

static void begin(struct pair *pair)
{
	lives++;
	*pair = (struct pair){
	        .kind = pair->kind, .place = pair->place, .met = pair->met, .born_us = clock_us()};
	pair->id = lives << 20 | (uint64_t)(pair - pairs);
	side_init(&pair->client, pair, true);
	side_init(&pair->target, pair, false);
	set_prefix(pair);
	side_open(&pair->client, connect_client(pair));
	totals[kind_number(pair)].begun++;
	pair_step(pair);
}

static void complain(const struct pair *pair, const char *what)
{
	const struct side *client = &pair->client, *target = &pair->target;

	totals[kind_number(pair)].failed++;
	if (failures++ < COMPLAINTS)
		fprintf(stderr,
		        "%s pair %" PRIx64 " %s: after %" PRIu64 " ms; client sent %" PRIu64 " of %" PRIu64
		        " received %" PRIu64 " ended %d saw %d; target joined %d sent %" PRIu64
		        " received %" PRIu64 " ended %d saw %d\n",
		        pair->kind->name, pair->id, what, (clock_us() - pair->born_us) / 1000, client->sent,
		        client->may_send, client->received, client->ended, client->seen, pair->joined,
		        target->sent, target->received, target->ended, target->seen);
}

static void add_up(struct pair *pair)
{
	struct totals *sum = &totals[kind_number(pair)];

	sum->up_sent += pair->client.sent;
	sum->up_received += pair->target.received;
	sum->down_sent += pair->target.sent;
	sum->down_received += pair->client.received;
}

/* The pair is over. Another one takes its place, unless this is the end or it has to wait for the gate. */
static void finish_pair(struct pair *pair, uint64_t *counter)
{
	++*counter;
	add_up(pair);
	side_close(&pair->client);
	side_close(&pair->target);
	pair->verdict = ENDED_WELL;
	if (!finishing && !(pair->kind->no_target && !pair->kind->limit_us && gate_open))
		begin(pair);
}

static void fail_pair(struct pair *pair, const char *what)
{
	uint64_t ignored = 0;

	complain(pair, what);
	side_reset(&pair->client);
	side_reset(&pair->target);
	finish_pair(pair, &ignored);
}

static const char *judge_end(const struct side *side, const struct side *other)
{
	if (side->fault)
		return side->fault;
	if (side->seen == SEEN_FIN && !other->ended && !other->reset)
		return "an end that nobody has made";
	if (side->seen == SEEN_FIN && other->reset)
		return "an end in place of a reset";
	if (side->seen == SEEN_FIN && side->received != other->sent)
		return "the end came before all bytes";
	if (side->seen == SEEN_RST && other->reset && side->received < other->acknowledged)
		return "a reset came before bytes that were acknowledged";
	if (side->received > other->sent)
		return "more bytes than were sent";
	return NULL;
}

/* By how much it ended earlier or later than it should have. */
static void note_time(const struct pair *pair)
{
	struct totals *sum = &totals[kind_number(pair)];
	const struct kind *kind = pair->kind;
	int64_t ended = (int64_t)(pair->client.saw_us - kind->limit_us);
	int64_t early = ended - (int64_t)kind->since(pair);
	int64_t late = kind->since_latest ? ended - (int64_t)kind->since_latest(pair) : early;

	if (sum->timed == 0 || early < sum->earliest_us)
		sum->earliest_us = early;
	if (sum->timed == 0 || late > sum->latest_us)
		sum->latest_us = late;
}

static void judge(struct pair *pair)
{
	struct totals *sum = &totals[kind_number(pair)];
	struct side *client = &pair->client, *target = &pair->target;
	const char *wrong = judge_end(client, target);
	bool own_reset = client->reset || target->reset;

	if (!wrong)
		wrong = judge_end(target, client);
	if (!wrong && !own_reset && !pair->kind->limit_us &&
	    (client->seen == SEEN_RST || target->seen == SEEN_RST))
		wrong = "was reset";
	if (wrong) {
		fail_pair(pair, wrong);
	} else if (own_reset && (client->seen == SEEN_RST || target->seen == SEEN_RST)) {
		finish_pair(pair, &sum->reset);
	} else if (client->seen == SEEN_RST && (!pair->joined || target->seen)) {
		note_time(pair);
		finish_pair(pair, &sum->timed);
	} else if (client->seen == SEEN_FIN && target->seen == SEEN_FIN) {
		finish_pair(pair, &sum->well);
	}
}

void pair_step(struct pair *pair)
{
	if (pair->verdict != LIVES)
		return;
	if (pair->client.seen != SEEN_RST && pair->target.seen != SEEN_RST && !pair->client.reset &&
	    !pair->target.reset)
		pair->kind->step(pair, clock_us());
	else
		pair->client.may_take = pair->target.may_take = ALL;
	side_poke(&pair->client);
	side_poke(&pair->target);
	judge(pair);
}

void pair_conclude(struct pair *pair)
{
	pair->client.may_take = pair->target.may_take = ALL;
	pair->client.may_end = pair->target.may_end = true;
}

void pair_meet(uint64_t id, const struct kind *kind, int fd)
{
	struct pair *pair = &pairs[id & 0xfffff];

	if ((id & 0xfffff) >= begun_count || pair->id != id || pair->kind != kind || pair->joined) {
		fprintf(stderr, "a target of %s was told the number of another pair: %" PRIx64 "\n",
		        kind->name, id);
		failures++;
		close(fd);
		return;
	}
	pair->joined = pair->met = true;
	side_join(&pair->target, fd);
	pair_step(pair);
}

void host_failed(const struct kind *kind, const char *what)
{
	fprintf(stderr, "a target of %s: %s\n", kind->name, what);
	failures++;
}

/* ---- all pairs ---- */

static void add_pairs(const struct kind *kind, size_t all)
{
	size_t n = all * kind->permille / 1000;

	if (is_left_out(kind))
		return;
	for (unsigned place = 0; place < (n ? n : 1); place++) {
		pairs = reallocarray(pairs, pair_count + 1, sizeof(*pairs));
		if (!pairs)
			die("memory");
		pairs[pair_count++] = (struct pair){.kind = kind, .place = place};
	}
}

static bool lives_until_the_end(const struct kind *kind)
{
	return !kind->no_target && !kind->limit_us;
}

static void tell_ready(void)
{
	if (told_ready || begun_count < pair_count || pair_count == 0)
		return;
	for (size_t i = 0; i < pair_count; i++)
		if (lives_until_the_end(pairs[i].kind) && !pairs[i].met &&
		    !strstr("silent header", pairs[i].kind->name))
			return;
	told_ready = true;
	printf("ready pairs=%zu\n", pair_count);
}

/* Shut for some seconds, and open until all that waited for it have been served. */
static void swing_gate(void)
{
	static uint64_t since_us;
	bool waiting = false;

	for (size_t i = 0; i < begun_count; i++)
		waiting |= pairs[i].kind->no_target && !pairs[i].kind->limit_us && pairs[i].verdict == LIVES;
	if (gate_open ? waiting || finishing : now_us - since_us < 3000000 && !finishing)
		return;
	gate_open = !gate_open;
	since_us = now_us;
	hosts_open(gate_open);
	for (size_t i = 0; i < begun_count && !gate_open; i++)
		if (pairs[i].verdict != LIVES)
			begin(&pairs[i]);
}

static void tick(void)
{
	uint64_t before = now_us;

	now_us = clock_us();
	if (before)
		longest_tick_us = most(longest_tick_us, now_us - before);
	longest_delay_us = most(longest_delay_us, longest_tick_us);
	for (unsigned i = 0; i < STARTS_IN_TICK && begun_count < pair_count; i++)
		begin(&pairs[begun_count++]);
	for (size_t i = 0; i < begun_count; i++)
		pair_step(&pairs[i]);
	if (pair_count)
		swing_gate();
	tell_ready();
}

/* ---- the end ---- */

static void print_totals(void)
{
	for (unsigned i = 0; i < kind_count(); i++) {
		const struct totals *sum = &totals[i];

		if (is_left_out(&kinds[i]))
			continue;
		printf("kind=%s begun=%" PRIu64 " well=%" PRIu64 " reset=%" PRIu64 " timed=%" PRIu64
		       " failed=%" PRIu64 " up_sent=%" PRIu64 " up_received=%" PRIu64 " down_sent=%" PRIu64
		       " down_received=%" PRIu64 " earliest_us=%" PRId64 " latest_us=%" PRId64 "\n",
		       kinds[i].name, sum->begun, sum->well, sum->reset, sum->timed, sum->failed,
		       sum->up_sent, sum->up_received, sum->down_sent, sum->down_received, sum->earliest_us,
		       sum->latest_us);
	}
}

static bool all_over(void)
{
	for (size_t i = 0; i < begun_count; i++)
		if (pairs[i].verdict == LIVES)
			return false;
	return begun_count == pair_count;
}

static _Noreturn void finish(void)
{
	uint64_t end = clock_us() + PATIENCE_S * (uint64_t)1000000;

	finishing = true;
	while (!all_over() && clock_us() < end) {
		side_wait(TICK_MS);
		tick();
	}
	for (size_t i = 0; i < begun_count; i++)
		if (pairs[i].verdict == LIVES) {
			complain(&pairs[i], "hangs");
			add_up(&pairs[i]);
		}
	print_totals();
	printf("over failures=%" PRIu64 " own_delay_us=%" PRIu64 "\n", failures, longest_delay_us);
	exit(failures ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ---- what it is told ---- */

static void add_address(struct relay *relay, const char *text)
{
	struct address address;

	if (address_parse(text, &address) < 0 || address.kind != ADDRESS_LITERAL)
		die(text);
	relay->endpoints = reallocarray(relay->endpoints, relay->count + 1, sizeof(*relay->endpoints));
	if (!relay->endpoints)
		die("memory");
	relay->endpoints[relay->count++] = address.endpoint;
	address_deinit(&address);
}

static void set_relay(void)
{
	const char *name = strtok(NULL, " ");
	const char *address;

	for (unsigned i = 0; name && i < kind_count(); i++)
		if (strcmp(kinds[i].name, name) == 0)
			while ((address = strtok(NULL, " ")))
				add_address(&relays[i], address);
}

static void begin_all(size_t all)
{
	for (unsigned i = 0; i < kind_count(); i++)
		add_pairs(&kinds[i], all);
}

static void obey(char *line)
{
	const char *word = strtok(line, " ");

	if (!word)
		return;
	if (strcmp(word, "relay") == 0)
		set_relay();
	else if (strcmp(word, "begin") == 0)
		begin_all(strtoul(strtok(NULL, " "), NULL, 10));
	else if (strcmp(word, "mark") == 0)
		mark();
	else if (strcmp(word, "finish") == 0)
		finish();
	else
		die(word);
}

/* Whoever gives the orders has gone, if there is no more to read. */
static void read_orders(struct watch *watch)
{
	static char text[16384];
	static size_t length;
	ssize_t n = read(watch->fd, text + length, sizeof(text) - 1 - length);
	char *end;

	if (n <= 0)
		exit(EXIT_FAILURE);
	length += (size_t)n;
	text[length] = '\0';
	while ((end = strchr(text, '\n'))) {
		char line[sizeof(text)];

		*end = '\0';
		strcpy(line, text);
		length -= (size_t)(end + 1 - text);
		memmove(text, end + 1, length + 1);
		obey(line);
	}
}

int main(void)
{
	struct watch orders = {.fd = STDIN_FILENO, .ready = read_orders};
	struct rlimit limit;

	setlinebuf(stdout);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	side_set_up();
	hosts_set_up();
	watch_for(&orders, EPOLLIN);
	for (;;) {
		side_wait(TICK_MS);
		if (clock_us() - now_us >= TICK_MS * 1000)
			tick();
	}
}
