/*
 * The state of weir, as one program leaves it to the next one that takes over in the same process: records
 * of plain data, in the form of a dump.
 *
 *   state format=1
 *   pair id=17 relay=db born=91275 …
 *   queue +bytes=5
 *   hello
 *
 * A record is a line: its kind, then key=value for each field that is neither zero nor empty. The reader
 * sets all others to zero. A key with a plus says that so many raw bytes and a newline follow the line; with
 * a minus, they were left out. Keys that the reader does not know are skipped, so a newer program may add
 * some; a kind that it does not know is an error. Order matters, and is that of whoever writes.
 *
 * Each room has the structs and kinds of what it owns, so one table serves both the writer and the reader.
 * The reader is fastest when fields come in the order of the table, as they are written.
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

#define STATE_FIELDS_MAX 256 /* of a kind */
#define STATE_KIND_MAX   32  /* bytes of a kind's name with its NUL */
#define STATE_NAME_MAX   48  /* of a field's */

/* Members of types STATE_U64 to STATE_U8 may be arrays: a=1,2,3, without the zeros at the end. */
enum state_type {
	STATE_U64,
	STATE_U32,
	STATE_U16,
	STATE_U8, /* also enums of one byte; whoever reads judges their range */
	STATE_BOOL,
	STATE_INT,       /* int or int64_t, also enums of that size; may be negative */
	STATE_TEXT,      /* an array of char with NUL; whatever is in it, it comes back the same */
	STATE_ENDPOINT,  /* struct endpoint */
	STATE_CLIENT,    /* union client_address */
	STATE_BYTES,     /* uint64_t: so many raw bytes follow, but none in a rehearsal */
	STATE_LONG_TEXT, /* uint64_t: so many raw bytes follow, in a rehearsal as well */
	STATE_SOCKET,    /* int: a descriptor that is handed over; -1: none, also if it is left out */
	STATE_PIPE,      /* the end of one, as STATE_SOCKET */
};

struct state_field {
	const char *name; /* of the record, not of the member: it stays when the member gets another */
	enum state_type type;
	size_t offset, size; /* size of the member */
};

struct state_kind {
	const char *name;
	const struct state_field *fields; /* up to one without a name */
	size_t size;                      /* of the struct */
};

/* Whether a member can have that type. A bool must be STATE_BOOL, and nothing else. */
#define STATE_SIZE_FITS(t, size)                                                                             \
	((t) == STATE_U64                               ? (size) % 8 == 0                                    \
	 : (t) == STATE_U32                             ? (size) % 4 == 0                                    \
	 : (t) == STATE_U16                             ? (size) % 2 == 0                                    \
	 : (t) == STATE_INT                             ? (size) == 4 || (size) == 8                         \
	 : (t) == STATE_BYTES || (t) == STATE_LONG_TEXT ? (size) == 8                                        \
	 : (t) == STATE_SOCKET || (t) == STATE_PIPE     ? (size) == sizeof(int)                              \
	                                                : true)
#define STATE_MEMBER(record, member) (((record *)NULL)->member)
#define STATE_MEMBER_FITS(t, record, member)                                                                 \
	(STATE_SIZE_FITS(t, sizeof(STATE_MEMBER(record, member))) &&                                         \
	 _Generic(STATE_MEMBER(record, member), bool                                                         \
	          : (t) == STATE_BOOL, default                                                               \
	          : (t) != STATE_BOOL))
/* A row with a name of its own. Does not compile if the member cannot have that type. */
#define STATE_NAMED(field, record, member, t)                                                                \
	{                                                                                                    \
		field, t, offsetof(record, member),                                                          \
		        sizeof(STATE_MEMBER(record, member)) +                                               \
		                0 * sizeof(char[STATE_MEMBER_FITS(t, record, member) &&                      \
		                                                sizeof(field) <= STATE_NAME_MAX              \
		                                        ? 1                                                  \
		                                        : -1])                                               \
	}
/* A row of such a table: STATE_FIELD(struct pair_state, id, STATE_U64) */
#define STATE_FIELD(record, member, t) STATE_NAMED(#member, record, member, t)
#define STATE_FIELDS_END                                                                                     \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}
/* The kind with such a table: STATE_KIND("pair", struct pair_state, pair_fields) */
#define STATE_KIND(name, record, fields)                                                                     \
	{                                                                                                    \
		name, fields, sizeof(record)                                                                 \
	}

/*
 * Beside the table of what travels of a struct: it no longer compiles when the struct gets another field.
 * Whoever adds one decides whether it belongs into the record, and sets the new size. Sizes differ between
 * machines, so it is asked of one.
 */
#ifdef __x86_64__
#define STATE_COVERS(type, size) _Static_assert(sizeof(type) == (size), "is the new field in its record?")
#else
#define STATE_COVERS(type, size) _Static_assert(sizeof(type) > 0, "")
#endif

/* ---- writing ---- */

enum state_purpose {
	STATE_REHEARSE, /* no bytes of queues are written, and no descriptor is handed over */
	STATE_CARRY,    /* all is written, and FD_CLOEXEC is cleared of each descriptor */
};

/* Into a descriptor, through a buffer. An error is kept, and nothing is written after it. */
struct state_writer {
	/* private */
	int fd;
	int error;
	enum state_purpose purpose;
	size_t length;
	uint64_t owed; /* bytes that must follow the record */
	bool silent;   /* they are not written */
	char *buffer;
};

/* fd is borrowed. Begins with what says the format. 0 or -ENOMEM. */
int state_writer_init(struct state_writer *writer, int fd, enum state_purpose purpose);
/* One record. */
void state_put(struct state_writer *writer, const struct state_kind *kind, const void *record);
/*
 * What follows a record with a field of type STATE_BYTES or STATE_LONG_TEXT, for every purpose. In pieces:
 * they must add up to that number.
 */
void state_put_bytes(struct state_writer *writer, const void *data, size_t size);
/* Whoever writes cannot go on: -errno. Keeps the first error. */
void state_writer_fail(struct state_writer *writer, int error);
/* Writes what is in the buffer, and frees it. 0 or -errno. */
int state_writer_finish(struct state_writer *writer);

/* ---- reading ---- */

struct state_reader {
	/* private */
	struct inheritance *inheritance;
	const char *next, *end;
	const char *line_end;      /* of the next record, if it has been looked at; or NULL */
	char kind[STATE_KIND_MAX]; /* its kind */
	const char *payload;       /* of the record that was taken last */
	size_t payload_size;
	size_t taken;      /* records */
	uint64_t left_out; /* bytes, of all records so far */
	unsigned format;
	char error[160];
};

/*
 * From text in memory, which is borrowed until the reader is not used any more. Descriptors in records are
 * claimed of inheritance. The reader has failed at once if the text does not begin with a format that it can
 * read, or is for a rehearsal when this is none, or the other way round.
 */
void state_reader_init(struct state_reader *reader, struct inheritance *inheritance, const void *text,
                       size_t size);
/* From STATE_FORMAT_MIN to STATE_FORMAT. */
unsigned state_format(const struct state_reader *reader);
bool state_is_rehearsal(const struct state_reader *reader);
/* How many bytes a rehearsal does not have, of the records that were taken. */
uint64_t state_left_out(const struct state_reader *reader);
/*
 * The kind of the next record, or NULL: there is none, or the reader has failed. It stays the next one until
 * state_get or state_skip.
 */
const char *state_peek(struct state_reader *reader);
/* Whether the next record is of this kind. */
bool state_is_next(struct state_reader *reader, const struct state_kind *kind);
/*
 * Takes the next record, which must be of this kind, into record, which is zeroed first. Its descriptors are
 * the caller's. False if it is wrong, which fails the reader: state_error says which record it is, and what
 * was expected. One whose descriptors are not what they should be (gone, claimed twice, of another kind) is
 * wrong too; what was claimed for it is closed then.
 */
bool state_get(struct state_reader *reader, const struct state_kind *kind, void *record);
/* The raw bytes of the record that was taken last. NULL, 0: none, as of queues in a rehearsal. */
const void *state_bytes(const struct state_reader *reader, size_t *size);
/* Leaves out the next record, whatever it is. Its descriptors are not claimed. */
void state_skip(struct state_reader *reader);
/* Whoever takes a record finds something wrong with it. Keeps the first message. -EPROTO */
int state_fail(struct state_reader *reader, const char *what);
/* NULL: all was well so far. */
const char *state_error(const struct state_reader *reader);
/* 0 or -EPROTO. Looking for a next record may have failed it. */
int state_result(const struct state_reader *reader);

#endif
