/* What must be true of two ends that a relay has joined, by the closing rules. */
#ifndef WEIR_TESTS_JUDGE_H
#define WEIR_TESTS_JUDGE_H

#include "end.h"

/* What is wrong with how this end saw the other, or NULL. Both must be known. */
const char *judge_end(const struct end *end);
/* Neither has reset: every byte and both ends must have arrived. */
bool judge_clean(const struct end *end);
/* What is wrong with an end that never heard of its opposite, or NULL. */
const char *judge_lonely(const struct end *end);

#endif
