/* The checksum CRC32c, as in iSCSI and SCTP (RFC 3720, RFC 9260). */
#ifndef WEIR_CRC32C_H
#define WEIR_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of some bytes after others: crc is the checksum of those before, 0 if there are none. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
