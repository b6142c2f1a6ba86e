#include "build_config.h"

#include "report/state_values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

void state_writer_fail(struct state_writer *writer, int error)
{
	if (writer->error == 0)
		writer->error = error;
}

static void write_out(struct state_writer *writer, const char *data, size_t size)
{
	while (size > 0 && writer->error == 0) {
		ssize_t n = write(writer->fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			state_writer_fail(writer, n < 0 ? -errno : -EIO);
			return;
		}
		data += n;
		size -= (size_t)n;
	}
}

static void flush(struct state_writer *writer)
{
	write_out(writer, writer->buffer, writer->length);
	writer->length = 0;
}

/* Makes room in the buffer. False if there cannot be as much, or none any more. */
static bool reserve(struct state_writer *writer, size_t room)
{
	if (room > BUFFER_SIZE - writer->length)
		flush(writer);
	if (room > BUFFER_SIZE)
		state_writer_fail(writer, -EOVERFLOW);
	return writer->error == 0;
}

static void append(struct state_writer *writer, const char *data, size_t size)
{
	if (size > BUFFER_SIZE) {
		flush(writer);
		write_out(writer, data, size);
	} else if (reserve(writer, size)) {
		memcpy(writer->buffer + writer->length, data, size);
		writer->length += size;
	}
}

/* The next program inherits it. */
static void hand_over(struct state_writer *writer, const char *member)
{
	int fd;

	memcpy(&fd, member, sizeof(fd));
	if (fd >= 0 && writer->purpose == STATE_CARRY && fcntl(fd, F_SETFD, 0) < 0)
		state_writer_fail(writer, -errno);
}

/* Returns what says so before the name. */
static char expect_payload(struct state_writer *writer, const struct state_field *field, const char *member)
{
	if (writer->owed > 0)
		state_writer_fail(writer, -EPROTO);
	memcpy(&writer->owed, member, sizeof(writer->owed));
	writer->silent = field->type == STATE_BYTES && writer->purpose == STATE_REHEARSE;
	return writer->silent ? STATE_LEFT_OUT : STATE_FOLLOWS;
}

static void put_field(struct state_writer *writer, const struct state_field *field, const char *member)
{
	char *at;

	if (state_is_descriptor(field))
		hand_over(writer, member);
	if (state_value_is_empty(field, member) ||
	    !reserve(writer, STATE_NAME_MAX + 3 + state_value_room(field)))
		return;
	at = writer->buffer + writer->length;
	*at++ = ' ';
	if (state_is_payload(field))
		*at++ = expect_payload(writer, field, member);
	at = stpcpy(at, field->name);
	*at++ = '=';
	at = state_value_write(field, member, at);
	writer->length = (size_t)(at - writer->buffer);
}

void state_put(struct state_writer *writer, const struct state_kind *kind, const void *record)
{
	if (writer->owed > 0)
		state_writer_fail(writer, -EPROTO);
	append(writer, kind->name, strlen(kind->name));
	for (const struct state_field *field = kind->fields; field->name; field++)
		put_field(writer, field, (const char *)record + field->offset);
	append(writer, "\n", 1);
}

void state_put_bytes(struct state_writer *writer, const void *data, size_t size)
{
	if (size > writer->owed)
		state_writer_fail(writer, -EPROTO);
	if (size == 0 || size > writer->owed)
		return;
	writer->owed -= size;
	if (writer->silent)
		return;
	append(writer, data, size);
	if (writer->owed == 0)
		append(writer, "\n", 1);
}

int state_writer_init(struct state_writer *writer, int fd, enum state_purpose purpose)
{
	const struct state_head head = {STATE_FORMAT, purpose == STATE_REHEARSE};

	*writer = (struct state_writer){.fd = fd, .purpose = purpose, .buffer = malloc(BUFFER_SIZE)};
	if (!writer->buffer)
		return -ENOMEM;
	state_put(writer, &state_head_kind, &head);
	return 0;
}

int state_writer_finish(struct state_writer *writer)
{
	if (writer->owed > 0)
		state_writer_fail(writer, -EPROTO);
	flush(writer);
	free(writer->buffer);
	writer->buffer = NULL;
	return writer->error;
}
