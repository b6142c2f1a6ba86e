/* The verdict on a pair as a sentence. */
#ifndef WEIR_WORDS_H
#define WEIR_WORDS_H

#include "top/scene.h"

#include <stddef.h>

/* "The target owes an answer." Says what the record says where it has words that are new to us. */
void verdict_sentence(const struct scene_pair *pair, char *buf, size_t size);

#endif
