/* Looks at the sockets of a pair, as records. Those sockets go on counting in the program that takes over. */
#include "build_config.h"

#include "pair/pair_looks.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <stdlib.h>

STATE_COVERS(struct pair_looks, 232);

#define SIDE_FIELDS(look, number)                                                                            \
	STATE_NAMED(#look #number "_acknowledged", struct pair_looks, look.side[number].acknowledged,        \
	            STATE_U64),                                                                              \
	        STATE_NAMED(#look #number "_received", struct pair_looks, look.side[number].received,        \
	                    STATE_U64),                                                                      \
	        STATE_NAMED(#look #number "_busy_ms", struct pair_looks, look.side[number].busy_ms,          \
	                    STATE_U32),                                                                      \
	        STATE_NAMED(#look #number "_shut_ms", struct pair_looks, look.side[number].shut_ms,          \
	                    STATE_U32),                                                                      \
	        STATE_NAMED(#look #number "_resent", struct pair_looks, look.side[number].resent,            \
	                    STATE_U32),                                                                      \
	        STATE_NAMED(#look #number "_segments", struct pair_looks, look.side[number].segments,        \
	                    STATE_U32),                                                                      \
	        STATE_NAMED(#look #number "_reordered", struct pair_looks, look.side[number].reordered,      \
	                    STATE_U32)

static const struct state_field looks_fields[] = {
        STATE_FIELD(struct pair_looks, moved, STATE_U64),
        STATE_NAMED("sums", struct pair_looks, sums.ms, STATE_U32),
        STATE_NAMED("last_at", struct pair_looks, last.at, STATE_U64),
        SIDE_FIELDS(last, 0),
        SIDE_FIELDS(last, 1),
        STATE_NAMED("before_at", struct pair_looks, before.at, STATE_U64),
        SIDE_FIELDS(before, 0),
        SIDE_FIELDS(before, 1),
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
