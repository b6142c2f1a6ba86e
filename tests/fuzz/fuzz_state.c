/*
 * The state that one program leaves to the next: the input is a part of it. It is read as that of a rehearsal
 * if it says so, so that there are stand-ins for its descriptors.
 */
#include "build_config.h"

#include "base/evloop.h"
#include "base/log.h"
#include "daemon/names_state.h"
#include "fuzz.h"
#include "fuzz_pairs.h"
#include "relay/standing_state.h"

#include <errno.h>
#include <linux/close_range.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One of each type. */
struct sample {
	uint64_t u64, many[3];
	uint32_t u32;
	uint16_t u16;
	uint8_t u8, small[4];
	bool yes;
	int number;
	int64_t large;
	char text[8];
	struct endpoint endpoint;
	union client_address client;
	int fd, pipe;
	uint64_t bytes;
};

static const struct state_field sample_fields[] = {
        STATE_FIELD(struct sample, u64, STATE_U64),
        STATE_FIELD(struct sample, many, STATE_U64),
        STATE_FIELD(struct sample, u32, STATE_U32),
        STATE_FIELD(struct sample, u16, STATE_U16),
        STATE_FIELD(struct sample, u8, STATE_U8),
        STATE_FIELD(struct sample, small, STATE_U8),
        STATE_FIELD(struct sample, yes, STATE_BOOL),
        STATE_FIELD(struct sample, number, STATE_INT),
        STATE_FIELD(struct sample, large, STATE_INT),
        STATE_FIELD(struct sample, text, STATE_TEXT),
        STATE_FIELD(struct sample, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct sample, client, STATE_CLIENT),
        STATE_FIELD(struct sample, fd, STATE_SOCKET),
        STATE_FIELD(struct sample, pipe, STATE_PIPE),
        STATE_FIELD(struct sample, bytes, STATE_BYTES),
        STATE_FIELDS_END,
};
static const struct state_kind sample_kind = STATE_KIND("sample", struct sample, sample_fields);

static int memory = -1;
static struct event_base *base;
static struct lookups *lookups;

static struct address_list *look_up_nothing(const char *host, void *arg, int *error)
{
	(void)host;
	(void)arg;
	*error = EAI_AGAIN;
	return NULL;
}

/* What all inputs share. */
static void prepare(void)
{
	if (memory >= 0)
		return;
	log_set_level(LOG_LEVEL_ERROR);
	memory = memfd_create("state", MFD_CLOEXEC);
	base = evloop_new();
	lookups = lookups_new(base, look_up_nothing, NULL);
	fuzz_require(memory >= 0 && base && lookups);
}

/* ---- the types ---- */

static size_t write_sample(const struct sample *sample, const void *bytes, size_t size, char **text)
{
	struct state_writer writer;
	off_t length;

	fuzz_require(ftruncate(memory, 0) == 0 && lseek(memory, 0, SEEK_SET) == 0);
	fuzz_require(state_writer_init(&writer, memory, STATE_CARRY) == 0);
	state_put(&writer, &sample_kind, sample);
	state_put_bytes(&writer, bytes, size);
	fuzz_require(state_writer_finish(&writer) == 0);
	length = lseek(memory, 0, SEEK_CUR);
	*text = malloc((size_t)length);
	fuzz_require(*text && pread(memory, *text, (size_t)length, 0) == length);
	return (size_t)length;
}

/* What was read is written, and read again as the same. */
static void require_same_again(struct sample *sample, const void *bytes, size_t size)
{
	struct state_reader reader;
	struct sample again;
	char *text;
	size_t length;

	sample->fd = sample->pipe = -1;
	sample->bytes = size;
	length = write_sample(sample, bytes, size, &text);
	state_reader_init(&reader, NULL, text, length);
	fuzz_require(state_get(&reader, &sample_kind, &again));
	fuzz_require(memcmp(&again, sample, sizeof(again)) == 0);
	bytes = state_bytes(&reader, &length);
	fuzz_require(length == size && !state_peek(&reader) && !state_error(&reader));
	free(text);
}

static void take_sample(struct state_reader *reader)
{
	struct sample sample;
	const void *bytes;
	size_t size;

	memset(&sample, 0, sizeof(sample));
	if (!state_get(reader, &sample_kind, &sample)) {
		fuzz_require(sample.fd < 0 && sample.pipe < 0);
		return;
	}
	if (sample.fd >= 0)
		close(sample.fd);
	if (sample.pipe >= 0)
		close(sample.pipe);
	bytes = state_bytes(reader, &size);
	require_same_again(&sample, bytes, size);
}

/* ---- the rooms ---- */

static void require_told(const struct state_reader *reader, int error)
{
	fuzz_require(error == 0 || error == -EPROTO);
	fuzz_require((error == 0) == (state_error(reader) == NULL));
}

/* Names are ours, and nothing is looked up: the loop does not run. */
static void take_rooms(struct state_reader *reader, struct standings *standings, struct resolver *resolver,
                       struct activation *activation)
{
	while (state_peek(reader)) {
		const char *before = reader->next;

		if (state_is_next(reader, &sample_kind))
			take_sample(reader);
		else if (strcmp(state_peek(reader), "standing") == 0)
			require_told(reader, standings_restore(standings, reader));
		else if (strcmp(state_peek(reader), "tally") == 0)
			require_told(reader, tallies_restore(standings, reader));
		else if (strcmp(state_peek(reader), "name") == 0)
			require_told(reader, names_restore(resolver, reader));
		else if (strcmp(state_peek(reader), "passed") == 0)
			require_told(reader, activation_restore(activation, reader));
		else if (fuzz_pairs_come(reader))
			fuzz_take_pairs(reader);
		else
			state_skip(reader);
		fuzz_require(reader->next > before || state_error(reader));
	}
}

static bool has(const uint8_t *data, size_t size, const char *word)
{
	return memmem(data, size, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inheritance *inheritance = inheritance_new(has(data, size, "rehearsal=1"));
	struct activation activation = {.sockets = NULL};
	struct standings *standings = standings_new(2, NULL);
	struct resolver *resolver;
	struct state_reader reader;

	prepare();
	/* The fuzzer has pipes of its own, and a sanitizer those to its symbolizer. */
	fuzz_require(close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	if (has(data, size, "pair "))
		fuzz_inherit();
	resolver = has(data, size, "name") ? resolver_new(base, lookups) : NULL;
	fuzz_require(inheritance && standings && (resolver || !has(data, size, "name")));
	state_reader_init(&reader, inheritance, data, size);
	take_rooms(&reader, standings, resolver, &activation);
	resolver_free(resolver);
	standings_free(standings);
	activation_deinit(&activation);
	inheritance_free(inheritance);
	fuzz_close_inherited();
	return 0;
}
