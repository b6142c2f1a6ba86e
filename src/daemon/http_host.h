/* Whether a request may be one that another site has made a browser send. */
#ifndef WEIR_HTTP_HOST_H
#define WEIR_HTTP_HOST_H

#include <stdbool.h>

/*
 * Whether host, the value of a Host header, is an address or localhost. Any other name may be one of a site
 * that has its own name lead to this machine, so that its page may read what is served here (DNS rebinding).
 */
bool http_host_is_ours(const char *host);

#endif
