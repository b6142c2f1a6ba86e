/* The kinds of records and their fields, in the order of output. There are no other lists of them. */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

#include "report/records.h"

#include <stdbool.h>

#define VALUE_WORD_MAX ADDRESS_TEXT_MAX /* bytes of a value's text with its NUL; longer text is cut */

enum field_type {
	FIELD_NUMBER,   /* uint64_t, or RECORD_UNKNOWN */
	FIELD_US,       /* uint64_t, microseconds, written as milliseconds */
	FIELD_SUM,      /* uint64_t[DIRECTIONS], added up */
	FIELD_VERDICTS, /* uint32_t[WHYS], added up */
	FIELD_SMALL,    /* unsigned, or an int that is never negative */
	FIELD_TIME,     /* int64_t, seconds since the epoch */
	FIELD_STRING,   /* const char * */
	FIELD_CLIENT,   /* union client_address; AF_UNSPEC: none */
	FIELD_ENDPOINT, /* const struct endpoint *, or NULL */
	FIELD_PLACED,   /* struct placed_endpoint */
	FIELD_YES_NO,   /* bool */
	FIELD_ERROR,    /* int: -errno, or 0 */
	FIELD_STATE,
	FIELD_DIRECTION,
	FIELD_READING,
	FIELD_BLAME,
	FIELD_SPEAKER,
	FIELD_WHY,
	FIELD_RELAY_STATE,
	FIELD_TARGET_STATE,
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
};

struct kind {
	const char *name;
	const struct field *fields; /* the last one has no name */
};

/* A flow and what says to which pair it belongs. */
struct flow_line {
	uint64_t pair;
	enum direction direction;
	struct flow_record flow;
};

struct end_line {
	uint64_t pairs;
};

/* Of struct process_record, relay_record, target_record, pair_record, flow_line and end_line. */
extern const struct kind process_kind, relay_kind, target_kind, pair_kind, flow_kind, end_kind;

/* What a field holds: word, or number if word is NULL. An unknown number has the word "-". */
struct value {
	uint64_t number;
	bool unknown;
	const char *word;         /* one word of printable ASCII, whatever came from outside */
	char buf[VALUE_WORD_MAX]; /* word may point here */
};

/* The words of these. */
const char *blame_word(enum blame blame);
const char *why_word(enum why why);
const char *target_state_word(enum target_state state);

void field_get(const struct field *field, const void *record, struct value *value);

#endif
