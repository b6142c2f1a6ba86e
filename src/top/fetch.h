/* Asks a weir for its report by HTTP, one time after another, without waiting for it. */
#ifndef WEIR_FETCH_H
#define WEIR_FETCH_H

#include "top/place.h"

#include <stdint.h>

struct fetch;

/* NULL when out of memory. place must outlive it. */
struct fetch *fetch_new(const struct place *place);
void fetch_free(struct fetch *fetch); /* takes NULL */

/*
 * Asks for the top pairs that wait longest, of one relay or, with NULL or "", of all. What was asked for and
 * has not come is given up. 0 or -ENOMEM.
 */
int fetch_start(struct fetch *fetch, uint64_t top, const char *relay);
/* Asked for, and not yet taken. */
bool fetch_is_under_way(const struct fetch *fetch);

struct curl_waitfd;
/*
 * Goes on with it until something has come from there, or can be read from one of count descriptors, or so
 * many milliseconds have passed.
 */
void fetch_wait(struct fetch *fetch, struct curl_waitfd *fds, unsigned count, int milliseconds);

enum fetched { FETCHED_NOTHING, FETCHED_REPORT, FETCHED_ERROR };
/* What has become of it. Both are valid until the next start: *text of so many bytes, *error in words. */
enum fetched fetch_take(struct fetch *fetch, const char **text, size_t *length, const char **error);

#endif
