/*
 * Plays both programs in one process: what one saves, the other restores. A descriptor that was saved is the
 * other's from then on, so the one that saved it must let go of it before it closes what it has.
 */
#ifndef WEIR_UNIT_HANDING_OVER_H
#define WEIR_UNIT_HANDING_OVER_H

#include "report/state.h"
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

struct handing_over {
	int memory;
	bool rehearsal;
	struct state_writer writer;
	struct inheritance *inheritance;
	char *text;
	struct state_reader reader;
};

/* Then the caller saves, with the writer. */
static inline void handing_over_begin(struct handing_over *over, bool rehearsal)
{
	*over = (struct handing_over){.memory = memfd_create("state", MFD_CLOEXEC), .rehearsal = rehearsal};
	ck_assert_int_ge(over->memory, 0);
	ck_assert_int_eq(
	        state_writer_init(&over->writer, over->memory, rehearsal ? STATE_REHEARSE : STATE_CARRY), 0);
}

/* From this text, as if it had been saved. */
static inline void handing_over_read_text(struct handing_over *over, const char *text)
{
	inheritance_free(over->inheritance);
	over->inheritance = inheritance_new(over->rehearsal);
	ck_assert_ptr_nonnull(over->inheritance);
	state_reader_init(&over->reader, over->inheritance, text, strlen(text));
}

/* Then the caller restores, with the reader. */
static inline void handing_over_read(struct handing_over *over)
{
	off_t size;

	ck_assert_int_eq(state_writer_finish(&over->writer), 0);
	size = lseek(over->memory, 0, SEEK_END);
	over->text = calloc(1, (size_t)size + 1);
	ck_assert_int_eq(pread(over->memory, over->text, (size_t)size, 0), size);
	handing_over_read_text(over, over->text);
}

static inline void handing_over_end(struct handing_over *over)
{
	if (over->memory >= 0)
		close(over->memory);
	inheritance_free(over->inheritance);
	free(over->text);
	*over = (struct handing_over){.memory = -1};
}

#endif
