#include "build_config.h"

#include "worker/handover_state.h"

#include "net/stream.h"
#include "relay/admission_state.h"

#include <errno.h>
#include <stdlib.h>

STATE_COVERS(struct newcomer, 80);

struct newcomer_state {
	uint32_t worker;
	int fd;
	union client_address address;
	struct admission_state ticket;
};

static const struct state_field newcomer_fields[] = {
        STATE_FIELD(struct newcomer_state, worker, STATE_U32),
        STATE_FIELD(struct newcomer_state, fd, STATE_SOCKET),
        STATE_FIELD(struct newcomer_state, address, STATE_CLIENT),
        ADMISSION_STATE_FIELDS(struct newcomer_state, ticket),
        STATE_FIELDS_END,
};
static const struct state_kind newcomer_kind = STATE_KIND("newcomer", struct newcomer_state, newcomer_fields);

struct newcomer_kept {
	struct newcomer newcomer;
	unsigned worker;
	STAILQ_ENTRY(newcomer_kept) entry;
};

/* ---- saving ---- */

static void save(const struct newcomer *newcomer, unsigned worker, struct state_writer *writer)
{
	struct newcomer_state state = {.worker = worker, .fd = newcomer->fd, .address = newcomer->address};

	admission_save(&newcomer->ticket, &state.ticket);
	state_put(writer, &newcomer_kind, &state);
}

void newcomers_save(const struct handover *handover, struct state_writer *writer)
{
	struct newcomer newcomer;

	if (!handover || writer->purpose == STATE_REHEARSE)
		return;
	for (unsigned worker = 0; worker < handover_workers(handover); worker++)
		for (unsigned i = 0; handover_look(handover, worker, i, &newcomer); i++)
			save(&newcomer, worker, writer);
}

/* ---- restoring ---- */

static int keep(struct newcomers_kept *list, struct relay *relay, struct slots *slots,
                const struct newcomer_state *state)
{
	struct newcomer_kept *kept = calloc(1, sizeof(*kept));

	if (!kept) {
		stream_reset(state->fd);
		return -ENOMEM;
	}
	kept->worker = state->worker;
	kept->newcomer.fd = state->fd;
	kept->newcomer.address = state->address;
	admission_restore(&kept->newcomer.ticket, slots, relay, &state->ticket);
	STAILQ_INSERT_TAIL(list, kept, entry);
	return 0;
}

static int restore_next(struct newcomers_kept *kept, const struct generations *generations,
                        struct slots *slots, struct state_reader *reader)
{
	struct newcomer_state state;
	struct relay *relay;

	if (!state_get(reader, &newcomer_kind, &state))
		return -EPROTO;
	relay = generations_find_relay(generations, state.ticket.generation, state.ticket.relay);
	if (relay && state.fd >= 0)
		return keep(kept, relay, slots, &state);
	if (state.fd >= 0)
		stream_reset(state.fd);
	return state_fail(reader, "a newcomer with a socket, of a relay that is there was expected");
}

int newcomers_restore(struct newcomers_kept *kept, const struct generations *generations, struct slots *slots,
                      struct state_reader *reader)
{
	int error = 0;

	while (state_is_next(reader, &newcomer_kind)) {
		int result = restore_next(kept, generations, slots, reader);

		error = result ? result : error;
	}
	return error;
}

void newcomers_begin(struct newcomers_kept *kept, struct handover *handover, unsigned workers,
                     struct pair_set *(*set_of)(void *arg, unsigned worker), void *arg)
{
	struct newcomer_kept *first;

	while ((first = STAILQ_FIRST(kept))) {
		STAILQ_REMOVE_HEAD(kept, entry);
		handover_begin(handover, set_of(arg, first->worker % workers), &first->newcomer);
		free(first);
	}
}
