/* Numbers as text, where printf(3) would be too slow. */
#ifndef WEIR_DECIMAL_H
#define WEIR_DECIMAL_H

#include <stdint.h>

#define DECIMAL_MAX 20 /* digits of UINT64_MAX */

/* Writes the digits, without a NUL after them. Returns their end. */
static inline char *decimal_write(char *at, uint64_t number)
{
	char digits[DECIMAL_MAX], *first = digits + DECIMAL_MAX;

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	while (first < digits + DECIMAL_MAX)
		*at++ = *first++;
	return at;
}

#endif
