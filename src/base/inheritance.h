/*
 * Descriptors that a program has inherited from the one before it in the same process. Each is claimed once,
 * by whoever owns it from then on; those that nobody claims are closed.
 *
 * In a rehearsal none was inherited. Then a claim gives a stand-in: a new descriptor of the same kind, which
 * is not connected to anything. A number is still claimed only once.
 */
#ifndef WEIR_INHERITANCE_H
#define WEIR_INHERITANCE_H

#include <stdbool.h>
#include <stddef.h>

struct inheritance;

enum inheritance_kind { INHERITED_SOCKET, INHERITED_PIPE, INHERITED_FILE };

/* NULL when out of memory. */
struct inheritance *inheritance_new(bool rehearsal);
bool inheritance_is_rehearsal(const struct inheritance *inheritance);
/*
 * The descriptor, close-on-exec again, or a stand-in. -EBADF: it is not open, or not of this kind; -EEXIST:
 * it was claimed before; or -errno of making a stand-in.
 */
int inheritance_claim(struct inheritance *inheritance, int fd, enum inheritance_kind kind);
/*
 * Closes all from 3 on that nobody has claimed and that are not close-on-exec: what this process has opened
 * itself is, at least while no other thread runs. Returns how many. Does nothing in a rehearsal.
 */
size_t inheritance_close_rest(struct inheritance *inheritance);
/*
 * Whatever was claimed and is still open is not close-on-exec any more: another program inherits it instead.
 * Does nothing in a rehearsal.
 */
void inheritance_give_back(const struct inheritance *inheritance);
void inheritance_free(struct inheritance *inheritance); /* takes NULL */

#endif
