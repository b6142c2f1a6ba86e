/* Amounts as text for narrow columns. All texts are ASCII, except that of a spark. */
#ifndef WEIR_AMOUNTS_H
#define WEIR_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define AMOUNT_MAX     24         /* bytes of the longest text, with its NUL */
#define AMOUNT_UNKNOWN UINT64_MAX /* has the text "-" */

/* At most five columns up to 999 P: 999, 1023, 1.5K, 12M. Powers of 1024, as in relay.ini. Returns buf. */
char *amount_size(uint64_t bytes, char buf[AMOUNT_MAX]);
/* At most five columns: 350ms, 12.3s, 3m12s, 47m, 3h12m, 12h, 9999d. Returns buf. */
char *amount_duration(uint64_t milliseconds, char buf[AMOUNT_MAX]);
/* The same for round trips: 0.25ms, 12ms, 1.2s. Returns buf. */
char *amount_round_trip(uint64_t microseconds, char buf[AMOUNT_MAX]);
/* 93%, of 930 permille. Returns buf. */
char *amount_percent(uint64_t permille, char buf[AMOUNT_MAX]);
/* As it is. Returns buf. */
char *amount_number(uint64_t number, char buf[AMOUNT_MAX]);

/*
 * A queue of so many bytes between its marks, in width columns and a NUL: [####|##  ]. The bar is the low
 * mark; the right end is the high one. width is at least 4. Returns buf.
 */
char *amount_gauge(uint64_t queued, uint64_t low, uint64_t high, int width, char *buf);

/* How high value stands below most, as one character: of block elements, or of ASCII. */
wchar_t amount_spark(uint64_t value, uint64_t most, bool ascii);

#endif
