/* Listening addresses that cannot stand together: some client would belong to two of them. */
#ifndef WEIR_CLASHES_H
#define WEIR_CLASHES_H

#include "config/loader.h"

/*
 * Complains about each listening address that is the same as an earlier one or overlaps with it, like
 * 0.0.0.0:80 and 127.0.0.1:80. What a host name stands for is known only at run time, but *:80 takes its
 * clients whatever that is.
 */
void clashes_check(struct loader *loader);

#endif
