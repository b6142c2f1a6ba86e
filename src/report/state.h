/*
 * The state of weir, as one program leaves it to the next one that takes over in the same process: records
 * of plain data, in the form of a dump.
 *
 *   state format=1
 *   pair id=17 relay=db born=91275 …
 *   queue bytes=5
 *   hello
 *
 * A record is a line: its kind, then key=value for each field that is neither zero nor empty. The reader
 * sets all others to zero. Where there is a field named bytes, so many raw bytes and a newline follow the
 * line. Keys that the reader does not know are skipped, so a newer program may add some; a kind that it does
 * not know is an error. Order matters, and is that of whoever writes.
 *
 * Each room has the structs and kinds of what it owns, so one table serves both the writer and the reader.
 */
#ifndef WEIR_STATE_H
#define WEIR_STATE_H

#include "base/inheritance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Formats that can be read: this one and the one before. This one is written. */
#define STATE_FORMAT     1
#define STATE_FORMAT_MIN 1

enum state_type {
	STATE_U64,
	STATE_U32,
	STATE_U16,
	STATE_U8,       /* also bool, and enums of one byte */
	STATE_INT,      /* also enums of that size; may be negative */
	STATE_TEXT,     /* an array of char with NUL; whatever is in it, it comes back the same */
	STATE_ENDPOINT, /* struct endpoint */
	STATE_CLIENT,   /* union client_address */
	STATE_SOCKET,   /* int: a descriptor that is handed over; -1: none. A socket, or the end of a pipe */
	STATE_PIPE,
};

struct state_field {
	const char *name;
	enum state_type type;
	size_t offset, size; /* size of the member */
};

struct state_kind {
	const char *name;
	const struct state_field *fields; /* up to one without a name */
};

/* A row of such a table: STATE_FIELD(struct pair_state, id, STATE_U64) */
#define STATE_FIELD(type, member, state_type)                                                                \
	{                                                                                                    \
#member, state_type, offsetof(type, member), sizeof(((type *)NULL)->member)                  \
	}
#define STATE_FIELDS_END                                                                                     \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}

/* ---- writing ---- */

/*
 * Into a descriptor, through a buffer. For a rehearsal no bytes are written (state_put_bytes), and no
 * descriptor is handed over. An error is kept, and nothing is written after it.
 */
struct state_writer {
	/* private */
	int fd;
	int error;
	bool rehearsal;
	size_t length;
	char *buffer;
};

/* fd is borrowed. 0 or -ENOMEM. */
int state_writer_init(struct state_writer *writer, int fd, bool rehearsal);
/*
 * One record. A descriptor in it will be inherited by the next program: its FD_CLOEXEC is cleared, unless
 * this is a rehearsal.
 */
void state_put(struct state_writer *writer, const struct state_kind *kind, const void *record);
/* What follows a record with a field named bytes. In pieces: they must add up to that number. */
void state_put_bytes(struct state_writer *writer, const void *data, size_t size);
/* Writes what is in the buffer, and frees it. 0 or -errno. */
int state_writer_finish(struct state_writer *writer);

/* ---- reading ---- */

struct state_reader {
	/* private */
	struct inheritance *inheritance;
	const char *start, *next, *end;
	const char *payload; /* of the current record */
	size_t payload_size;
	size_t line;
	char error[160];
};

/*
 * From text in memory, which is borrowed until the reader is not used any more. Descriptors in records are
 * claimed of inheritance.
 */
void state_reader_init(struct state_reader *reader, struct inheritance *inheritance, const void *text,
                       size_t size);
/*
 * The kind of the next record, or NULL: there is none, or the reader has failed. It stays the next one until
 * state_get or state_skip.
 */
const char *state_peek(struct state_reader *reader);
/* Whether the next record is of this kind. */
bool state_is_next(struct state_reader *reader, const struct state_kind *kind);
/*
 * Takes the next record, which must be of this kind, into record, which is zeroed first. Its descriptors are
 * the caller's. False if it is wrong, which fails the reader: state_error says line and what was expected.
 * One whose descriptors are not what they should be (gone, claimed twice, of another kind) is wrong too;
 * what was claimed for it is closed then.
 */
bool state_get(struct state_reader *reader, const struct state_kind *kind, void *record);
/* The raw bytes of the record that was taken last; in a rehearsal there are none (NULL, *size is 0). */
const void *state_bytes(const struct state_reader *reader, size_t *size);
/* Leaves out the next record, whatever it is. */
void state_skip(struct state_reader *reader);
/* Whoever takes a record finds something wrong with it. Keeps the first message. */
void state_fail(struct state_reader *reader, const char *what);
/* NULL: all was well so far. */
const char *state_error(const struct state_reader *reader);

#endif
