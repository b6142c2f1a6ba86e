/* How one field of the state is written and read. What is read is never trusted. */
#ifndef WEIR_STATE_VALUES_H
#define WEIR_STATE_VALUES_H

#include "report/state.h"

/* The first record. */
struct state_head {
	uint32_t format;
	bool rehearsal;
};

extern const struct state_kind state_head_kind;

/* Before the name of a field that says how many raw bytes belong to its record. */
#define STATE_FOLLOWS  '+'
#define STATE_LEFT_OUT '-'

/* The most that a value of a member needs, in bytes. */
static inline size_t state_value_room(const struct state_field *field)
{
	return 4 * field->size;
}

static inline bool state_is_descriptor(const struct state_field *field)
{
	return field->type == STATE_SOCKET || field->type == STATE_PIPE;
}

static inline bool state_is_payload(const struct state_field *field)
{
	return field->type == STATE_BYTES || field->type == STATE_LONG_TEXT;
}

/* Zero, or no text, address or descriptor: it is left out. */
bool state_value_is_empty(const struct state_field *field, const void *member);
/* Returns the end of what it has written. */
char *state_value_write(const struct state_field *field, const void *member, char *at);
/*
 * Reads the value at a place of a line that ends with a newline. Returns where it ends, at a space or the
 * newline, or NULL: it is no such value, or does not fit.
 */
const char *state_value_read(const struct state_field *field, void *member, const char *at);

#endif
