#include "build_config.h"

#include "config/options.h"

#include "base/printable.h"
#include "base/rate.h"
#include "base/units.h"
#include "config/addresses.h"
#include "config/settings.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KEY_MAX     64           /* bytes of a key with its NUL */
#define PAIRS_MAX   10000000     /* far more than the usual limits on descriptors allow */
#define BYTES_MAX   (1ull << 40) /* the sum of two is far from overflowing */
#define SOCKBUF_MAX (1ull << 30) /* setsockopt(2) takes an int */
#define MS_MAX      (365ull * 24 * 60 * 60 * 1000)

/* How values of one kind are read and written. */
struct option_type {
	const char *(*set)(const struct option *option, void *settings, const char *text);
	void (*print)(const struct option *option, const void *settings, FILE *out);
	size_t size; /* of a value that may be copied byte by byte; otherwise 0 */
	/* sizes, durations and numbers */
	int (*parse)(const char *text, uint64_t *value);
	char *(*format)(uint64_t value, char buf[UNITS_TEXT_MAX]);
	/* words */
	const char *const *words;
};

static void *field(const struct option *option, void *settings)
{
	return (char *)settings + option->offset;
}

static const void *const_field(const struct option *option, const void *settings)
{
	return (const char *)settings + option->offset;
}

static const char *parse_limited(const struct option *option, const char *text, uint64_t *value)
{
	int r = option->type->parse(text, value);

	if (r == -EINVAL)
		return "is not valid";
	if (r < 0 || *value < option->minimum || *value > option->maximum)
		return "is out of range";
	return NULL;
}

static const char *set_number(const struct option *option, void *settings, const char *text)
{
	uint64_t value = UNITS_AUTO;
	const char *problem = NULL;

	if (!option->allows_auto || strcmp(text, "auto") != 0)
		problem = parse_limited(option, text, &value);
	if (!problem)
		memcpy(field(option, settings), &value, sizeof(value));
	return problem;
}

static void print_number(const struct option *option, const void *settings, FILE *out)
{
	char buf[UNITS_TEXT_MAX];
	uint64_t value;

	memcpy(&value, const_field(option, settings), sizeof(value));
	if (option->allows_auto && value == UNITS_AUTO)
		strcpy(buf, "auto");
	else
		option->type->format(value, buf);
	fprintf(out, "%s = %s\n", option->key, buf);
}

static char *format_number(uint64_t number, char buf[UNITS_TEXT_MAX])
{
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64, number);
	return buf;
}

static const char *set_bool(const struct option *option, void *settings, const char *text)
{
	return units_parse_bool(text, field(option, settings)) == 0 ? NULL : "is not valid";
}

static void print_bool(const struct option *option, const void *settings, FILE *out)
{
	const bool *value = const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, *value ? "on" : "off");
}

/* Words are the values of an enum, in its order. */
static const char *set_word(const struct option *option, void *settings, const char *text)
{
	for (unsigned value = 0; option->type->words[value]; value++) {
		if (strcmp(text, option->type->words[value]) == 0) {
			memcpy(field(option, settings), &value, sizeof(value));
			return NULL;
		}
	}
	return "is not valid";
}

static void print_word(const struct option *option, const void *settings, FILE *out)
{
	unsigned value;

	memcpy(&value, const_field(option, settings), sizeof(value));
	fprintf(out, "%s = %s\n", option->key, option->type->words[value]);
}

static const char *set_log_level(const struct option *option, void *settings, const char *text)
{
	return log_level_parse(text, field(option, settings)) == 0 ? NULL : "is not valid";
}

static void print_log_level(const struct option *option, const void *settings, FILE *out)
{
	const enum log_level *value = const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, log_level_name(*value));
}

/* A path that is accepted here must read back the same from a line of relay.ini. */
static bool path_is_plain(const char *path)
{
	return path[0] != ';' && path[0] != '#' && printable_is_word(path);
}

static const char *set_path(const struct option *option, void *settings, const char *text)
{
	char **value = field(option, settings);
	char *copy;

	if (strlen(text) > option->maximum)
		return "is too long";
	if (!path_is_plain(text))
		return "is not valid";
	copy = strdup(text);
	if (!copy)
		return COULD_NOT_KEEP;
	free(*value);
	*value = copy;
	return NULL;
}

static void print_path(const struct option *option, const void *settings, FILE *out)
{
	char *const *value = const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, *value);
}

/* False when out of memory. */
static bool append(const struct option *option, void *settings, const void *item, size_t size)
{
	size_t *count = (size_t *)(void *)((char *)settings + option->count_offset);
	char *items, *grown;

	memcpy(&items, field(option, settings), sizeof(items));
	grown = reallocarray(items, *count + 1, size);
	if (!grown)
		return false;
	memcpy(grown + (*count)++ * size, item, size);
	memcpy(field(option, settings), &grown, sizeof(grown));
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak,memleak): the settings hold it, which no tool sees */
	return true;
}

static const char *set_listen(const struct option *option, void *settings, const char *text)
{
	struct address address;
	const char *problem = addresses_parse_listen(text, &address);

	if (problem || append(option, settings, &address, sizeof(address)))
		return problem;
	address_deinit(&address);
	return COULD_NOT_KEEP;
}

static void print_listens(const struct option *option, const void *settings, FILE *out)
{
	const struct config_relay *relay = settings;
	char buf[ADDRESSES_TEXT_MAX];

	for (size_t i = 0; i < relay->listen_count; i++)
		fprintf(out, "%s = %s\n", option->key, addresses_format_listen(&relay->listen[i], buf));
}

static const char *set_target(const struct option *option, void *settings, const char *text)
{
	struct config_target target;
	const char *problem = addresses_parse_target(text, &target);

	if (problem || append(option, settings, &target, sizeof(target)))
		return problem;
	address_deinit(&target.address);
	return COULD_NOT_KEEP;
}

static void print_targets(const struct option *option, const void *settings, FILE *out)
{
	struct config_target *const *items = const_field(option, settings);
	size_t count = *(const size_t *)(const void *)((const char *)settings + option->count_offset);
	char buf[ADDRESSES_TEXT_MAX];

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s = %s\n", option->key, addresses_format_target(&(*items)[i], buf));
}

static_assert(sizeof(enum dump_format) == sizeof(unsigned), "set_word stores an unsigned");
static const char *const dump_format_words[] = {[DUMP_TEXT] = "text", [DUMP_JSON] = "json", NULL};
static const char *const splice_words[] = {[SPLICE_AUTO] = "auto", [SPLICE_OFF] = "off", NULL};
static const char *const on_reset_words[] = {[ON_RESET_RESET] = "reset", [ON_RESET_CLOSE] = "close", NULL};
static const char *const balance_words[] = {[BALANCE_ROUND_ROBIN] = "round_robin",
                                            [BALANCE_LEAST_CONNECTIONS] = "least_connections",
                                            [BALANCE_SOURCE] = "source",
                                            NULL};
static const char *const when_down_words[] = {[WHEN_DOWN_TRY] = "try", [WHEN_DOWN_REFUSE] = "refuse", NULL};
static const char *const connect_on_words[] = {
        [CONNECT_ON_ACCEPT] = "accept", [CONNECT_ON_DATA] = "data", NULL};
static const char *const send_proxy_words[] = {
        [SEND_PROXY_OFF] = "off", [SEND_PROXY_V1] = "v1", [SEND_PROXY_V2] = "v2", NULL};

#define NUMBER_TYPE(parser, formatter)                                                                       \
	{                                                                                                    \
		.set = set_number, .print = print_number, .size = sizeof(uint64_t), .parse = (parser),       \
		.format = (formatter)                                                                        \
	}
#define WORD_TYPE(list)                                                                                      \
	{                                                                                                    \
		.set = set_word, .print = print_word, .size = sizeof(unsigned), .words = (list)              \
	}

static const struct option_type size_type = NUMBER_TYPE(units_parse_size, units_format_size);
static const struct option_type duration_type = NUMBER_TYPE(units_parse_duration, units_format_duration);
static const struct option_type number_type = NUMBER_TYPE(units_parse_number, format_number);
static const struct option_type bool_type = {.set = set_bool, .print = print_bool, .size = sizeof(bool)};
static const struct option_type dump_format_type = WORD_TYPE(dump_format_words);
static const struct option_type splice_type = WORD_TYPE(splice_words);
static const struct option_type on_reset_type = WORD_TYPE(on_reset_words);
static const struct option_type balance_type = WORD_TYPE(balance_words);
static const struct option_type when_down_type = WORD_TYPE(when_down_words);
static const struct option_type connect_on_type = WORD_TYPE(connect_on_words);
static const struct option_type send_proxy_type = WORD_TYPE(send_proxy_words);
static const struct option_type log_level_type = {
        .set = set_log_level, .print = print_log_level, .size = sizeof(enum log_level)};
static const struct option_type path_type = {.set = set_path, .print = print_path};
static const struct option_type listen_type = {.set = set_listen, .print = print_listens};
static const struct option_type target_type = {.set = set_target, .print = print_targets};

/* effect: a name of enum option_effect without its APPLIES_. */
#define IN_GLOBAL(name, effect)                                                                              \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_GLOBAL,                               \
	.offset = offsetof(struct config_global, name)
#define IN_RELAY(name, effect)                                                                               \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_RELAY,                                \
	.offset = offsetof(struct config_relay, name)
#define IN_BOTH(name, effect) IN_BOTH_AS(name, name, effect)
#define IN_BOTH_AS(name, field, effect)                                                                      \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_RELAY | SECTION_DEFAULTS,             \
	.offset = offsetof(struct config_relay, field)

#define BOOL_OPTION .type = &bool_type, .expected = "on or off"
#define SOCKBUF_OPTION                                                                                       \
	.type = &size_type, .minimum = 1024, .maximum = SOCKBUF_MAX, .allows_auto = true,                    \
	.default_text = "auto", .expected = "auto or a size from 1K to 1G"
#define HIGH_OPTION .type = &size_type, .minimum = 1, .maximum = BYTES_MAX
#define LOW_OPTION  .type = &size_type, .minimum = 0, .maximum = BYTES_MAX, .allows_auto = true
#define TIMEOUT_OPTION                                                                                       \
	.type = &duration_type, .minimum = 0, .maximum = MS_MAX,                                             \
	.expected = "a duration like 500ms, 30s, 5m or 1h, at most 365d; 0 = never"
#define RATE_OPTION                                                                                          \
	.type = &size_type, .maximum = RATE_MAX, .default_text = "0",                                        \
	.expected = "a size from 0 to 1T, in bytes a second; 0 = no limit"
#define TARGET_OPTION                                                                                        \
	.expected = "HOST:PORT, [IPV6]:PORT, unix:/PATH or unix:@NAME, which may have weight=N, from 1 to "  \
	            "100, after it"
#define IN_A_ROW_OPTION                                                                                      \
	.type = &number_type, .minimum = 1, .maximum = 1000, .expected = "a number from 1 to 1000"
/* The kernel takes whole seconds, and at most this many. */
#define KEEPALIVE_OPTION                                                                                     \
	.type = &duration_type, .minimum = 1000, .maximum = 32767000, .allows_auto = true,                   \
	.default_text = "auto", .expected = "auto or a duration from 1s to 32767s"

const struct option option_table[] = {
        {IN_GLOBAL(workers, AT_RESTART), .type = &number_type, .minimum = 1, .maximum = 256,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a number from 1 to 256",
         .help = "Threads that relay; auto = the CPUs this process may use."},
        {IN_GLOBAL(memory_max, AT_ONCE), .type = &size_type, .minimum = 64 << 10, .maximum = BYTES_MAX,
         .default_text = "256M", .expected = "a size from 64K to 1T",
         .help = "Bound on the bytes queued by all pairs together."},
        {IN_GLOBAL(max_connections, AT_ONCE), .type = &number_type, .minimum = 1, .maximum = PAIRS_MAX,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a number from 1 to 10000000",
         .help = "Pairs at a time; auto = what the limit on open files leaves room for."},
        {IN_GLOBAL(drain_timeout, AT_ONCE), .type = &duration_type, .maximum = MS_MAX, .default_text = "30s",
         .expected = "a duration like 500ms, 30s, 5m or 1h, at most 365d; 0 = at once",
         .help = "How long a stop waits for pairs to end."},
        {IN_GLOBAL(dump_file, AT_ONCE), .type = &path_type, .maximum = 900, .default_text = "-",
         .expected = "- or a path of at most 900 bytes without white space",
         .help = "Where SIGUSR1 writes the dump; - = the log."},
        {IN_GLOBAL(dump_format, AT_ONCE), .type = &dump_format_type, .default_text = "text",
         .expected = "text or json", .help = "The form of the dump."},
        {IN_GLOBAL(log_level, AT_ONCE), .type = &log_level_type, .default_text = "info",
         .expected = "error, warning, notice, info or debug",
         .help = "The least important messages that are logged."},
        {IN_GLOBAL(log_connections, AT_ONCE), BOOL_OPTION, .default_text = "on",
         .help = "Log one line for each closed pair."},
        {IN_GLOBAL(resolve_interval, AT_ONCE), .type = &duration_type, .minimum = 1000, .maximum = MS_MAX,
         .default_text = "10s", .expected = "a duration from 1s to 365d",
         .help = "How often host names are looked up again."},

        {IN_RELAY(listen, AT_ONCE), .type = &listen_type,
         .count_offset = offsetof(struct config_relay, listen_count),
         .expected = "HOST:PORT, [IPV6]:PORT, *:PORT, systemd:NAME, unix:@NAME or unix:/PATH, which may have "
                     "mode=OCTAL, owner=USER and group=GROUP after it",
         .help = "An address to accept clients on; may be repeated."},
        {IN_RELAY(target, TO_NEW_PAIRS), .type = &target_type,
         .count_offset = offsetof(struct config_relay, target_count), TARGET_OPTION,
         .help = "An address to connect to for a client; may be repeated."},
        {IN_RELAY(backup_target, TO_NEW_PAIRS), .type = &target_type,
         .count_offset = offsetof(struct config_relay, backup_target_count), TARGET_OPTION,
         .help = "The same, for clients that find no target up, or have tried all that are."},
        {IN_BOTH(high_watermark, TO_NEW_PAIRS), HIGH_OPTION, .default_text = "1M",
         .expected = "a size from 1 to 1T", .help = "The queue at which a flow stops reading its source."},
        {IN_BOTH(low_watermark, TO_NEW_PAIRS), LOW_OPTION, .default_text = "auto",
         .expected = "auto or a size from 0 to 1T",
         .help = "The queue at or below which it reads again; auto = half of the high one."},
        {IN_BOTH(upload_high_watermark, TO_NEW_PAIRS), HIGH_OPTION, .allows_auto = true,
         .follows = "high_watermark", .default_text = "auto", .expected = "auto or a size from 1 to 1T",
         .help = "The high watermark from client to target; auto = high_watermark."},
        {IN_BOTH(upload_low_watermark, TO_NEW_PAIRS), LOW_OPTION, .follows = "low_watermark",
         .default_text = "auto", .expected = "auto or a size from 0 to 1T",
         .help = "The low watermark from client to target; auto = low_watermark."},
        {IN_BOTH(download_high_watermark, TO_NEW_PAIRS), HIGH_OPTION, .allows_auto = true,
         .follows = "high_watermark", .default_text = "auto", .expected = "auto or a size from 1 to 1T",
         .help = "The high watermark from target to client; auto = high_watermark."},
        {IN_BOTH(download_low_watermark, TO_NEW_PAIRS), LOW_OPTION, .follows = "low_watermark",
         .default_text = "auto", .expected = "auto or a size from 0 to 1T",
         .help = "The low watermark from target to client; auto = low_watermark."},
        {IN_BOTH(splice, TO_NEW_PAIRS), .type = &splice_type, .default_text = "auto",
         .expected = "auto or off",
         .help = "Move bulk data through a pipe inside the kernel; off = always copy it."},
        {IN_BOTH(max_connections, AT_ONCE), .type = &number_type, .maximum = PAIRS_MAX, .default_text = "0",
         .expected = "a number from 0 to 10000000; 0 = no limit of its own",
         .help = "Pairs of one relay at a time; 0 = no limit of its own."},
        {IN_BOTH(max_connections_per_source, AT_ONCE), .type = &number_type, .maximum = PAIRS_MAX,
         .default_text = "0", .expected = "a number from 0 to 10000000; 0 = no limit",
         .help = "Pairs of one relay at a time from one client address; 0 = no limit."},
        {IN_BOTH(ipv6_source_prefix, TO_NEW_PAIRS), .type = &number_type, .minimum = 1, .maximum = 128,
         .default_text = "64", .expected = "a number from 1 to 128, in bits",
         .help = "IPv6 clients with so many equal bits at the beginning count as one client address."},
        {IN_BOTH_AS(upload_rate, rate[UPLOAD], AT_ONCE), RATE_OPTION,
         .help = "Bytes a second of one pair from client to target; 0 = no limit."},
        {IN_BOTH_AS(download_rate, rate[DOWNLOAD], AT_ONCE), RATE_OPTION,
         .help = "Bytes a second of one pair from target to client; 0 = no limit."},
        {IN_BOTH_AS(relay_upload_rate, relay_rate[UPLOAD], AT_ONCE), RATE_OPTION,
         .help = "Bytes a second of all pairs of one relay together from client to target; 0 = no limit."},
        {IN_BOTH_AS(relay_download_rate, relay_rate[DOWNLOAD], AT_ONCE), RATE_OPTION,
         .help = "Bytes a second of all pairs of one relay together from target to client; 0 = no limit."},
        {IN_BOTH(proxy_header_timeout, TO_NEW_PAIRS), .type = &duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "5s", .expected = "a duration from 1ms to 365d",
         .help = "How long a client that must send a PROXY header may take for it."},
        {IN_BOTH(send_proxy, TO_NEW_PAIRS), .type = &send_proxy_type, .default_text = "off",
         .expected = "off, v1 or v2",
         .help = "Whether a target gets a PROXY header that names the client, and of which version."},
        {IN_BOTH(connect_on, TO_NEW_PAIRS), .type = &connect_on_type, .default_text = "accept",
         .expected = "accept or data",
         .help = "Connect a target when a client comes, or when its first byte does."},
        {IN_BOTH(connect_timeout, TO_NEW_PAIRS), .type = &duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "5s", .expected = "a duration from 1ms to 365d",
         .help = "How long one attempt to connect may take."},
        {IN_BOTH(connect_attempts, TO_NEW_PAIRS), .type = &number_type, .minimum = 1, .maximum = 100,
         .default_text = "3", .expected = "a number from 1 to 100",
         .help = "Attempts to connect, each to another target address, before the client is reset or held."},
        {IN_BOTH(balance, TO_NEW_PAIRS), .type = &balance_type, .default_text = "round_robin",
         .expected = "round_robin, least_connections or source",
         .help = "How a target is chosen: in turn, with the fewest pairs, or by the client's address."},
        {IN_BOTH(fail_limit, AT_ONCE), .type = &number_type, .maximum = 1000, .default_text = "3",
         .expected = "a number from 0 to 1000; 0 = never taken out",
         .help = "Connects that must fail in a row before a target address is taken out."},
        {IN_BOTH(fail_time, AT_ONCE), .type = &duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "10s", .expected = "a duration from 1ms to 365d",
         .help = "How long it is out before one pair tries it again."},
        {IN_BOTH(check_interval, AT_ONCE), .type = &duration_type, .maximum = MS_MAX, .default_text = "0",
         .expected = "a duration like 500ms, 2s or 1m, at most 365d; 0 = no checks",
         .help = "How often each target address is checked by connecting; 0 = no checks."},
        {IN_BOTH(check_timeout, AT_ONCE), .type = &duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "1s", .expected = "a duration from 1ms to 365d",
         .help = "How long a check may take to connect."},
        {IN_BOTH(check_rise, AT_ONCE), IN_A_ROW_OPTION, .default_text = "2",
         .help = "Checks that must succeed in a row before an address that is down is up."},
        {IN_BOTH(check_fall, AT_ONCE), IN_A_ROW_OPTION, .default_text = "3",
         .help = "Checks that must fail in a row before an address that is up is down."},
        {IN_BOTH(slow_start, AT_ONCE), .type = &duration_type, .maximum = MS_MAX, .default_text = "0",
         .expected = "a duration like 500ms, 30s or 5m, at most 365d; 0 = off",
         .help = "How long the weight of an address that is up again grows to its full size; 0 = off."},
        {IN_BOTH(retry_time, TO_NEW_PAIRS), .type = &duration_type, .maximum = MS_MAX, .default_text = "0",
         .expected = "a duration like 500ms, 5s or 1m, at most 365d; 0 = off",
         .help = "How long a client is held while the targets are tried again; 0 = not at all."},
        {IN_BOTH(when_down, AT_ONCE), .type = &when_down_type, .default_text = "try",
         .expected = "try or refuse",
         .help = "While no target is up: try them all the same, or refuse = close the entrances."},
        {IN_BOTH(resolve_interval, AT_ONCE), .type = &duration_type, .minimum = 1000, .maximum = MS_MAX,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a duration from 1s to 365d",
         .help = "How often its targets' names are looked up again; auto = that of [global]."},
        {IN_BOTH(idle_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "1h",
         .help = "How long a pair may be without a byte either way; 0 = for ever."},
        {IN_BOTH(half_close_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "10m",
         .help = "The same once one side has ended; 0 = for ever."},
        {IN_BOTH(stall_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "1h",
         .help = "How long bytes may be queued without the reader taking one; 0 = for ever."},
        {IN_BOTH(min_rate, TO_NEW_PAIRS), .type = &size_type, .maximum = 1 << 30, .default_text = "0",
         .expected = "a size from 0 to 1G, in bytes a second; 0 = off",
         .help = "Bytes a second that a reader with bytes queued must take over stall_timeout; 0 = off."},
        {IN_BOTH(vanish_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "2m",
         .help = "How long a peer's TCP may leave unanswered what it was sent; 0 = as long as the kernel "
                 "tries."},
        {IN_BOTH(max_duration, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "0",
         .help = "How long a pair may last at most, whatever it does; 0 = for ever."},
        {IN_BOTH(tcp_nodelay, TO_NEW_PAIRS), BOOL_OPTION, .default_text = "on",
         .help = "Send small pieces at once."},
        {IN_BOTH(tcp_keepalive, TO_NEW_PAIRS), BOOL_OPTION, .default_text = "on",
         .help = "Probe silent peers."},
        {IN_BOTH(keepalive_idle, TO_NEW_PAIRS), KEEPALIVE_OPTION,
         .help = "Silence before the first keepalive probe; auto = the kernel's own."},
        {IN_BOTH(keepalive_interval, TO_NEW_PAIRS), KEEPALIVE_OPTION,
         .help = "Time between keepalive probes; auto = the kernel's own."},
        {IN_BOTH(keepalive_count, TO_NEW_PAIRS), .type = &number_type, .minimum = 1, .maximum = 127,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a number from 1 to 127",
         .help = "Unanswered keepalive probes after which a peer has failed; auto = the kernel's own."},
        {IN_BOTH(client_rcvbuf, TO_NEW_PAIRS), SOCKBUF_OPTION,
         .help = "Kernel receive buffer of client sockets."},
        {IN_BOTH(client_sndbuf, TO_NEW_PAIRS), SOCKBUF_OPTION,
         .help = "Kernel send buffer of client sockets."},
        {IN_BOTH(target_rcvbuf, TO_NEW_PAIRS), SOCKBUF_OPTION,
         .help = "Kernel receive buffer of target sockets."},
        {IN_BOTH(target_sndbuf, TO_NEW_PAIRS), SOCKBUF_OPTION,
         .help = "Kernel send buffer of target sockets."},
        {IN_BOTH(notsent_lowat, TO_NEW_PAIRS), .type = &size_type, .minimum = 1, .maximum = SOCKBUF_MAX,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a size from 1 to 1G",
         .help = "Unsent bytes that a socket takes at most, TCP_NOTSENT_LOWAT; auto = the kernel's own."},
        {IN_BOTH(free_bind, TO_NEW_ENTRANCES), BOOL_OPTION, .default_text = "off",
         .help = "Listen on addresses that the machine does not have yet (IP_FREEBIND)."},
        {IN_BOTH(on_reset, TO_NEW_PAIRS), .type = &on_reset_type, .default_text = "reset",
         .expected = "reset or close",
         .help = "What a peer's reset becomes on the other side: reset, or close = an end of stream."},
};
const size_t option_count = COUNT(option_table);
static_assert(COUNT(option_table) <= OPTIONS_MAX, "OPTIONS_MAX is too small");

static const struct {
	unsigned section;
	const char *name;
} section_names[] = {{SECTION_GLOBAL, "global"}, {SECTION_DEFAULTS, "defaults"}, {SECTION_RELAY, "relay"}};

const struct option *option_find(const char *key, unsigned sections)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].sections & sections) && strcmp(option_table[i].key, key) == 0)
			return &option_table[i];
	return NULL;
}

/* The Levenshtein distance, computed row by row. b is at most KEY_MAX - 1 bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[KEY_MAX], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (best > row[j] + 1)
				best = row[j] + 1;
			if (best > row[j - 1] + 1)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

/* How many edits away a word is still near: one, and one more for every four bytes. */
static size_t near_enough(const char *word)
{
	return 1 + strlen(word) / 4;
}

const char *option_nearest(const char *key, unsigned sections)
{
	size_t best = near_enough(key) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		size_t d = (option->sections & sections) ? distance(key, option->key) : best;

		if (d < best) {
			best = d;
			nearest = option->key;
		}
	}
	return nearest;
}

unsigned option_section_find(const char *name)
{
	for (size_t i = 0; i < COUNT(section_names); i++)
		if (strcmp(section_names[i].name, name) == 0)
			return section_names[i].section;
	return 0;
}

const char *option_section_name(unsigned section)
{
	for (size_t i = 0; i < COUNT(section_names); i++)
		if (section_names[i].section == section)
			return section_names[i].name;
	return NULL;
}

unsigned option_section_nearest(const char *name)
{
	size_t best = near_enough(name) + 1;
	unsigned nearest = 0;

	for (size_t i = 0; i < COUNT(section_names); i++) {
		size_t d = distance(name, section_names[i].name);

		if (d < best) {
			best = d;
			nearest = section_names[i].section;
		}
	}
	return nearest;
}

bool option_repeats(const struct option *option)
{
	return option->count_offset != 0;
}

const char *option_effect_name(enum option_effect effect)
{
	static const char *const names[] = {
	        [APPLIES_AT_ONCE] = "at once",
	        [APPLIES_TO_NEW_PAIRS] = "to new pairs",
	        [APPLIES_TO_NEW_ENTRANCES] = "to new entrances",
	        [APPLIES_AT_RESTART] = "after a restart",
	};

	return names[effect];
}

bool option_differs(const struct option *option, const void *one, const void *other)
{
	return memcmp(const_field(option, one), const_field(option, other), option->type->size) != 0;
}

const char *option_set(const struct option *option, void *settings, const char *text)
{
	return option->type->set(option, settings, text);
}

void option_copy(const struct option *option, void *to, const void *from)
{
	memcpy(field(option, to), const_field(option, from), option->type->size);
}

void option_print(const struct option *option, const void *settings, FILE *out)
{
	option->type->print(option, settings, out);
}
