/*
 *   a client waits ──► 50 ms ──► still waiting: does its worker answer?
 *        ▲                          │           (WORKER_STAND_IN)
 *        │                       50 ms
 *   nobody waits                    │
 *        └──── it has answered ◄────┴────► it has not: another stands in,
 *                                          until it does
 */
#include "build_config.h"

#include "daemon/stand_ins.h"

#include "daemon/lookout.h"

#include "base/backoff.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "worker/handover.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* How long a worker may leave clients, and then a message, alone. */
#define LOOK_MS 50
/* The same, ever longer, while all that wait do so at a limit. */
#define LOOK_MAX_MS 400
/* After so many looks that found nothing, it stops. */
#define QUIET_LOOKS 2

struct ward {
	bool waiting; /* clients wait for it */
	bool asked;   /* at an earlier look */
	bool late;    /* it was asked, and has not answered yet */
};

struct stand_ins {
	const struct worker_context *shared;
	struct worker *const *workers;
	struct event_base *base;
	struct ward *wards;                 /* one for each worker */
	struct lookout *lookout, *prepared; /* NULL: none yet; none */
	struct event *look;
	struct backoff pause; /* until the next look */
	unsigned quiet;       /* looks in a row that found nothing */
	struct mailbox mailbox;
	struct message handed_over;
};

static unsigned stand_in_of(const struct stand_ins *stand_ins, unsigned worker)
{
	return handover_stand_in(stand_ins->shared->handover, worker);
}

static void ask(struct stand_ins *stand_ins, unsigned worker)
{
	worker_order(stand_ins->workers[worker], WORKER_STAND_IN);
	stand_ins->wards[worker].asked = true;
}

/* ---- who waits ---- */

/*
 * At a limit, clients are meant to wait. But the worker that was told of a free slot may be stuck, so another
 * is told as well.
 */
static bool may_be_accepted(struct stand_ins *stand_ins, struct relay *relay)
{
	slots_pass(&relay->standing->slots);
	slots_pass(stand_ins->shared->slots);
	return !slots_full(&relay->standing->slots) && !slots_full(stand_ins->shared->slots);
}

/* True if any worker has newcomers. */
static bool find_newcomers(struct stand_ins *stand_ins)
{
	bool found = false;

	for (unsigned i = 0; i < stand_ins->shared->worker_count; i++)
		if (handover_waits(stand_ins->shared->handover, i)) {
			stand_ins->wards[i].waiting = true;
			found = true;
		}
	return found;
}

/* True if any client waits. */
static bool find_waiting(struct stand_ins *stand_ins)
{
	const struct watched *waiting[LOOKOUT_BATCH];
	unsigned count = lookout_look(stand_ins->lookout, waiting);

	for (unsigned i = 0; i < count; i++)
		if (may_be_accepted(stand_ins, waiting[i]->relay))
			stand_ins->wards[entrance_whose(waiting[i]->entrance, waiting[i]->number)].waiting =
			        true;
	return find_newcomers(stand_ins) || count > 0;
}

/* ---- who stands in ---- */

static unsigned choose_stand_in(const struct stand_ins *stand_ins, unsigned worker)
{
	unsigned count = stand_ins->shared->worker_count;

	for (unsigned i = 1; i < count; i++) {
		unsigned other = (worker + i) % count;

		if (!stand_ins->wards[other].late && stand_in_of(stand_ins, other) == HANDOVER_NOBODY)
			return other;
	}
	return HANDOVER_NOBODY;
}

/* A worker that already stands in is asked again: it may have to take newcomers of the one that is stuck. */
static void appoint(struct stand_ins *stand_ins, unsigned worker)
{
	unsigned before = stand_in_of(stand_ins, worker), now = before;

	if (before == HANDOVER_NOBODY || stand_ins->wards[before].late)
		now = choose_stand_in(stand_ins, worker);
	if (now != before) {
		handover_set_stand_in(stand_ins->shared->handover, worker, now);
		log_debug("worker %u does not answer", worker);
	}
	if (now != before && before != HANDOVER_NOBODY)
		ask(stand_ins, before);
	if (now != HANDOVER_NOBODY)
		ask(stand_ins, now);
}

static void relieve(struct stand_ins *stand_ins, unsigned worker)
{
	unsigned before = stand_in_of(stand_ins, worker);

	if (before == HANDOVER_NOBODY)
		return;
	handover_set_stand_in(stand_ins->shared->handover, worker, HANDOVER_NOBODY);
	log_debug("worker %u answers again", worker);
	ask(stand_ins, before);
}

/* ---- looking ---- */

static void judge(struct stand_ins *stand_ins, unsigned worker)
{
	struct ward *ward = &stand_ins->wards[worker];

	if (ward->late && ward->waiting)
		appoint(stand_ins, worker);
	else if (!ward->late)
		relieve(stand_ins, worker);
	if (!ward->late && ward->waiting)
		ask(stand_ins, worker);
}

/* True if there is something to look at again. It is urgent if some worker should do something. */
static bool look(struct stand_ins *stand_ins, bool *urgent)
{
	unsigned count = stand_ins->shared->worker_count;
	bool again = find_waiting(stand_ins);

	*urgent = false;
	for (unsigned i = 0; i < count; i++) {
		struct ward *ward = &stand_ins->wards[i];

		ward->late = ward->asked && !worker_has_taken(stand_ins->workers[i], WORKER_STAND_IN);
		ward->asked = ward->late;
	}
	for (unsigned i = 0; i < count; i++) {
		judge(stand_ins, i);
		*urgent = *urgent || stand_ins->wards[i].waiting ||
		          stand_in_of(stand_ins, i) != HANDOVER_NOBODY;
		stand_ins->wards[i].waiting = false;
	}
	return again || *urgent;
}

static void look_later(struct stand_ins *stand_ins)
{
	evloop_set_timer(stand_ins->look, stand_ins->pause.wait);
}

static void begin_looking(struct stand_ins *stand_ins)
{
	stand_ins->quiet = 0;
	backoff_reset(&stand_ins->pause, LOOK_MS);
	look_later(stand_ins);
}

EVENT_CALLBACK(on_arrival, struct stand_ins, stand_ins)
{
	begin_looking(stand_ins);
}

/*
 * A worker may take a client out of its socket before this thread has seen it there, and hand it over to one
 * that is stuck.
 */
static void on_handed_over(void *arg, struct message *message)
{
	(void)message;
	begin_looking(arg);
}

static void tell_handed_over(void *arg)
{
	struct stand_ins *stand_ins = arg;

	mailbox_post(&stand_ins->mailbox, &stand_ins->handed_over);
}

/* False if it has to go on. */
static bool rest(struct stand_ins *stand_ins)
{
	if (event_add(stand_ins->lookout->arrival, NULL) < 0)
		return false;
	handover_rest(stand_ins->shared->handover);
	return !find_newcomers(stand_ins);
}

EVENT_CALLBACK(on_look, struct stand_ins, stand_ins)
{
	bool urgent, again = look(stand_ins, &urgent);

	stand_ins->quiet = again ? 0 : stand_ins->quiet + 1;
	if (again && !urgent)
		backoff_next(&stand_ins->pause, LOOK_MAX_MS);
	else
		backoff_reset(&stand_ins->pause, LOOK_MS);
	if (stand_ins->quiet < QUIET_LOOKS || !rest(stand_ins))
		look_later(stand_ins);
}

/* ---- another generation ---- */

static int prepare(struct stand_ins *stand_ins, const struct generation *generation)
{
	struct lookout *lookout;
	int error = lookout_new(generation, &lookout);

	if (error)
		return error;
	lookout->arrival = event_new(stand_ins->base, lookout->epoll, EV_READ, on_arrival, stand_ins);
	if (!lookout->arrival) {
		lookout_free(lookout);
		return -ENOMEM;
	}
	stand_ins->prepared = lookout;
	return 0;
}

static void log_lack(void)
{
	log_warning("no stand-ins: clients of a worker that is stuck have to wait for it");
}

/* A weir that could start without it does not end for the lack of it. */
int stand_ins_prepare(struct stand_ins *stand_ins, const struct generation *generation)
{
	int error = 0;

	if (!stand_ins)
		return 0;
	/* Entrances refuse clients, or let them in again: the others are left alone. */
	if (stand_ins->lookout && stand_ins->lookout->generation == generation)
		return lookout_extend(stand_ins->lookout);
	error = prepare(stand_ins, generation);
	if (!error || stand_ins->lookout)
		return error;
	log_lack();
	return 0;
}

void stand_ins_forget_prepared(struct stand_ins *stand_ins)
{
	if (!stand_ins)
		return;
	lookout_free(stand_ins->prepared);
	stand_ins->prepared = NULL;
	if (stand_ins->lookout)
		lookout_retract(stand_ins->lookout);
}

/* Begins with a look, whatever it was doing. Somebody may have come already. */
void stand_ins_adopt(struct stand_ins *stand_ins)
{
	if (!stand_ins)
		return;
	if (!stand_ins->prepared) {
		if (stand_ins->lookout)
			lookout_settle(stand_ins->lookout);
		return;
	}
	lookout_free(stand_ins->lookout);
	stand_ins->lookout = stand_ins->prepared;
	stand_ins->prepared = NULL;
	begin_looking(stand_ins);
}

/* ---- life ---- */

static int init(struct stand_ins *stand_ins, struct event_base *base)
{
	stand_ins->base = base;
	stand_ins->wards = calloc(stand_ins->shared->worker_count, sizeof(*stand_ins->wards));
	stand_ins->look = event_new(base, -1, 0, on_look, stand_ins);
	handover_watch(stand_ins->shared->handover, tell_handed_over, stand_ins);
	return stand_ins->wards && stand_ins->look
	               ? mailbox_open(&stand_ins->mailbox, base, on_handed_over, stand_ins)
	               : -ENOMEM;
}

struct stand_ins *stand_ins_new(struct event_base *base, const struct worker_context *shared,
                                struct worker *const *workers)
{
	struct stand_ins *stand_ins = calloc(1, sizeof(*stand_ins));

	if (stand_ins) {
		stand_ins->shared = shared;
		stand_ins->workers = workers;
		stand_ins->mailbox.fd = -1;
		if (init(stand_ins, base) == 0)
			return stand_ins;
	}
	stand_ins_free(stand_ins);
	log_lack();
	return NULL;
}

void stand_ins_stop(struct stand_ins *stand_ins)
{
	if (!stand_ins)
		return;
	if (stand_ins->lookout)
		event_del(stand_ins->lookout->arrival);
	event_del(stand_ins->look);
	mailbox_stop(&stand_ins->mailbox);
}

void stand_ins_free(struct stand_ins *stand_ins)
{
	if (!stand_ins)
		return;
	lookout_free(stand_ins->lookout);
	lookout_free(stand_ins->prepared);
	evloop_free_event(stand_ins->look);
	mailbox_close(&stand_ins->mailbox);
	free(stand_ins->wards);
	free(stand_ins);
}
