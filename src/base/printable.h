/*
 * Text from outside (names, paths, addresses, settings) that is read or shown. Control characters could forge
 * a line or control a terminal, so they are refused or replaced: U+0000 to U+001F, U+007F to U+009F, and
 * their like in other encodings.
 */
#ifndef WEIR_PRINTABLE_H
#define WEIR_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The position of the first control character other than a tab, or length if there is none. *code becomes its
 * number. A byte from 0x80 to 0x9f that is not part of a UTF-8 character counts too, because it is a control
 * character in 8-bit encodings.
 */
size_t printable_find_control(const char *text, size_t length, unsigned *code);

/* Turns text into one line: bytes of control characters, and bytes that are not UTF-8, become '?'. */
void printable_line(char *text, size_t length);
/* Turns text into one word of printable ASCII: all other bytes become '?'. */
void printable_word(char *text, size_t length);
/* True if text is one word without control characters, so that it reads back the same from relay.ini. */
bool printable_is_word(const char *text);

#endif
