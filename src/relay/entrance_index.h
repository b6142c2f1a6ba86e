/*
 * Finds entrances by their key. Several may have the same one: port 0, or a unix path that is bound anew
 * while clients of the one before are still served. Main thread.
 */
#ifndef WEIR_ENTRANCE_INDEX_H
#define WEIR_ENTRANCE_INDEX_H

#include "relay/entrance.h"

struct entrance_index {
	void *tree; /* private: tsearch(3), of the oldest entrance with each key; starts zeroed */
};

/* As the newest with its key. 0 or -ENOMEM. */
int entrance_index_add(struct entrance_index *index, struct entrance *entrance);
void entrance_index_remove(struct entrance_index *index, struct entrance *entrance);
/* The oldest one with this key, which newer ones follow as its alike; or NULL. */
struct entrance *entrance_index_find(const struct entrance_index *index, const struct entrance_key *key);

#endif
