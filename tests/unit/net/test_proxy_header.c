/* What is said to come from haproxy is what haproxy 2.6.12 sent. */
#include "build_config.h"

#include "net/proxy_header.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define BYTES(string) string, sizeof(string) - 1

#define V2       "\r\n\r\n\0\r\nQUIT\n"
#define INET     "\x0a\0\0\1\x0a\0\0\2\x1f\x90\0\x50" /* 10.0.0.1:8080 to 10.0.0.2:80 */
#define LOOPBACK "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define MAPPED   "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1"
#define INET6    LOOPBACK LOOPBACK "\x1f\x90\0\x50"

#define NULS9     "\0\0\0\0\0\0\0\0\0"
#define NULS90    NULS9 NULS9 NULS9 NULS9 NULS9 NULS9 NULS9 NULS9 NULS9 NULS9
#define NULS99    NULS90 NULS9
#define NULS108   NULS99 NULS9
#define LETTERS9  "abcdefghi"
#define LETTERS54 LETTERS9 LETTERS9 LETTERS9 LETTERS9 LETTERS9 LETTERS9
#define ALL6      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

/* A header with the addresses that it tells: none if they are NULL. */
static const struct good {
	const char *bytes;
	size_t size;
	const char *source, *destination;
} good[] = {
        {BYTES("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), "192.168.0.1:56324", "192.168.0.11:443"},
        {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535",
         "255.255.255.255:65535"},
        {BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0", "0.0.0.0:0"},
        {BYTES("PROXY TCP4 127.0.0.1 127.0.0.1 41422 43123\r\n"), "127.0.0.1:41422",
         "127.0.0.1:43123"},                                                         /* from haproxy */
        {BYTES("PROXY TCP6 ::1 ::1 38306 60307\r\n"), "[::1]:38306", "[::1]:60307"}, /* from haproxy */
        {BYTES("PROXY TCP6 " ALL6 " " ALL6 " 65535 65535\r\n"), "[" ALL6 "]:65535", "[" ALL6 "]:65535"},
        {BYTES("PROXY TCP6 2001:DB8::A fe80::1 1 2\r\n"), "[2001:db8::a]:1", "[fe80::1]:2"},
        {BYTES("PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0001 :: 1 2\r\n"), "[2001:db8::1]:1", "[::]:2"},
        {BYTES("PROXY TCP6 ::ffff:10.0.0.5 ::ffff:10.0.0.6 1 2\r\n"), "10.0.0.5:1", "10.0.0.6:2"},
        {BYTES("PROXY TCP6 ::ffff:0a00:0005 2001:db8::1 1 2\r\n"), "10.0.0.5:1", "[2001:db8::1]:2"},
        {BYTES("PROXY UNKNOWN\r\n"), NULL, NULL}, /* from haproxy, of a unix socket */
        {BYTES("PROXY UNKNOWN \r\n"), NULL, NULL},
        {BYTES("PROXY UNKNOWN " ALL6 " " ALL6 " 65535 65535\r\n"), NULL, NULL},
        {BYTES("PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n"), NULL, NULL},
        {BYTES("PROXY UNKNOWN \0\t\r\r \xff\r\n"), NULL, NULL},

        /* From haproxy: plain, with a checksum, with a checksum and a unique id; a unix socket is LOCAL. */
        {BYTES(V2 "!\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\x8e.\xc4\x0f"), "127.0.0.1:36398", "127.0.0.1:50191"},
        {BYTES(V2 "!!\0$" LOOPBACK LOOPBACK "\xb5*\xdb\x11"), "[::1]:46378", "[::1]:56081"},
        {BYTES(V2 "!\x11\0\x13\x7f\0\0\1\x7f\0\0\1\xaf\x1c\x99\xb3\3\0\4\xbb\4.R"), "127.0.0.1:44828",
         "127.0.0.1:39347"},
        {BYTES(V2 "!!\0+" LOOPBACK LOOPBACK "\xa1j\xa6O\3\0\4\x1f\xab\x9c\x1c"), "[::1]:41322",
         "[::1]:42575"},
        {BYTES(V2 "!\x11\0:\x7f\0\0\1\x7f\0\0\1\xa8\xaa\xd6\x85\3\0\4hs\xf1\xb3\5\0$"
                  "4ff8b190-398d-450d-8be8-a314c85ba13e"),
         "127.0.0.1:43178", "127.0.0.1:54917"},
        {BYTES(V2 "!!\0R" LOOPBACK LOOPBACK "\xc6\xf2\x8c\x9f\3\0\4\x82\xe7lQ\5\0$"
                  "20e1cbe5-2bab-40f9-b341-e2baaf821ba8"),
         "[::1]:50930", "[::1]:35999"},
        {BYTES(V2 " \0\0\0"), NULL, NULL},
        {BYTES(V2 " \0\0\7\3\0\4\xa9\xb8~\x8f"), NULL, NULL},

        /* What is in LOCAL and UNSPEC is skipped, and neither its family nor its checksum is judged. */
        {BYTES(V2 "\x20\x11\0\x0c" INET), NULL, NULL},
        {BYTES(V2 "\x20\x11\0\1\0"), NULL, NULL},
        {BYTES(V2 "\x20\x12\0\0"), NULL, NULL},
        {BYTES(V2 "\x20\xff\0\3\1\2\3"), NULL, NULL},
        {BYTES(V2 "\x20\0\0\7\3\0\4\0\0\0\0"), NULL, NULL},
        {BYTES(V2 "\x21\0\0\0"), NULL, NULL},
        {BYTES(V2 "\x21\0\0\3\3\0\4"), NULL, NULL},
        {BYTES(V2 "\x21\x01\0\x0c" INET), NULL, NULL},
        {BYTES(V2 "\x21\x10\0\x0c" INET), NULL, NULL},
        {BYTES(V2 "\x21\x30\0\0"), NULL, NULL},

        {BYTES(V2 "\x21\x11\0\x0c" INET), "10.0.0.1:8080", "10.0.0.2:80"},
        {BYTES(V2 "\x21\x21\0\x24" INET6), "[::1]:8080", "[::1]:80"},
        {BYTES(V2 "\x21\x21\0\x24" MAPPED MAPPED "\0\1\0\2"), "10.0.0.1:1", "10.0.0.1:2"},
        {BYTES(V2 "\x21\x21\0\x24" MAPPED LOOPBACK "\0\1\0\2"), "10.0.0.1:1", "[::1]:2"},
        {BYTES(V2 "\x21\x31\0\xd8" NULS108 NULS108), "unix:", "unix:"},
        {BYTES(V2 "\x21\x31\0\xd8" NULS108 "/run/weir" NULS99), "unix:", "unix:/run/weir"},
        {BYTES(V2 "\x21\x31\0\xd8"
                  "/run/weir" NULS90 LETTERS9 "\0weirname" NULS99),
         "unix:/run/weir", "unix:@weirname"},
        {BYTES(V2 "\x21\x31\0\xdb" LETTERS54 LETTERS54 NULS108 "\4\0\0"), "unix:" LETTERS54 LETTERS54,
         "unix:"},

        /* After the addresses: nothing for us, but whole. */
        {BYTES(V2 "\x21\x11\0\x0f" INET "\4\0\0"), "10.0.0.1:8080", "10.0.0.2:80"},
        {BYTES(V2 "\x21\x11\0\x17" INET "\4\0\1\0\xea\0\4\0\0\0\4"), "10.0.0.1:8080", "10.0.0.2:80"},
        {BYTES(V2 "\x21\x11\0\x12" INET "\x20\0\3\0\xff\xff"), "10.0.0.1:8080", "10.0.0.2:80"},
        {BYTES(V2 "\x21\x21\0\x28" INET6 "\xff\0\1\xff"), "[::1]:8080", "[::1]:80"},
};

/* What is refused, after how many bytes at the earliest, and why. */
static const struct bad {
	const char *bytes;
	size_t size;
	size_t at;
	const char *why;
} bad[] = {
        {BYTES("GET / HTTP/1.1\r\n"), 1, "no PROXY header"},
        {BYTES("\x16\3\1"), 1, "no PROXY header"},
        {BYTES("\0"), 1, "no PROXY header"},
        {BYTES("\n"), 1, "no PROXY header"},
        {BYTES(" PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 1, "no PROXY header"},
        {BYTES("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 1, "no PROXY header"},
        {BYTES("\r\n\r\nQUIT"), 5, "no PROXY header"},
        {BYTES("\r\n\r\n\0\r\nQUIT\r"), 12, "no PROXY header"},
        {BYTES("PROXYTCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 6, "no PROXY header"},
        {BYTES("PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 6, "no PROXY header"},
        {BYTES("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), 7, "unknown protocol"},
        {BYTES("PROXY \r\n"), 7, "unknown protocol"},
        {BYTES("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), 8, "unknown protocol"},
        {BYTES("PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n"), 7, "unknown protocol"},
        {BYTES("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"), 10, "unknown protocol"},
        {BYTES("PROXY TCP 1.2.3.4 5.6.7.8 1 2\r\n"), 10, "unknown protocol"},
        {BYTES("PROXY TCP4\r\n"), 11, "unknown protocol"},
        {BYTES("PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n"), 11, "unknown protocol"},
        {BYTES("PROXY UNKNOWNS\r\n"), 14, "unknown protocol"},
        {BYTES("PROXY UNKNOWN\n"), 14, "unknown protocol"},
        {BYTES("PROXY UNKNOWN\r\r\n"), 15, "unknown protocol"},
        {BYTES("PROXY UNKNOWN 1\n2\r\n"), 16, "a line feed without a carriage return"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), 31, "a line feed without a carriage return"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n"), 31, "a line feed without a carriage return"},
        {BYTES("PROXY TCP4 " LETTERS54 LETTERS9 LETTERS9 LETTERS9 LETTERS9 "abcdef\r\n"), 107,
         "no end of the line"},
        {BYTES("PROXY UNKNOWN " LETTERS54 LETTERS9 LETTERS9 LETTERS9 "ABCDEFGHIJK\r\n"), 107,
         "no end of the line"},
        {BYTES("PROXY UNKNOWN " LETTERS54 LETTERS9 LETTERS9 LETTERS9 "ABCDEFGHIJKL\r\n"), 107,
         "no end of the line"},
        {BYTES("PROXY TCP4 \r\n"), 13, "not two addresses and two ports"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), 30, "not two addresses and two ports"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"), 33, "not two addresses and two ports"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), 34, "not two addresses and two ports"},
        {BYTES("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"), 33, "not two addresses and two ports"},
        {BYTES("PROXY TCP4  1.2.3.4 5.6.7.8 1\r\n"), 31, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n"), 33, "a NUL in the line"},
        {BYTES("PROXY TCP4 1.2.3\0 5.6.7.8 1 2\r\n"), 31, "a NUL in the line"},
        {BYTES("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"), 30, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n"), 34, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"), 33, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.0x4 5.6.7.8 1 2\r\n"), 34, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n"), 34, "wrong source address"},
        {BYTES("PROXY TCP4 \t1.2.3.4 5.6.7.8 1 2\r\n"), 33, "wrong source address"},
        {BYTES("PROXY TCP4 ::1 5.6.7.8 1 2\r\n"), 28, "wrong source address"},
        {BYTES("PROXY TCP4 localhost 5.6.7.8 1 2\r\n"), 34, "wrong source address"},
        {BYTES("PROXY TCP4 1.2.3.4 ::1 1 2\r\n"), 28, "wrong destination address"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8\r 1 2\r\n"), 33, "wrong destination address"},
        {BYTES("PROXY TCP6 1.2.3.4 ::1 1 2\r\n"), 28, "wrong source address"},
        {BYTES("PROXY TCP6 [::1] ::1 1 2\r\n"), 26, "wrong source address"},
        {BYTES("PROXY TCP6 ::1::2 ::1 1 2\r\n"), 27, "wrong source address"},
        {BYTES("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n"), 34, "wrong source address"},
        {BYTES("PROXY TCP6 00001::1 ::1 1 2\r\n"), 29, "wrong source address"},
        {BYTES("PROXY TCP6 ::1 fe80::1%lo 1 2\r\n"), 31, "wrong destination address"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"), 36, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 655350 2\r\n"), 37, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 4294967297 2\r\n"), 41, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"), 33, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"), 33, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"), 33, "wrong source port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n"), 33, "wrong destination port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 0x2\r\n"), 34, "wrong destination port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n"), 33, "wrong destination port"},
        {BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n"), 31, "wrong destination port"},

        {BYTES(V2 "\x11\x11\0\x0c" INET), 16, "unknown version"},
        {BYTES(V2 "\x31\x11\0\x0c" INET), 16, "unknown version"},
        {BYTES(V2 "\1\x11\0\x0c" INET), 16, "unknown version"},
        {BYTES(V2 "\x22\x11\0\x0c" INET), 16, "unknown command"},
        {BYTES(V2 "\x2f\x11\0\x0c" INET), 16, "unknown command"},
        {BYTES(V2 "\x21\x41\0\x0c" INET), 16, "unknown address family"},
        {BYTES(V2 "\x21\x40\0\x0c" INET), 16, "unknown address family"},
        {BYTES(V2 "\x21\xf1\0\x0c" INET), 16, "unknown address family"},
        {BYTES(V2 "\x21\x13\0\x0c" INET), 16, "unknown protocol"},
        {BYTES(V2 "\x21\3\0\x0c" INET), 16, "unknown protocol"},
        {BYTES(V2 "\x21\x1f\0\x0c" INET), 16, "unknown protocol"},
        {BYTES(V2 "\x21\x12\0\x0c" INET), 16, "datagrams"},
        {BYTES(V2 "\x21\x22\0\x24" INET6), 16, "datagrams"},
        {BYTES(V2 "\x21\x32\0\xd8" NULS108 NULS108), 16, "datagrams"},
        {BYTES(V2 "\x21\2\0\0"), 16, "datagrams"},
        {BYTES(V2 "\x21\x11\0\0"), 16, "too short for its addresses"},
        {BYTES(V2 "\x21\x11\0\x0b" INET), 16, "too short for its addresses"},
        {BYTES(V2 "\x21\x21\0\x23" INET6), 16, "too short for its addresses"},
        {BYTES(V2 "\x21\x31\0\xd7" NULS108 NULS108), 16, "too short for its addresses"},
        {BYTES(V2 "\x21\x11\x10\1" INET), 16, "too long"},
        {BYTES(V2 "\x21\x11\xff\xff" INET), 16, "too long"},
        {BYTES(V2 "\x20\0\x10\1"), 16, "too long"},
        {BYTES(V2 "\x21\x11\0\x0d" INET "\4"), 29, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x0e" INET "\4\0"), 30, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x0f" INET "\4\0\1"), 31, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x11" INET "\4\0\3ab"), 33, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x11" INET "\4\xff\xff\0\0"), 33, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x12" INET "\4\0\1a\4\0"), 34, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x12" INET "\3\0\4abc"), 34, "a TLV runs over the end"},
        {BYTES(V2 "\x21\x11\0\x12" INET "\3\0\3abc"), 34, "not one checksum of four bytes"},
        {BYTES(V2 "\x21\x11\0\x0f" INET "\3\0\0"), 31, "not one checksum of four bytes"},
        {BYTES(V2 "\x21\x11\0\x14" INET "\3\0\5abcde"), 36, "not one checksum of four bytes"},
        {BYTES(V2 "\x21\x11\0\x1a" INET "\3\0\4\0\0\0\0\3\0\4\0\0\0\0"), 42,
         "not one checksum of four bytes"},
        {BYTES(V2 "\x21\x11\0\x13" INET "\3\0\4\0\0\0\0"), 35, "wrong checksum"},
        {BYTES(V2 "\x21\x11\0\x13" INET "\3\0\4ou\r\x13"), 35, "wrong checksum"}, /* its bytes reversed */
        {BYTES(V2 "!\x11\0\x13\x7f\0\0\1\x7f\0\0\1\xaf\x1c\x99\xb2\3\0\4\xbb\4.R"), 35,
         "wrong checksum"}, /* haproxy's with another port */
};

/* In memory that ends where it ends, so that a sanitizer sees a read beyond it. */
static int decode(const char *bytes, size_t size, struct proxy_header *header, const char **why)
{
	char *copy = malloc(size > 0 ? size : 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, size);
	r = proxy_header_decode(copy, size, header, why);
	free(copy);
	return r;
}

static void expect_endpoint(const struct endpoint *endpoint, const char *expected)
{
	char text[ADDRESS_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(&endpoint->any, endpoint->length, text), expected);
}

static void expect_good(const struct good *row, const char *bytes, size_t size)
{
	struct proxy_header header;
	const char *why;

	ck_assert_int_eq(decode(bytes, size, &header, &why), (int)row->size);
	ck_assert_int_eq(header.has_addresses, row->source != NULL);
	if (!row->source)
		return;
	expect_endpoint(&header.source, row->source);
	expect_endpoint(&header.destination, row->destination);
}

/* The whole, all that is less, and something behind it that could be taken for a part of it. */
START_TEST(good_headers)
{
	const struct good *row = &good[_i];
	struct proxy_header header;
	const char *why;
	char more[1000];

	expect_good(row, row->bytes, row->size);
	for (size_t size = 0; size < row->size; size++)
		ck_assert_int_eq(decode(row->bytes, size, &header, &why), 0);
	memcpy(more, row->bytes, row->size);
	memcpy(more + row->size, row->bytes, row->size);
	for (size_t size = row->size + 1; size <= 2 * row->size; size++)
		expect_good(row, more, size);
}
END_TEST

/* Refused as soon as it can be, and whatever comes then. */
START_TEST(bad_headers)
{
	const struct bad *row = &bad[_i];
	struct proxy_header header;

	for (size_t size = 0; size <= row->size; size++) {
		const char *why = NULL;

		ck_assert_int_eq(decode(row->bytes, size, &header, &why), size < row->at ? 0 : -EPROTO);
		if (size >= row->at)
			ck_assert_str_eq(why, row->why);
	}
	ck_assert_uint_le(row->at, row->size);
}
END_TEST

/* Shift registers, as in the definition of CRC32c. */
static uint32_t checksum_by_bits(const char *bytes, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t bit = 0; bit < size * 8; bit++) {
		crc ^= (unsigned char)bytes[bit / 8] >> bit % 8 & 1;
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* The longest header: a TLV before the checksum, and one after it that fills it up to size. */
static size_t fill(char *header, size_t size)
{
	static const char start[] = V2 "\x21\x11\0\0" INET "\4\0\2ab\3\0\4\0\0\0\0\xea\0\0";
	const size_t first = sizeof(start) - 1, checksum = first - 7;
	uint32_t sum;

	memset(header, 'x', size);
	memcpy(header, start, first);
	header[14] = (char)((size - 16) >> 8);
	header[15] = (char)(size - 16);
	header[first - 2] = (char)((size - first) >> 8);
	header[first - 1] = (char)(size - first);
	sum = htonl(checksum_by_bits(header, size));
	memcpy(header + checksum, &sum, sizeof(sum));
	return checksum;
}

START_TEST(longest_header)
{
	static char bytes[PROXY_HEADER_MAX + 1];
	struct proxy_header header;
	const char *why;

	fill(bytes, PROXY_HEADER_MAX);
	ck_assert_int_eq(decode(bytes, PROXY_HEADER_MAX - 1, &header, &why), 0);
	ck_assert_int_eq(decode(bytes, PROXY_HEADER_MAX, &header, &why), PROXY_HEADER_MAX);
	ck_assert_int_eq(decode(bytes, PROXY_HEADER_MAX + 1, &header, &why), PROXY_HEADER_MAX);
	fill(bytes, PROXY_HEADER_MAX + 1);
	ck_assert_int_eq(decode(bytes, PROXY_HEADER_MAX + 1, &header, &why), -EPROTO);
	ck_assert_str_eq(why, "too long");
}
END_TEST

static void flip(char *bytes, size_t bit)
{
	bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
}

/*
 * Every byte is under the checksum, its own too. Other bits in a few make it a header without addresses, or
 * one without a checksum.
 */
START_TEST(any_bit_makes_the_checksum_wrong)
{
	char bytes[64];
	size_t type = fill(bytes, sizeof(bytes)) - 3;
	struct proxy_header header;
	const char *why;

	ck_assert_int_eq(decode(bytes, sizeof(bytes), &header, &why), sizeof(bytes));
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		flip(bytes, bit);
		if (decode(bytes, sizeof(bytes), &header, &why) > 0)
			ck_assert(bit / 8 == type ||
			          (!header.has_addresses && (bit / 8 == 12 || bit / 8 == 13)));
		flip(bytes, bit);
	}
}
END_TEST

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint = {.length = sizeof(sa_family_t), .un = {.sun_family = AF_UNIX}};
	struct address address;

	if (strcmp(text, "unix:") == 0)
		return endpoint;
	ck_assert_int_eq(address_parse(text, &address), 0);
	endpoint = address.endpoint;
	address_deinit(&address);
	return endpoint;
}

/* Headers that are made. Unix sockets are UNKNOWN in version 1, LOCAL in version 2. */
static const struct made {
	const char *source, *destination;
	const char *line;
	size_t size_v2;
	const char *source_again, *destination_again; /* NULL: as they were */
} made[] = {
        {"10.0.0.1:8080", "10.0.0.2:80", "PROXY TCP4 10.0.0.1 10.0.0.2 8080 80\r\n", 28, NULL, NULL},
        {"0.0.0.0:0", "255.255.255.255:65535", "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", 28, NULL,
         NULL},
        {"[2001:db8::1]:1", "[::]:65535", "PROXY TCP6 2001:db8::1 :: 1 65535\r\n", 52, NULL, NULL},
        {"[" ALL6 "]:65535", "[" ALL6 "]:65535", "PROXY TCP6 " ALL6 " " ALL6 " 65535 65535\r\n", 52, NULL,
         NULL},
        {"[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", 28,
         "10.0.0.1:1", "10.0.0.2:2"},
        {"10.0.0.1:1", "[2001:db8::1]:2", "PROXY TCP6 ::ffff:10.0.0.1 2001:db8::1 1 2\r\n", 52, NULL, NULL},
        {"[2001:db8::1]:2", "[::ffff:10.0.0.1]:1", "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 2 1\r\n", 52, NULL,
         "10.0.0.1:1"},
        {"unix:", "unix:/run/weir", "PROXY UNKNOWN\r\n", 16, NULL, NULL},
        {"unix:@a", "unix:@b", "PROXY UNKNOWN\r\n", 16, NULL, NULL},
        {"unix:", "10.0.0.1:80", "PROXY UNKNOWN\r\n", 16, NULL, NULL},
        {"[2001:db8::1]:2", "unix:/run/weir", "PROXY UNKNOWN\r\n", 16, NULL, NULL},
};

static void expect_again(const char *bytes, size_t size, const struct made *row)
{
	struct endpoint source = endpoint_of(row->source_again ? row->source_again : row->source);
	struct endpoint destination =
	        endpoint_of(row->destination_again ? row->destination_again : row->destination);
	struct proxy_header header;
	const char *why;

	ck_assert_int_eq(decode(bytes, size, &header, &why), (int)size);
	if (!header.has_addresses)
		return;
	ck_assert(endpoint_equal(&header.source, &source));
	ck_assert(endpoint_equal(&header.destination, &destination));
}

START_TEST(made_and_read_again)
{
	const struct made *row = &made[_i];
	struct endpoint source = endpoint_of(row->source), destination = endpoint_of(row->destination);
	char buf[PROXY_HEADER_SENT_MAX + 1];
	size_t size;

	buf[PROXY_HEADER_SENT_MAX] = '#';
	size = proxy_header_encode(PROXY_V1, &source, &destination, buf);
	ck_assert_uint_eq(size, strlen(row->line));
	ck_assert_mem_eq(buf, row->line, size);
	expect_again(buf, size, row);

	size = proxy_header_encode(PROXY_V2, &source, &destination, buf);
	ck_assert_uint_eq(size, row->size_v2);
	ck_assert_int_eq(buf[12], size == 16 ? 0x20 : 0x21);
	expect_again(buf, size, row);
	ck_assert_int_eq(buf[PROXY_HEADER_SENT_MAX], '#');
}
END_TEST

/* What the rows of version 2 cannot show: that what is read is what the specification says. */
START_TEST(made_as_specified)
{
	struct endpoint source = endpoint_of("10.0.0.1:8080"), destination = endpoint_of("10.0.0.2:80");
	static const char inet[] = V2 "\x21\x11\0\x0c" INET;
	static const char inet6[] = V2 "\x21\x21\0\x24" LOOPBACK LOOPBACK "\x1f\x90\0\x50";
	char buf[PROXY_HEADER_SENT_MAX];

	ck_assert_uint_eq(proxy_header_encode(PROXY_V2, &source, &destination, buf), sizeof(inet) - 1);
	ck_assert_mem_eq(buf, inet, sizeof(inet) - 1);

	source = endpoint_of("[::1]:8080"), destination = endpoint_of("[::1]:80");
	ck_assert_uint_eq(proxy_header_encode(PROXY_V2, &source, &destination, buf), sizeof(inet6) - 1);
	ck_assert_mem_eq(buf, inet6, sizeof(inet6) - 1);

	source = endpoint_of("unix:/run/weir"), destination = endpoint_of("unix:@weirname");
	ck_assert_uint_eq(proxy_header_encode(PROXY_V2, &source, &destination, buf), 16);
	ck_assert_mem_eq(buf, V2 "\x20\0\0\0", 16);
}
END_TEST

START_TEST(made_for_a_connection_of_its_own)
{
	struct endpoint ours = endpoint_of("10.0.0.1:8080"), target = endpoint_of("10.0.0.2:80");
	static const char line[] = "PROXY TCP4 10.0.0.1 10.0.0.2 8080 80\r\n";
	char buf[PROXY_HEADER_SENT_MAX];

	ck_assert_uint_eq(proxy_header_encode_own(PROXY_V1, &ours, &target, buf), sizeof(line) - 1);
	ck_assert_mem_eq(buf, line, sizeof(line) - 1);
	ck_assert_uint_eq(proxy_header_encode_own(PROXY_V2, &ours, &target, buf), 16);
	ck_assert_mem_eq(buf, V2 "\x20\0\0\0", 16);
}
END_TEST

/* A peer of a family that weir does not know. */
START_TEST(odd_endpoints)
{
	struct endpoint none = {.length = 0};
	char buf[PROXY_HEADER_SENT_MAX];

	ck_assert_uint_eq(proxy_header_encode(PROXY_V1, &none, &none, buf), 15);
	ck_assert_uint_eq(proxy_header_encode(PROXY_V2, &none, &none, buf), 16);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tcase = tcase_create("proxy_header");

	tcase_add_loop_test(tcase, good_headers, 0, COUNT(good));
	tcase_add_loop_test(tcase, bad_headers, 0, COUNT(bad));
	tcase_add_test(tcase, longest_header);
	tcase_add_test(tcase, any_bit_makes_the_checksum_wrong);
	tcase_add_loop_test(tcase, made_and_read_again, 0, COUNT(made));
	tcase_add_test(tcase, made_as_specified);
	tcase_add_test(tcase, made_for_a_connection_of_its_own);
	tcase_add_test(tcase, odd_endpoints);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
