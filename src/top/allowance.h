/*
 * How much memory jansson may take for one text. A text that someone else wrote may ask for a hundred times
 * its own size: each "{}," costs some 300 bytes.
 */
#ifndef WEIR_ALLOWANCE_H
#define WEIR_ALLOWANCE_H

#include <stddef.h>

/* From now on jansson gets so many bytes at most; then it is out of memory. Only one thread may use it. */
void allowance_begin(size_t bytes);
/*
 * From now on it gets what it asks for. What it has got may be freed before this, or later. 0, or the first
 * reason why it did not get something: -EMSGSIZE (the text takes too much) or -ENOMEM.
 */
int allowance_end(void);

#endif
