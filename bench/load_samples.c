#include "build_config.h"

#include "load_samples.h"

#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX (4u << 20)

void samples_init(struct samples *samples)
{
	*samples = (struct samples){.ns = load_alloc(SAMPLES_MAX, sizeof(*samples->ns))};
}

void samples_add(struct samples *samples, uint64_t ns)
{
	if (samples->count < SAMPLES_MAX)
		samples->ns[samples->count] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
	samples->count++;
}

static uint64_t kept(const struct samples *samples)
{
	return samples->count < SAMPLES_MAX ? samples->count : SAMPLES_MAX;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static double percentile_us(const struct samples *samples, double part)
{
	uint64_t count = kept(samples);

	return count == 0 ? 0 : (double)samples->ns[(uint64_t)((double)(count - 1) * part)] / 1e3;
}

void samples_print(struct samples *samples)
{
	qsort(samples->ns, kept(samples), sizeof(*samples->ns), compare);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, ",
	       percentile_us(samples, 0.5), percentile_us(samples, 0.99), percentile_us(samples, 0.999),
	       percentile_us(samples, 1));
}

void samples_deinit(struct samples *samples)
{
	free(samples->ns);
}
