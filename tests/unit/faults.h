/*
 * Calls of our modules that fail when a test wants it, whatever the kernel has to say: the linker puts what
 * is in faults.c in between (--wrap, see local.mk). libevent's own calls are not among them.
 */
#ifndef WEIR_UNIT_FAULTS_H
#define WEIR_UNIT_FAULTS_H

#include <stddef.h>

enum fault {
	FAULT_MEMORY, /* any allocation */
	FAULT_EVENT_NEW,
	FAULT_EVENT_ADD,
	FAULT_ENABLE, /* bufferevent_enable */
	FAULT_ACCEPT,
	FAULT_SOCKET,
	FAULT_RECV,
	FAULT_SPLICE,
	FAULTS,
};

/*
 * The nth of these calls from now on fails, once, with errno error; 0 takes that back. The test's own calls
 * count too, and the allocations of Check's assertions.
 */
void fault_set(enum fault fault, size_t nth, int error);

#endif
