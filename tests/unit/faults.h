/*
 * Makes calls of our modules fail when a test wants it, on the thread that says so. The linker redirects the
 * calls to faults.c (--wrap, see local.mk). libevent's own calls are not affected.
 */
#ifndef WEIR_UNIT_FAULTS_H
#define WEIR_UNIT_FAULTS_H

#include <stddef.h>

enum fault {
	FAULT_MEMORY, /* any allocation */
	FAULT_EVENT_NEW,
	FAULT_EVENT_ADD,
	FAULT_WRITE, /* evbuffer_write_atmost */
	FAULT_ACCEPT,
	FAULT_SOCKET,
	FAULT_RECV,
	FAULT_SEND,
	FAULT_SPLICE,
	FAULTS,
};

/*
 * The nth of these calls from now on fails once, with errno set to error. An nth of 0 cancels this. Calls of
 * the test itself count too, and so do the allocations of Check's assertions.
 */
void fault_set(enum fault fault, size_t nth, int error);
/* All of these calls fail from now on, until fault_set. */
void fault_set_lasting(enum fault fault, int error);
/* How many of these calls have failed since fault_set_lasting. */
size_t fault_count(enum fault fault);

#endif
