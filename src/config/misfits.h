/*
 * Settings that are valid, and yet are unlikely to do what was meant. They are no errors: whoever has set
 * them may know better.
 */
#ifndef WEIR_MISFITS_H
#define WEIR_MISFITS_H

#include "config/loader.h"

/* Adds what it finds to the warnings of the loader. After relays have inherited. */
void misfits_check(struct loader *loader);

#endif
