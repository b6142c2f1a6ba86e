#include "build_config.h"

#include "report/state_values.h"

#include "base/decimal.h"
#include "net/socket.h"

#include <limits.h>
#include <string.h>

static bool is_end(char c)
{
	return c == ' ' || c == '\n';
}

/* ---- whole numbers ---- */

/* Bytes of one number: a member may be an array of them. */
static size_t number_size(const struct state_field *field)
{
	switch (field->type) {
	case STATE_U64:
		return sizeof(uint64_t);
	case STATE_U32:
		return sizeof(uint32_t);
	case STATE_U16:
		return sizeof(uint16_t);
	case STATE_U8:
		return sizeof(uint8_t);
	default:
		return field->size;
	}
}

static uint64_t load(const char *at, size_t size)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (size) {
	case sizeof(u64):
		return memcpy(&u64, at, sizeof(u64)), u64;
	case sizeof(u32):
		return memcpy(&u32, at, sizeof(u32)), u32;
	case sizeof(u16):
		return memcpy(&u16, at, sizeof(u16)), u16;
	default:
		return (unsigned char)*at;
	}
}

static void store(char *at, size_t size, uint64_t number)
{
	const uint32_t u32 = (uint32_t)number;
	const uint16_t u16 = (uint16_t)number;

	switch (size) {
	case sizeof(number):
		memcpy(at, &number, sizeof(number));
		break;
	case sizeof(u32):
		memcpy(at, &u32, sizeof(u32));
		break;
	case sizeof(u16):
		memcpy(at, &u16, sizeof(u16));
		break;
	default:
		*at = (char)number;
	}
}

static uint64_t largest(const struct state_field *field, size_t size)
{
	switch (field->type) {
	case STATE_BOOL:
		return 1;
	case STATE_SOCKET:
	case STATE_PIPE:
		return INT_MAX;
	default:
		return UINT64_MAX >> (64 - 8 * size);
	}
}

/* The digits of a number that is no larger than max. NULL: there are none, or it is larger. */
static const char *read_digits(const char *at, uint64_t max, uint64_t *number)
{
	const char *start = at;

	*number = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
			return NULL;
	return at > start && *number <= max ? at : NULL;
}

static char *write_numbers(const struct state_field *field, const char *member, char *at)
{
	const size_t size = number_size(field);
	const char *end = member + field->size;

	while (end > member + size && load(end - size, size) == 0)
		end -= size;
	for (const char *item = member; item < end; item += size) {
		if (item > member)
			*at++ = ',';
		at = decimal_write(at, load(item, size));
	}
	return at;
}

static const char *read_numbers(const struct state_field *field, char *member, const char *at)
{
	const size_t size = number_size(field);
	const char *end = member + field->size;
	uint64_t number;

	for (;; at++, member += size) {
		at = member < end ? read_digits(at, largest(field, size), &number) : NULL;
		if (!at)
			return NULL;
		store(member, size, number);
		if (*at != ',')
			return at;
	}
}

/* ---- those that may be negative ---- */

static char *write_signed(const struct state_field *field, const char *member, char *at)
{
	const uint64_t bits = load(member, field->size);
	const int64_t number = field->size == sizeof(int) ? (int)bits : (int64_t)bits;

	if (number >= 0)
		return decimal_write(at, (uint64_t)number);
	*at++ = '-';
	return decimal_write(at, -(uint64_t)number);
}

static const char *read_signed(const struct state_field *field, char *member, const char *at)
{
	const bool negative = *at == '-';
	const uint64_t max = (UINT64_MAX >> (65 - 8 * field->size)) + negative;
	uint64_t number;

	at = read_digits(at + negative, max, &number);
	if (at)
		store(member, field->size, negative ? -number : number);
	return at;
}

/* ---- text ---- */

static const char hex_digits[] = "0123456789abcdef";

static char *write_hex(char *at, unsigned char byte)
{
	*at++ = hex_digits[byte >> 4];
	*at++ = hex_digits[byte & 15];
	return at;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *at, unsigned char *byte)
{
	const int high = hex_value(at[0]), low = high < 0 ? -1 : hex_value(at[1]);

	*byte = (unsigned char)(16 * high + low);
	return low >= 0;
}

/* A space would end the value, and a newline the record. */
static bool is_plain(char c)
{
	return (unsigned char)c > ' ' && c != '%' && c != 0x7f;
}

static char *write_text(const struct state_field *field, const char *member, char *at)
{
	for (size_t i = 0; i < field->size && member[i]; i++) {
		if (is_plain(member[i])) {
			*at++ = member[i];
		} else {
			*at++ = '%';
			at = write_hex(at, (unsigned char)member[i]);
		}
	}
	return at;
}

/* One character, as write_text writes it. NUL is none. */
static const char *read_character(const char *at, char *c)
{
	unsigned char byte;

	if (*at != '%') {
		*c = *at;
		return is_plain(*at) ? at + 1 : NULL;
	}
	if (!read_hex(at + 1, &byte) || byte == '\0')
		return NULL;
	*c = (char)byte;
	return at + 3;
}

static const char *read_text(const struct state_field *field, char *member, const char *at)
{
	const char *last = member + field->size - 1;

	while (!is_end(*at)) {
		if (member == last)
			return NULL;
		at = read_character(at, member++);
		if (!at)
			return NULL;
	}
	*member = '\0';
	return at;
}

/* ---- addresses: the bytes that the kernel takes ---- */

static char *write_address(const struct sockaddr *address, size_t length, char *at)
{
	for (size_t i = 0; i < length; i++)
		at = write_hex(at, ((const unsigned char *)address)[i]);
	return at;
}

/* Of a family that we know, and as long as it must be. */
static bool is_address(const struct sockaddr *address, size_t length)
{
	if (length < sizeof(address->sa_family))
		return false;
	switch (address->sa_family) {
	case AF_INET:
		return length == sizeof(struct sockaddr_in);
	case AF_INET6:
		return length == sizeof(struct sockaddr_in6);
	default:
		return address->sa_family == AF_UNIX;
	}
}

static const char *read_address(struct sockaddr *address, size_t max, size_t *length, const char *at)
{
	unsigned char *bytes = (unsigned char *)address;

	for (*length = 0; !is_end(*at); at += 2)
		if (*length == max || !read_hex(at, &bytes[(*length)++]))
			return NULL;
	return is_address(address, *length) ? at : NULL;
}

static const char *read_client(union client_address *client, const char *at)
{
	size_t length;

	at = read_address(&client->any, sizeof(*client), &length, at);
	return at && length == client_address_length(client) ? at : NULL;
}

static const char *read_endpoint(struct endpoint *endpoint, const char *at)
{
	const size_t max = sizeof(*endpoint) - offsetof(struct endpoint, any);
	size_t length;

	at = read_address(&endpoint->any, max, &length, at);
	endpoint->length = (socklen_t)length;
	return at;
}

/* ---- all types ---- */

static bool is_zero(const char *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

bool state_value_is_empty(const struct state_field *field, const void *member)
{
	switch (field->type) {
	case STATE_TEXT:
		return *(const char *)member == '\0';
	case STATE_ENDPOINT:
		return ((const struct endpoint *)member)->length == 0;
	case STATE_CLIENT:
		return ((const union client_address *)member)->any.sa_family == AF_UNSPEC;
	case STATE_SOCKET:
	case STATE_PIPE:
		return *(const int *)member < 0;
	default:
		return is_zero(member, field->size);
	}
}

char *state_value_write(const struct state_field *field, const void *member, char *at)
{
	const struct endpoint *endpoint = member;
	const union client_address *client = member;

	switch (field->type) {
	case STATE_INT:
		return write_signed(field, member, at);
	case STATE_TEXT:
		return write_text(field, member, at);
	case STATE_ENDPOINT:
		return write_address(&endpoint->any, endpoint->length, at);
	case STATE_CLIENT:
		return write_address(&client->any, client_address_length(client), at);
	default:
		return write_numbers(field, member, at);
	}
}

const char *state_value_read(const struct state_field *field, void *member, const char *at)
{
	switch (field->type) {
	case STATE_INT:
		at = read_signed(field, member, at);
		break;
	case STATE_TEXT:
		at = read_text(field, member, at);
		break;
	case STATE_ENDPOINT:
		at = read_endpoint(member, at);
		break;
	case STATE_CLIENT:
		at = read_client(member, at);
		break;
	default:
		at = read_numbers(field, member, at);
	}
	return at && is_end(*at) ? at : NULL;
}
