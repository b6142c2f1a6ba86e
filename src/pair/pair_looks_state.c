/* Looks at the sockets of a pair, as records. Those sockets go on counting in the program that takes over. */
#include "build_config.h"

#include "pair/pair_looks.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <stdlib.h>

STATE_COVERS(struct pair_looks, 104);

#define SIDE_FIELD(number, field, type)                                                                      \
	STATE_NAMED("side" #number "_" #field, struct pair_looks, side[number].field, type)
#define SIDE_FIELDS(number)                                                                                  \
	SIDE_FIELD(number, acknowledged, STATE_U32), SIDE_FIELD(number, received, STATE_U32),                \
	        SIDE_FIELD(number, busy_ms, STATE_U32), SIDE_FIELD(number, shut_ms, STATE_U32),              \
	        SIDE_FIELD(number, segments, STATE_U32), SIDE_FIELD(number, resent, STATE_U16),              \
	        SIDE_FIELD(number, reordered, STATE_U16)

static const struct state_field looks_fields[] = {
        STATE_FIELD(struct pair_looks, at, STATE_U32),
        STATE_FIELD(struct pair_looks, moved, STATE_U32),
        SIDE_FIELDS(0),
        SIDE_FIELDS(1),
        STATE_NAMED("sums", struct pair_looks, sums.ms, STATE_U32),
        STATE_FIELDS_END,
};
static const struct state_kind looks_kind = STATE_KIND("looks", struct pair_looks, looks_fields);

void pair_looks_save(const struct pair *pair, struct state_writer *writer)
{
	if (pair->looks)
		state_put(writer, &looks_kind, pair->looks);
}

int pair_looks_restore(struct pair *pair, struct state_reader *reader)
{
	if (!state_is_next(reader, &looks_kind))
		return 0;
	pair->looks = malloc(sizeof(*pair->looks));
	if (!pair->looks)
		return -ENOMEM;
	return state_get(reader, &looks_kind, pair->looks) ? 0 : -EPROTO;
}
