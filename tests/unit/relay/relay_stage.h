/* A relay with targets whose names resolve as the test wants. */
#ifndef WEIR_UNIT_RELAY_STAGE_H
#define WEIR_UNIT_RELAY_STAGE_H

#include "relay/admission.h"
#include "relay/origins.h"
#include "relay/relay.h"
#include "relays.h"
#include "unit.h"

#define THREADS 4
#define ROUNDS  2000

extern struct relay *relay;
extern struct resolver *resolver;
extern struct endpoint moving; /* what "moving.example" has */

/*
 * "three.example" has 10.0.0.1 to .3, "one.example" has 10.1.0.1, "moving.example" has what the test
 * says, others do not resolve.
 */
lookup_call fake_lookup;
/* On which names are looked up. */
struct event_base *look_up_base(void);
/* Waits until names of the relay have been looked up. */
void resolve(struct relay *one);
/* The relay, with these targets and options (or NULL). */
void begin(const char *const *targets, const char *const *options);
/* The relay, with these lines in its section: its targets, say. */
void begin_with(const char *lines);
/* Fixtures. */
void setup(void);
void teardown(void);

#endif
