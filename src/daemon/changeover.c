#include "build_config.h"

#include "daemon/changeover.h"

#include <errno.h>

/* Undoes all that was done before the commit. */
static void undo(struct changeover *changeover)
{
	const struct changeover_parts *parts = &changeover->parts;

	preparation_free(changeover->preparation);
	changeover->preparation = NULL;
	for (unsigned i = 0; i < parts->worker_count; i++)
		worker_forget_prepared(parts->workers[i]);
	stand_ins_forget_prepared(parts->stand_ins);
	http_abandon(parts->http);
	facade_abandon(parts->facade);
	generation_put(changeover->next);
	changeover->next = NULL;
	mailbox_take(parts->gone); /* so that its addresses are free again */
}

/* Allocates all that adopting takes. */
static int prepare_adoption(struct changeover *changeover)
{
	const struct changeover_parts *parts = &changeover->parts;
	int error = stand_ins_prepare(parts->stand_ins, changeover->next);

	for (unsigned i = 0; !error && i < parts->worker_count; i++)
		error = worker_prepare(parts->workers[i], changeover->next);
	return error ? error : http_prepare(parts->http, &changeover->next->config->global);
}

static void commit(struct changeover *changeover)
{
	const struct changeover_parts *parts = &changeover->parts;
	struct facade_change change = facade_commit(parts->facade);
	struct generation *generation = changeover->next;

	changeover->next = NULL; /* consumed */
	changeover->adopting = parts->worker_count;
	stand_ins_adopt(parts->stand_ins);
	http_adopt(parts->http);
	changeover->commit(changeover->arg, generation, &change);
	for (unsigned i = 0; i < parts->worker_count; i++)
		worker_order(parts->workers[i], WORKER_ADOPT);
}

/*
 * Clients are let in last, when nothing else can fail, because closing a listening socket resets the clients
 * that wait in it.
 */
static int carry_out(struct changeover *changeover)
{
	int error = prepare_adoption(changeover);

	if (!error)
		error = generation_listen(changeover->next);
	if (error)
		undo(changeover);
	else
		commit(changeover);
	return error;
}

static void take_prepared(void *arg, int error)
{
	struct changeover *changeover = arg;

	if (!error)
		error = generation_find_loops(changeover->next);
	preparation_free(changeover->preparation);
	changeover->preparation = NULL;
	if (error)
		undo(changeover);
	else
		error = carry_out(changeover);
	if (error)
		changeover->done(changeover->arg, error);
}

int changeover_begin(struct changeover *changeover, struct config *config)
{
	const struct changeover_parts *parts = &changeover->parts;

	changeover->next = generation_new(config, parts->standings, parts->resolver, parts->gone);
	if (!changeover->next)
		return -ENOMEM;
	generations_add(parts->generations, changeover->next);
	changeover->preparation = preparation_new(parts->base, parts->lookups, parts->facade,
	                                          changeover->next, take_prepared, changeover);
	if (changeover->preparation)
		return 0;
	undo(changeover);
	return -ENOMEM;
}

int changeover_begin_again(struct changeover *changeover, struct generation *current)
{
	int error = facade_begin(changeover->parts.facade);

	changeover->next = generation_get(current);
	if (error) {
		undo(changeover);
		return error;
	}
	generation_take_again(current);
	return carry_out(changeover);
}

void changeover_take_adopted(struct changeover *changeover)
{
	if (--changeover->adopting == 0)
		changeover->done(changeover->arg, 0);
}

bool changeover_give_up(struct changeover *changeover)
{
	if (!changeover->next)
		return false;
	undo(changeover);
	return true;
}
