/* Times that were measured, and their percentiles. */
#ifndef WEIR_BENCH_LOAD_SAMPLES_H
#define WEIR_BENCH_LOAD_SAMPLES_H

#include <stdint.h>

struct samples {
	uint32_t *ns; /* the first ones; later ones are only counted */
	uint64_t count;
};

void samples_init(struct samples *samples);
void samples_add(struct samples *samples, uint64_t ns);
/* Prints percentiles in µs as members of a JSON object, with a comma after the last. Sorts the samples. */
void samples_print(struct samples *samples);
void samples_deinit(struct samples *samples);

#endif
