/* Episodes (base/episode.h) in records of the state. */
#ifndef WEIR_STATE_EPISODE_H
#define WEIR_STATE_EPISODE_H

#include "base/episode.h"
#include "report/state.h"

struct episode_state {
	bool told;
	uint64_t logged;
};

/* The rows of a member of that type. */
#define STATE_EPISODE(record, member)                                                                        \
	STATE_NAMED(#member "_told", record, member.told, STATE_BOOL),                                       \
	        STATE_NAMED(#member "_logged", record, member.logged, STATE_U64)

static inline struct episode_state episode_save(const struct episode *episode)
{
	return (struct episode_state){episode->told, episode->logged};
}

static inline void episode_restore(struct episode *episode, const struct episode_state *state)
{
	episode->told = state->told;
	episode->logged = state->logged;
}

#endif
