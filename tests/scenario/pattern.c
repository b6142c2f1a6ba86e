#include "build_config.h"

#include "pattern.h"

#include <string.h>

enum { BLOCK = sizeof(uint64_t), PIECE = 64 * 1024 };

/* The bytes of one block, by the splitmix64 generator, which can jump to any index. */
static uint64_t pattern_block(uint64_t seed, uint64_t index)
{
	uint64_t z = seed * 0xd1342543de82ef95 + (index + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* The part of one block that begins at offset, at most length bytes. Returns how many. */
static size_t pattern_part(unsigned char *bytes, size_t length, uint64_t seed, uint64_t offset)
{
	uint64_t block = pattern_block(seed, offset / BLOCK);
	size_t skip = offset % BLOCK;
	size_t size = BLOCK - skip < length ? BLOCK - skip : length;

	memcpy(bytes, (const unsigned char *)&block + skip, size);
	return size;
}

void pattern_fill(unsigned char *bytes, size_t length, uint64_t seed, uint64_t offset)
{
	size_t done = length ? pattern_part(bytes, length, seed, offset) : 0;

	for (; length - done >= BLOCK; done += BLOCK) {
		uint64_t block = pattern_block(seed, (offset + done) / BLOCK);

		memcpy(bytes + done, &block, BLOCK);
	}
	if (done < length)
		pattern_part(bytes + done, length - done, seed, offset + done);
}

static size_t pattern_first_difference(const unsigned char *a, const unsigned char *b, size_t length)
{
	size_t i = 0;

	while (i < length && a[i] == b[i])
		i++;
	return i;
}

size_t pattern_match(const unsigned char *bytes, size_t length, uint64_t seed, uint64_t offset)
{
	static unsigned char expected[PIECE];
	size_t done = 0;

	while (done < length) {
		size_t size = length - done < PIECE ? length - done : PIECE;

		pattern_fill(expected, size, seed, offset + done);
		if (memcmp(bytes + done, expected, size) != 0)
			return done + pattern_first_difference(bytes + done, expected, size);
		done += size;
	}
	return done;
}

uint64_t pattern_find(const unsigned char *bytes, size_t length, uint64_t seed, uint64_t limit)
{
	static unsigned char stream[2 * PIECE];
	uint64_t start;

	if (length > PIECE)
		length = PIECE;
	for (start = 0; start < limit; start += PIECE) {
		const unsigned char *found;

		pattern_fill(stream, PIECE + length, seed, start);
		found = memmem(stream, PIECE + length, bytes, length);
		if (found)
			return start + (uint64_t)(found - stream);
	}
	return UINT64_MAX;
}
