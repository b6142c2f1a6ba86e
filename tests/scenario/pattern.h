/*
 * A stream of bytes that its seed determines. The byte at an offset depends on seed and offset alone. A
 * receiver that knows both notices a lost, doubled, swapped or foreign byte at once, without keeping what was
 * sent.
 */
#ifndef WEIR_TESTS_PATTERN_H
#define WEIR_TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The length bytes of the stream that begin at offset. */
void pattern_fill(unsigned char *bytes, size_t length, uint64_t seed, uint64_t offset);

/* How many of the bytes, counted from the first, are what the stream has at offset. */
size_t pattern_match(const unsigned char *bytes, size_t length, uint64_t seed, uint64_t offset);

/* Where in the first limit bytes of the stream these bytes are (certain with 16 or more), or UINT64_MAX. */
uint64_t pattern_find(const unsigned char *bytes, size_t length, uint64_t seed, uint64_t limit);

#endif
