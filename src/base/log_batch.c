#include "build_config.h"

#include "base/log_batch.h"
#include "base/log_writer.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* For the pages wholly within bytes[from to LOG_BYTES_MAX). A failure costs memory and nothing else. */
static void advise(struct log_batch *batch, size_t from, int advice)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t start = (uintptr_t)batch->bytes + from, end = (uintptr_t)batch->bytes + LOG_BYTES_MAX;
	const size_t before = -start & (page - 1);

	(void)madvise(batch->bytes + from + before, (end - start - before) & ~(page - 1), advice);
}

void log_batch_init(struct log_batch *batch)
{
	advise(batch, 0, MADV_NOHUGEPAGE);
}

bool log_batch_add(struct log_batch *batch, size_t most, const struct log_prefix *prefix, const char *text,
                   size_t length)
{
	if (batch->refused > 0 || batch->used + prefix->length + length > most) {
		batch->refused++;
		log_writer_drop();
		return false;
	}
	memcpy(batch->bytes + batch->used, prefix->text, prefix->length);
	memcpy(batch->bytes + batch->used + prefix->length, text, length);
	batch->used += prefix->length + length;
	return true;
}

void log_batch_write(struct log_batch *batch)
{
	log_writer_lines(batch->bytes, batch->used);
	log_writer_missed(batch->refused);
	if (batch->used > LOG_BATCH_KEPT)
		advise(batch, LOG_BATCH_KEPT, MADV_DONTNEED);
	batch->used = 0;
	batch->refused = 0;
}
