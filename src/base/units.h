/*
 * Sizes, durations, numbers and booleans as relay.ini(5) writes them. Parsing is strict: no sign, no white
 * space, nothing after the value. All parsers return 0, -EINVAL (not of that form) or -ERANGE (too large for
 * the type). On failure they leave *value alone.
 */
#ifndef WEIR_UNITS_H
#define WEIR_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_AUTO UINT64_MAX /* "auto", for values that allow it; not parsed or formatted here */

#define UNITS_TEXT_MAX 32 /* the most that units_format_* needs, in bytes with NUL */

/* Bytes: "4096", "64K", "1M", "2G" (powers of 1024, upper or lower case). */
int units_parse_size(const char *text, uint64_t *bytes);
/* Milliseconds: "500ms", "30s", "5m", "1h", "2d"; a bare "0" is 0, any other bare number is -EINVAL. */
int units_parse_duration(const char *text, uint64_t *milliseconds);
/* A plain decimal number. */
int units_parse_number(const char *text, uint64_t *number);
/* on/off, yes/no, true/false in any case. */
int units_parse_bool(const char *text, bool *value);

/* The shortest text that parses back to the same value: 65536 as "64K". Returns buf. */
char *units_format_size(uint64_t bytes, char buf[UNITS_TEXT_MAX]);
char *units_format_duration(uint64_t milliseconds, char buf[UNITS_TEXT_MAX]);

#endif
