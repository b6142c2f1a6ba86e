/* Intrusive doubly linked lists: sys/queue.h, which glibc has, plus the safe walk that it lacks. */
#ifndef WEIR_LIST_H
#define WEIR_LIST_H

#include <sys/queue.h>

#define LIST_FOREACH_SAFE(var, head, field, next)                                                            \
	for ((var) = LIST_FIRST(head); (var) && ((next) = LIST_NEXT(var, field), 1); (var) = (next))

#endif
