#include "build_config.h"

#include "base/rate.h"
#include "config/option_types.h"
#include "config/settings.h"

#include <assert.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PAIRS_MAX   10000000     /* far more than the usual limits on descriptors allow */
#define BYTES_MAX   (1ull << 40) /* the sum of two is far from overflowing */
#define SOCKBUF_MAX (1ull << 30) /* setsockopt(2) takes an int */
#define MS_MAX      (365ull * 24 * 60 * 60 * 1000)

/* effect: a name of enum option_effect without its APPLIES_. */
#define IN_GLOBAL(name, effect)                                                                              \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_GLOBAL,                               \
	.offset = offsetof(struct config_global, name)
#define IN_RELAY(name, effect)                                                                               \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_RELAY,                                \
	.offset = offsetof(struct config_relay, name)
#define LIST_IN_RELAY(name, effect)                                                                          \
	IN_RELAY(name, effect), .count_offset = offsetof(struct config_relay, name##_count)
#define LIST_IN_BOTH(name, effect)                                                                           \
	IN_BOTH(name, effect), .count_offset = offsetof(struct config_relay, name##_count)
#define IN_BOTH(name, effect) IN_BOTH_AS(name, name, effect)
#define IN_BOTH_AS(name, field, effect)                                                                      \
	.key = #name, .applies = APPLIES_##effect, .sections = SECTION_RELAY | SECTION_DEFAULTS,             \
	.offset = offsetof(struct config_relay, field)

#define BOOL_OPTION .type = &option_bool_type, .expected = "on or off"
#define SOCKBUF_OPTION                                                                                       \
	.type = &option_size_type, .minimum = 1024, .maximum = SOCKBUF_MAX, .allows_auto = true,             \
	.default_text = "auto", .expected = "auto or a size from 1K to 1G"
#define HIGH_OPTION .type = &option_size_type, .minimum = 1, .maximum = BYTES_MAX
#define LOW_OPTION  .type = &option_size_type, .minimum = 0, .maximum = BYTES_MAX, .allows_auto = true
#define TIMEOUT_OPTION                                                                                       \
	.type = &option_duration_type, .minimum = 0, .maximum = MS_MAX,                                      \
	.expected = "a duration like 500ms, 30s, 5m or 1h, at most 365d; 0 = never"
#define NETWORK_OPTION                                                                                       \
	.type = &option_network_type,                                                                        \
	.expected = "a network like 10.0.0.0/8 or 2001:db8::/32, a single address, unix or any"
#define RATE_OPTION                                                                                          \
	.type = &option_size_type, .maximum = RATE_MAX, .default_text = "0",                                 \
	.expected = "a size from 0 to 1T, in bytes a second; 0 = no limit"
#define TARGET_OPTION                                                                                        \
	.expected = "HOST:PORT or [IPV6]:PORT (PORT may be a range like 30000-30099), unix:/PATH or "        \
	            "unix:@NAME, which may have weight=N, from 1 to 100, after it"
#define IN_A_ROW_OPTION                                                                                      \
	.type = &option_number_type, .minimum = 1, .maximum = 1000, .expected = "a number from 1 to 1000"
/* The kernel takes whole seconds, and at most this many. */
#define KEEPALIVE_OPTION                                                                                     \
	.type = &option_duration_type, .minimum = 1000, .maximum = 32767000, .allows_auto = true,            \
	.default_text = "auto", .expected = "auto or a duration from 1s to 32767s"

const struct option option_table[] = {
        {IN_GLOBAL(workers, BY_TAKEOVER), .type = &option_number_type, .minimum = 1, .maximum = 256,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a number from 1 to 256",
         .help = "Threads that relay; auto = the CPUs this process may use."},
        {IN_GLOBAL(memory_max, AT_ONCE), .type = &option_size_type, .minimum = 64 << 10, .maximum = BYTES_MAX,
         .default_text = "256M", .expected = "a size from 64K to 1T",
         .help = "Bound on the bytes queued by all pairs together."},
        {IN_GLOBAL(max_connections, AT_ONCE), .type = &option_number_type, .minimum = 1, .maximum = PAIRS_MAX,
         .allows_auto = true, .default_text = "auto", .expected = "auto or a number from 1 to 10000000",
         .help = "Pairs at a time; auto = what the limit on open files leaves room for."},
        {IN_GLOBAL(drain_timeout, AT_ONCE), .type = &option_duration_type, .maximum = MS_MAX,
         .default_text = "30s", .expected = "a duration like 500ms, 30s, 5m or 1h, at most 365d; 0 = at once",
         .help = "How long a stop waits for pairs to end."},
        {IN_GLOBAL(dump_file, AT_ONCE), .type = &option_path_type, .maximum = 900, .default_text = "-",
         .expected = "- or a path of at most 900 bytes without white space",
         .help = "Where SIGUSR1 writes the dump; - = the log."},
        {IN_GLOBAL(dump_format, AT_ONCE), .type = &option_dump_format_type, .default_text = "text",
         .expected = "text or json", .help = "The form of the dump."},
        {IN_GLOBAL(log_level, AT_ONCE), .type = &option_log_level_type, .default_text = "info",
         .expected = "error, warning, notice, info or debug",
         .help = "The least important messages that are logged."},
        {IN_GLOBAL(log_connections, AT_ONCE), BOOL_OPTION, .default_text = "on",
         .help = "Log one line for each closed pair."},
        {IN_GLOBAL(resolve_interval, AT_ONCE), .type = &option_duration_type, .minimum = 1000,
         .maximum = MS_MAX, .default_text = "10s", .expected = "a duration from 1s to 365d",
         .help = "How often host names are looked up again."},
        {IN_GLOBAL(http_listen, AT_ONCE), .type = &option_http_type, .default_text = "none",
         .expected = "none, ADDRESS:PORT, [IPV6]:PORT or *:PORT, systemd:NAME, unix:@NAME or unix:/PATH, "
                     "which may have mode=OCTAL, owner=USER and group=GROUP after it",
         .help = "An address to serve metrics and a page on, by HTTP; none = nowhere."},

        {LIST_IN_RELAY(listen, AT_ONCE), .type = &option_listen_type,
         .expected = "HOST:PORT, [IPV6]:PORT or *:PORT (PORT may be a range like 30000-30099), "
                     "systemd:NAME, unix:@NAME or unix:/PATH, which may have mode=OCTAL, owner=USER and "
                     "group=GROUP after it",
         .help = "An address to accept clients on; may be repeated."},
        {LIST_IN_RELAY(target, TO_NEW_PAIRS), .type = &option_target_type, TARGET_OPTION,
         .help = "An address to connect to for a client; may be repeated."},
        {LIST_IN_RELAY(backup_target, TO_NEW_PAIRS), .type = &option_target_type, TARGET_OPTION,
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
        {IN_BOTH(splice, TO_NEW_PAIRS), .type = &option_splice_type, .default_text = "auto",
         .expected = "auto or off",
         .help = "Move bulk data through a pipe inside the kernel; off = always copy it."},
        {IN_BOTH(max_connections, AT_ONCE), .type = &option_number_type, .maximum = PAIRS_MAX,
         .default_text = "0", .expected = "a number from 0 to 10000000; 0 = no limit of its own",
         .help = "Pairs of one relay at a time; 0 = no limit of its own."},
        {IN_BOTH(max_connections_per_source, AT_ONCE), .type = &option_number_type, .maximum = PAIRS_MAX,
         .default_text = "0", .expected = "a number from 0 to 10000000; 0 = no limit",
         .help = "Pairs of one relay at a time from one client address; 0 = no limit."},
        {LIST_IN_BOTH(allow, TO_NEW_PAIRS), NETWORK_OPTION,
         .help = "Clients that may come; with any of these, all others may not. May be repeated."},
        {LIST_IN_BOTH(deny, TO_NEW_PAIRS), NETWORK_OPTION,
         .help = "Clients that are reset at once, unless a longer prefix allows them. May be repeated."},
        {LIST_IN_BOTH(accept_proxy, TO_NEW_PAIRS), NETWORK_OPTION,
         .help = "Clients that must begin with a PROXY header; may be repeated."},
        {IN_BOTH(ipv6_source_prefix, TO_NEW_PAIRS), .type = &option_number_type, .minimum = 1, .maximum = 128,
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
        {IN_BOTH(proxy_header_timeout, TO_NEW_PAIRS), .type = &option_duration_type, .minimum = 1,
         .maximum = MS_MAX, .default_text = "5s", .expected = "a duration from 1ms to 365d",
         .help = "How long a client that must send a PROXY header may take for it."},
        {IN_BOTH(send_proxy, TO_NEW_PAIRS), .type = &option_send_proxy_type, .default_text = "off",
         .expected = "off, v1 or v2",
         .help = "Whether a target gets a PROXY header that names the client, and of which version."},
        {IN_BOTH(connect_on, TO_NEW_PAIRS), .type = &option_connect_on_type, .default_text = "accept",
         .expected = "accept or data",
         .help = "Connect a target when a client comes, or when its first byte does."},
        {IN_BOTH(connect_timeout, TO_NEW_PAIRS), .type = &option_duration_type, .minimum = 1,
         .maximum = MS_MAX, .default_text = "5s", .expected = "a duration from 1ms to 365d",
         .help = "How long one attempt to connect may take."},
        {IN_BOTH(connect_attempts, TO_NEW_PAIRS), .type = &option_number_type, .minimum = 1, .maximum = 100,
         .default_text = "3", .expected = "a number from 1 to 100",
         .help = "Attempts to connect, each to another target address, before the client is reset or held."},
        {IN_BOTH(balance, TO_NEW_PAIRS), .type = &option_balance_type, .default_text = "round_robin",
         .expected = "round_robin, least_connections or source",
         .help = "How a target is chosen: in turn, with the fewest pairs, or by the client's address."},
        {IN_BOTH(fail_limit, AT_ONCE), .type = &option_number_type, .maximum = 1000, .default_text = "3",
         .expected = "a number from 0 to 1000; 0 = never taken out",
         .help = "Connects that must fail in a row before a target address is taken out."},
        {IN_BOTH(fail_time, AT_ONCE), .type = &option_duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "10s", .expected = "a duration from 1ms to 365d",
         .help = "How long it is out before one pair tries it again."},
        {IN_BOTH(check_interval, AT_ONCE), .type = &option_duration_type, .maximum = MS_MAX,
         .default_text = "0", .expected = "a duration like 500ms, 2s or 1m, at most 365d; 0 = no checks",
         .help = "How often each target address is checked by connecting; 0 = no checks."},
        {IN_BOTH(check_timeout, AT_ONCE), .type = &option_duration_type, .minimum = 1, .maximum = MS_MAX,
         .default_text = "1s", .expected = "a duration from 1ms to 365d",
         .help = "How long a check may take to connect."},
        {IN_BOTH(check_rise, AT_ONCE), IN_A_ROW_OPTION, .default_text = "2",
         .help = "Checks that must succeed in a row before an address that is down is up."},
        {IN_BOTH(check_fall, AT_ONCE), IN_A_ROW_OPTION, .default_text = "3",
         .help = "Checks that must fail in a row before an address that is up is down."},
        {IN_BOTH(slow_start, AT_ONCE), .type = &option_duration_type, .maximum = MS_MAX, .default_text = "0",
         .expected = "a duration like 500ms, 30s or 5m, at most 365d; 0 = off",
         .help = "How long the weight of an address that is up again grows to its full size; 0 = off."},
        {IN_BOTH(retry_time, TO_NEW_PAIRS), .type = &option_duration_type, .maximum = MS_MAX,
         .default_text = "0", .expected = "a duration like 500ms, 5s or 1m, at most 365d; 0 = off",
         .help = "How long a client is held while the targets are tried again; 0 = not at all."},
        {IN_BOTH(when_down, AT_ONCE), .type = &option_when_down_type, .default_text = "try",
         .expected = "try or refuse",
         .help = "While no target is up: try them all the same, or refuse = close the entrances."},
        {IN_BOTH(resolve_interval, AT_ONCE), .type = &option_duration_type, .minimum = 1000,
         .maximum = MS_MAX, .allows_auto = true, .default_text = "auto",
         .expected = "auto or a duration from 1s to 365d",
         .help = "How often its targets' names are looked up again; auto = that of [global]."},
        {IN_BOTH(idle_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "1h",
         .help = "How long a pair may be without a byte either way; 0 = for ever."},
        {IN_BOTH(half_close_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "10m",
         .help = "The same once one side has ended; 0 = for ever."},
        {IN_BOTH(stall_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "1h",
         .help = "How long bytes may be queued without the reader taking one; 0 = for ever."},
        {IN_BOTH(min_rate, TO_NEW_PAIRS), .type = &option_size_type, .maximum = 1 << 30, .default_text = "0",
         .expected = "a size from 0 to 1G, in bytes a second; 0 = off",
         .help = "Bytes a second that a reader with bytes queued must take over stall_timeout; 0 = off."},
        {IN_BOTH(vanish_timeout, TO_NEW_PAIRS), TIMEOUT_OPTION, .default_text = "2m",
         .help = "How long a peer's TCP may leave unanswered what it was sent; 0 = as long as the kernel "
                 "tries."},
        {LIST_IN_BOTH(source_address, TO_NEW_PAIRS), .type = &option_source_type,
         .expected = "an IPv4 or IPv6 address like 192.0.2.1 or 2001:db8::1, without a port",
         .help = "Where connections to targets come from; at most one IPv4 and one IPv6 address."},
        {IN_BOTH(source_interface, TO_NEW_PAIRS), .type = &option_interface_type, .default_text = "any",
         .expected = "any or the name of an interface, of at most 15 bytes",
         .help = "The interface that connections to targets go out by; any = as the routes say."},
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
        {IN_BOTH(keepalive_count, TO_NEW_PAIRS), .type = &option_number_type, .minimum = 1, .maximum = 127,
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
        {IN_BOTH(notsent_lowat, TO_NEW_PAIRS), .type = &option_size_type, .minimum = 1,
         .maximum = SOCKBUF_MAX, .allows_auto = true, .default_text = "auto",
         .expected = "auto or a size from 1 to 1G",
         .help = "Unsent bytes that a socket takes at most, TCP_NOTSENT_LOWAT; auto = the kernel's own."},
        {IN_BOTH(free_bind, TO_NEW_ENTRANCES), BOOL_OPTION, .default_text = "off",
         .help = "Listen on addresses that the machine does not have yet (IP_FREEBIND)."},
        {IN_BOTH(on_reset, TO_NEW_PAIRS), .type = &option_on_reset_type, .default_text = "reset",
         .expected = "reset or close",
         .help = "What a peer's reset becomes on the other side: reset, or close = an end of stream."},
};
const size_t option_count = COUNT(option_table);
static_assert(COUNT(option_table) <= OPTIONS_MAX, "OPTIONS_MAX is too small");
