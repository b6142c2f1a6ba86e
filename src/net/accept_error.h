/* Whose fault it is when accept(2) fails. */
#ifndef WEIR_ACCEPT_ERROR_H
#define WEIR_ACCEPT_ERROR_H

#include <stdbool.h>

/* error (-errno) was caused by the client or its network. The next client may be fine. */
bool accept_error_is_of_client(int error);

#endif
