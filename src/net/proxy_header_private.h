/* The parts of proxy_header: one for each version. They have its contract. */
#ifndef WEIR_PROXY_HEADER_PRIVATE_H
#define WEIR_PROXY_HEADER_PRIVATE_H

#include "net/proxy_header.h"

#define PROXY_V1_START "PROXY "
#define PROXY_V2_START "\r\n\r\n\0\r\nQUIT\n" /* has a NUL in it, and none at its end */

/* size is at least that of the start, and the start is right. */
int proxy_header_decode_v1(const char *line, size_t size, struct proxy_header *header, const char **why);
int proxy_header_decode_v2(const unsigned char *bytes, size_t size, struct proxy_header *header,
                           const char **why);

/* Both are of this family, AF_UNSPEC if they have none in common. */
size_t proxy_header_encode_v1(int family, const struct endpoint *source, const struct endpoint *destination,
                              char *buf);
size_t proxy_header_encode_v2(int family, const struct endpoint *source, const struct endpoint *destination,
                              char *buf);
size_t proxy_header_encode_local(char *buf);

#endif
