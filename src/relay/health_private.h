/*
 * What the files of the health module share: healths.c (all of a relay), health.c (one of them),
 * health_group.c (those of a target).
 */
#ifndef WEIR_HEALTH_PRIVATE_H
#define WEIR_HEALTH_PRIVATE_H

#include "relay/health.h"

/* It is there while it has members. Main thread. */
struct health_group {
	struct label *target;
	LIST_HEAD(health_members, health) members;
	struct target_totals forgotten; /* what those had counted that are gone */
};

struct health {
	struct healths *healths;
	struct label *target;
	struct address_list *address;
	const struct endpoint *endpoint; /* in address */
	_Atomic unsigned holders;
	_Atomic uint64_t pairs, connects, failures, checks, check_failures;
	_Atomic int last_error;
	/* Both are written with the lock held. Without it they may be out of date. */
	_Atomic enum health_state state;
	_Atomic unsigned failed; /* connects in a row */
	/* with the lock held */
	uint64_t since, down;
	uint64_t place;        /* see health_place */
	uint64_t failed_at;    /* clock_ms at which it was taken out, or tried in vain */
	uint64_t checks_apart; /* checks in a row that contradict the state */
	int why;
	uint64_t in_a_row;
	bool by_checks;
	/* main thread */
	TAILQ_ENTRY(health) entry;
	uint64_t next_check;
	uint64_t unheld; /* clock_ms since when nobody has it, as far as was looked; or 0 */
	struct episode outage;
	struct health_group *group;
	LIST_ENTRY(health) group_entry;
};

/* 0, or -1 when out of memory. Whoever has joined must leave. */
int health_group_join(struct health *health);
/* Does nothing if it is in none. */
void health_group_leave(struct health *health);

/* None is forgotten until there are twice as many. */
void healths_put_off_sweep(struct healths *healths);
/* With the lock held: what health_use and the like say is another. */
void healths_choices_changed(struct healths *healths);
/* The same, and it is news. */
void healths_tell(struct healths *healths);
/* With the lock held. */
void health_come_up(struct health *health);

#endif
