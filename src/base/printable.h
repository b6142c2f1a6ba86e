/*
 * Text from outside (names, paths, addresses, settings), where it is shown or read. What could forge a line
 * or control a terminal is refused or replaced: control characters, that is U+0000 to U+001F and U+007F to
 * U+009F, and their like in other encodings.
 */
#ifndef WEIR_PRINTABLE_H
#define WEIR_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where the first control character other than a tab is, or length if there is none. *code becomes its
 * number. A byte of 0x80 to 0x9f that is no part of a UTF-8 character counts as one: in 8-bit encodings it
 * is.
 */
size_t printable_find_control(const char *text, size_t length, unsigned *code);

/* Makes one line of text: bytes of control characters, and bytes that are not UTF-8, become '?'. */
void printable_line(char *text, size_t length);
/* Makes one word of printable ASCII: all other bytes become '?'. */
void printable_word(char *text, size_t length);
/* True if text is one word without control characters, so that it reads back the same from relay.ini. */
bool printable_is_word(const char *text);

#endif
