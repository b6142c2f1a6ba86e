/* Connecting to a target: one address after another, until one is connected or none is left. */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/hash.h"
#include "net/proxy_send.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>

static void on_connected(int fd, short what, void *pair);

/* Without memory for what it has tried, a client would try that again, so its round is over. */
static void count_attempt(struct pair *pair, int error)
{
	if (!pair->choice.health)
		return;
	if (!shortage_is_of_address(error)) {
		pair->attempt++;
		pair->attempts++;
	}
	if (tried_add(&pair->tried, pair->choice.health) < 0)
		pair->attempt = UINT32_MAX;
}

static void fail_attempt(struct pair *pair, int error)
{
	bool in_vain = error == -ETIMEDOUT && pair->phase == PHASE_WAITING;

	pair->attempt_error = error;
	/* What we waited for in vain says more than a timeout does. */
	pair->wait_reason = in_vain ? pair->wait_reason : error;
	if (!shortage_is_of_address(error)) /* that is ours, and the next address is tried */
		targets_note_attempt(pair->relay->targets, &pair->choice, pair->wait_reason);
	if (pair->target.fd >= 0)
		event_del(pair_event(&pair->target));
	/* If the target was connected after all, it must not see an empty stream that looks complete. */
	pair_close_socket(&pair->target, true);
	count_attempt(pair, error);
}

/* A size set in relay.ini bounds what is in a socket. The kernel alone does not keep to it. */
static void bound_sinks(struct pair *pair)
{
	if (pair->relay->client_tuning.sndbuf != UNITS_AUTO)
		flow_bound_sink(&pair->target.from);
	if (pair->relay->target_tuning.sndbuf != UNITS_AUTO)
		flow_bound_sink(&pair->client.from);
}

/*
 * Between two unix sockets, splice(2) saves weir a tenth of its CPU time, but the peers lose more than that:
 * with splice, 16 streams move 0.6 times as much (bench/, case unix-bulk).
 */
static bool may_splice(const struct pair *pair)
{
	return pair->relay->config->splice == SPLICE_AUTO &&
	       (pair_is_tcp(&pair->client) || pair_is_tcp(&pair->target));
}

static void open_flows(struct pair *pair)
{
	struct peer *client = &pair->client, *target = &pair->target;
	bool splice = may_splice(pair);

	pair_hold_connected(pair);
	pair_header_sent(pair);
	tried_forget(&pair->tried);
	pair_waits_begin(pair);
	pair->phase = PHASE_OPEN;
	pair->attempts++;
	targets_note_attempt(pair->relay->targets, &pair->choice, 0);
	shortage_end(&pair->relay->standing->is_short, pair->relay->config->name);
	flow_attach(&client->from, client->fd, target->fd, pair_event(client), splice);
	flow_attach(&target->from, target->fd, client->fd, pair_event(target), splice);
	bound_sinks(pair);
	pair_limit_rates(pair);
	flow_start(&client->from);
	flow_start(&target->from);
}

static bool is_its_own_peer(const struct pair *pair)
{
	const struct endpoint target = target_choice_endpoint(&pair->choice);

	return socket_is_its_own_peer(pair->target.fd, &target);
}

/* Tells the target who the client is, before any other byte. 0 or -errno. */
static int send_header(const struct pair *pair)
{
	const enum proxy_version version = (enum proxy_version)pair->relay->config->send_proxy;
	const struct proxy_header *told = pair_told(pair);

	if (pair->relay->config->send_proxy == SEND_PROXY_OFF)
		return 0;
	if (told)
		return proxy_send(pair->target.fd, version, &told->source, &told->destination);
	return proxy_send_client(pair->target.fd, version, &pair->ticket.client, pair->client.fd);
}

static void assign_event(struct pair *pair)
{
	event_assign(pair_event(&pair->target), pair->set->io.base, pair->target.fd, EV_WRITE, on_connected,
	             pair);
}

static int await(struct pair *pair)
{
	return event_add(pair_event(&pair->target), NULL) < 0 ? -ENOMEM : 0;
}

int pair_connect_await(struct pair *pair)
{
	assign_event(pair);
	return await(pair);
}

/*
 * Looks at the attempt. 0 if it is connected and the flows are open, or still under way and an event waits
 * for it; otherwise -errno. If it has failed but there is something to read, the target was connected,
 * answered and failed after that. Then the answer counts. Where it is we who cannot send our header, it does
 * not, and nothing is left of the attempt.
 */
static int check_connection(struct pair *pair)
{
	int error = socket_connect_result(pair->target.fd);

	if (error == -EINPROGRESS)
		return await(pair);
	if (!error && !pair->bound && is_its_own_peer(pair))
		return -ECONNREFUSED; /* nothing else listens there */
	if (!error)
		error = send_header(pair);
	if (socket_error_is_shortage(error))
		pair_close_socket(&pair->target, true);
	if (error && (pair->target.fd < 0 || stream_unread(pair->target.fd) == 0))
		return error;
	open_flows(pair);
	if (error)
		flow_source_failed(&pair->target.from, error);
	return 0;
}

/* A target on this machine is connected, or has refused, by the time that connect(2) returns. */
static int try_choice(struct pair *pair, const struct endpoint *target)
{
	int fd = socket_connect(target, &pair->relay->target_tuning, pair->set->ports, &pair->bound);

	if (fd < 0)
		return fd;
	pair->target.fd = fd;
	assign_event(pair);
	return check_connection(pair);
}

/* A try that has met a shortage is counted, at once or later. Returns what has come of it. */
static int count_shortage(struct pair *pair, int error)
{
	if (pair->target.fd < 0 && socket_error_is_shortage(error)) {
		const struct endpoint target = target_choice_endpoint(&pair->choice);

		shortage_note(&pair_tally(pair)->shortage, &target, error);
		pair_counters(pair)->shortages++;
	}
	return error;
}

/* What try_choice says. While there is a shortage, nothing is tried. */
static int try_unless_short(struct pair *pair)
{
	const struct endpoint target = target_choice_endpoint(&pair->choice);
	int error = shortage_now(&pair_tally(pair)->shortage, &target);

	return error ? error : count_shortage(pair, try_choice(pair, &target));
}

static void note_wait(const struct pair *pair, int error)
{
	const struct relay *relay = pair->relay;

	shortage_begin(&relay->standing->is_short, relay->config->name, &relay->target_tuning.local_address,
	               pair_target(pair), error);
}

/*
 * What has come of an attempt. A full backlog of the target (unix(7)), or a shortage of ours, does not mean
 * that the target is down. Then it is tried again until connect_timeout, and 0 is returned.
 */
static int postpone(struct pair *pair, int error)
{
	if (pair->target.fd >= 0 || (error != -EAGAIN && !socket_error_is_shortage(error)))
		return error;
	if (shortage_is_of_address(error) &&
	    targets_have_other(pair->relay->targets, pair->tried, &pair->choice))
		return error;
	if (error != -EAGAIN)
		note_wait(pair, error);
	pair->phase = PHASE_WAITING;
	pair->wait_reason = error;
	return 0;
}

/* Tries the chosen address. */
static int attempt_connect(struct pair *pair)
{
	pair->phase = PHASE_CONNECTING;
	return postpone(pair, try_unless_short(pair));
}

/* 0 or -EDEADLK with the next choice; otherwise -errno: there is none. */
static int choose_next(struct pair *pair)
{
	struct target_choice choice;
	int error;

	if (pair->attempt >= pair->relay->config->connect_attempts || pair_hold_is_over(pair))
		return -ENOENT;
	error = targets_choose(pair->relay->targets, &pair->ticket.client, pair->ticket.place, pair->tried,
	                       &choice);
	if (!choice.health)
		return error;
	target_choice_deinit(&pair->choice);
	pair->choice = choice;
	pair->attempt_began = clock_ms();
	backoff_reset(&pair->postpone, POSTPONE_MIN_MS);
	return error;
}

/* No address is left to try, or there is none. What an attempt has met says more than that. */
static void end_round(struct pair *pair, int error)
{
	if (!pair->attempt_error)
		pair->attempt_error = pair->wait_reason = error;
	if (!pair_hold(pair))
		pair_hold_end(pair);
}

void pair_connect_next(struct pair *pair)
{
	for (;;) {
		int error = choose_next(pair);

		if (error && error != -EDEADLK) {
			end_round(pair, error);
			return;
		}
		if (!error && pair_waits_for_damper(pair))
			return;
		if (!error)
			error = attempt_connect(pair);
		if (!error)
			return;
		fail_attempt(pair, error);
	}
}

/* Right after the start, names may not be known yet. */
static void begin_round(struct pair *pair)
{
	if (targets_are_unknown(pair->relay->targets))
		pair_hold_untried(pair);
	else
		pair_connect_next(pair);
}

void pair_connect_begin(struct pair *pair, uint64_t since)
{
	pair->phase = PHASE_WAITING;
	pair->sought_since = since;
	damper_take_client(pair_damper(pair), &pair->relay->standing->damping, since);
	backoff_reset(&pair->postpone, POSTPONE_MIN_MS);
	begin_round(pair);
}

EVENT_CALLBACK(on_connected, struct pair, pair)
{
	int error = postpone(pair, count_shortage(pair, check_connection(pair)));

	if (error) {
		fail_attempt(pair, error);
		pair_connect_next(pair);
	}
	pair_settle(pair);
}

/*
 * From half the wait to a quarter more than it, and never the same for long. Otherwise pairs that wait would
 * retry together, and a target that comes and goes in step with one of them would never be met.
 */
uint64_t pair_connect_wait(const struct pair *pair)
{
	uint64_t wait = pair->postpone.wait, chance = hash_mix(pair->id << 32 ^ clock_ms()) >> 32;

	return wait / 2 + (wait * chance * 3 / 4 >> 32);
}

static void expire(struct pair *pair)
{
	if (pair_hold_is_over(pair)) {
		if (!pair_is_held(pair))
			pair->attempt_error = -ETIMEDOUT; /* no failure of the target's: it had less time */
		pair_hold_end(pair);
		return;
	}
	if (pair_is_held(pair))
		pair_hold_leave(pair);
	fail_attempt(pair, -ETIMEDOUT);
	pair_connect_next(pair);
}

static void go_on_waiting(struct pair *pair)
{
	int error;

	backoff_next(&pair->postpone, POSTPONE_MAX_MS);
	error = attempt_connect(pair);
	if (!error)
		return;
	fail_attempt(pair, error);
	pair_connect_next(pair);
}

void pair_connect_again(struct pair *pair, bool expired)
{
	if (expired)
		expire(pair);
	else if (pair->phase == PHASE_WAITING)
		go_on_waiting(pair);
	else if (pair_is_held(pair) && pair_hold_is_due(pair))
		begin_round(pair);
}
