#include "build_config.h"

#include "base/printable.h"

#include <stdint.h>
#include <string.h>

/* How many bytes the UTF-8 character at text has (RFC 3629). 0 if there is none within length. */
static size_t decode(const char *text, size_t length, unsigned *code)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800,
	                                 0x10000}; /* by size: no longer form than needed */
	unsigned char first = (unsigned char)text[0];
	size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*code = first;
	if (size == 1 || size == 0 || size > length || first >= 0xf8)
		return size == 1;
	*code &= 0x7fU >> size;
	for (size_t i = 1; i < size; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | ((unsigned char)text[i] & 0x3f);
	}
	/* 0xd800 to 0xdfff are not characters. */
	return *code < least[size] || *code > 0x10ffff || *code >> 11 == 0xd800 >> 11 ? 0 : size;
}

static bool is_control(unsigned code)
{
	return code < ' ' || (code >= 0x7f && code <= 0x9f);
}

static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f;
}

size_t printable_find_control(const char *text, size_t length, unsigned *code)
{
	size_t at = 0;

	while (at < length) {
		size_t size = decode(text + at, length - at, code);

		if (size == 0)
			*code = (unsigned char)text[at];
		if (is_control(*code) && *code != '\t')
			break;
		at += size > 0 ? size : 1;
	}
	return at;
}

/*
 * How many bytes at text are certainly plain ASCII, checked eight at a time. A line of the log hardly ever
 * has others. In each byte, the subtraction borrows below ' ', and the addition carries at 0x7f.
 */
static size_t plain_length(const char *text, size_t length)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	size_t at = 0;
	uint64_t eight;

	for (; length - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, text + at, sizeof(eight));
		if (((eight - ' ' * ones) | eight | (eight + ones)) & tops)
			break;
	}
	return at;
}

void printable_line(char *text, size_t length)
{
	for (size_t at = plain_length(text, length); at < length;) {
		unsigned code;
		size_t size = decode(text + at, length - at, &code);
		size_t step = size > 0 ? size : 1;

		if (size == 0 || is_control(code))
			memset(text + at, '?', step);
		at += step;
	}
}

void printable_word(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_plain(text[i]))
			text[i] = '?';
}

bool printable_is_word(const char *text)
{
	size_t length = strlen(text);
	unsigned code;

	return strcspn(text, " \t") == length && printable_find_control(text, length, &code) == length;
}
