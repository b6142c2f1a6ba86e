/* All entrances of a relay. */
#ifndef WEIR_ENTRANCES_H
#define WEIR_ENTRANCES_H

#include "config/settings.h"
#include "net/address_list.h"
#include "relay/facade.h"

#include <stddef.h>

struct entrances {
	struct entrance **list; /* a reference to each */
	uint16_t *places;       /* of each, within the range of ports that it is of; from 0 */
	size_t count;
	bool by_name; /* some are addresses of a host name, or of sockets of the service manager */
};

/*
 * Takes every listening address of the relay from the facade, without accepting anybody new. "*:80" is one
 * socket for both families. found has a list for each listening address: what a host name stands for, or NULL
 * where there is no name. It may be NULL if none is a name. Addresses of a name that this machine does not
 * have are left out, unless it has none of them. "systemd:NAME" is all sockets with that name in the facade's
 * activation. Those who may by config can connect to unix paths, also to those that are kept. With refuse,
 * they are to let nobody in for now. 0 or -errno; the error is logged. entrances_free must follow in any
 * case.
 */
int entrances_bind(struct entrances *entrances, struct facade *facade, const struct config_relay *config,
                   struct address_list *const *found, const struct socket_tuning *tuning, bool refuse);
/* One that was restored, at this place: the relay has it. 0 or -ENOMEM. */
int entrances_add(struct entrances *entrances, struct entrance *entrance, uint16_t place);
/*
 * Takes all of them again for the same relay, to let clients in or to refuse them. The latter cannot fail. 0
 * or -errno; the error is logged, and all must be taken again to refuse then.
 */
int entrances_take_again(const struct entrances *entrances, const char *relay, bool refuse);
/* Whether they let clients in at present. */
bool entrances_let_in(const struct entrances *entrances);
/*
 * Lets clients in on all of them and logs each, except those that do so already or refuse. relay is its name.
 * 0 or -errno; the error is logged.
 */
int entrances_listen(struct entrances *entrances, const char *relay);
void entrances_free(struct entrances *entrances);

#endif
