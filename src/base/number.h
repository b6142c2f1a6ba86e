/* The smaller and the larger of two numbers, and a whole one that cannot overflow. */
#ifndef WEIR_NUMBER_H
#define WEIR_NUMBER_H

#include <stdint.h>

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Of what is not below 0. UINT64_MAX stands for what is too much. */
static inline uint64_t u64_of(double number)
{
	return number < 0x1p63 ? (uint64_t)number : UINT64_MAX;
}

#endif
