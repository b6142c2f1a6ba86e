/*
 * farm: many scripted targets in one process, each of which does what it is ordered to.
 *
 *   farm.c         orders, clock, event loop, counts
 *   farm_target.c  what a target does: its sockets
 */
#ifndef WEIR_TESTS_FARM_H
#define WEIR_TESTS_FARM_H

#include "net/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { NAME_MAX_BYTES = 16, FILLERS = 8 };

enum conduct {
	REFUSES, /* its port is taken, and nobody listens */
	SERVES,  /* says its name and a newline, sends back what it gets, ends when the other side has */
	RESETS,  /* accepts, and resets at once */
	SILENT,  /* answers nobody: the queue of its listening socket is full */
};

/* What an epoll event is about. First in whatever one points to. */
enum subject { OF_ORDERS, OF_TARGET, OF_VISIT };

struct target;

struct visit {
	enum subject subject;
	LIST_ENTRY(visit) entry;
	struct target *target;
	int fd;
	uint64_t bytes; /* that came */
};

struct target {
	enum subject subject;
	char name[NAME_MAX_BYTES];
	struct endpoint endpoint;
	int holder;   /* keeps the port while nobody listens */
	int listener; /* -1: none */
	int fillers[FILLERS];
	enum conduct conduct;
	uint64_t flap_ms, flap_at; /* 0: does not */
	LIST_HEAD(, visit) visits;
	unsigned accepted, open, most;     /* connections: in all, now, at a time */
	unsigned empty_resets, empty_ends; /* ended so without a byte, as a check may */
};

/* Takes the port, or exits. Port 0: *same, or the kernel's choice, which *same then is, unless it is NULL. */
void target_init(struct target *target, const char *name, const struct endpoint *endpoint, uint16_t *same);
void target_behave(struct target *target, enum conduct conduct);
/* Resets every connection that it has. */
void target_drop(struct target *target);
void target_accept(struct target *target);
void visit_read(struct visit *visit);

/* farm.c */
void farm_watch(int fd, void *subject);
void farm_die(const char *what) __attribute__((noreturn));

#endif
