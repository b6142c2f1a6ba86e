/* What relay.ini and the command line may contain, and the errors for everything else. */
#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files, and a line that --print-config prints for each. */
static const struct {
	const char *text;
	const char *printed;
} good[] = {
        {RELAY, "workers = auto"},
        {"[global]\nworkers = 1\n" RELAY, "workers = 1"},
        {"[global]\nworkers=256\n" RELAY, "workers = 256"},
        {"[global]\nworkers\t =\t 2 \t\n" RELAY, "workers = 2"},
        {"[global]\nmemory_max = 64K\n" RELAY, "memory_max = 64K"},
        {"[global]\nmemory_max = 65536\n" RELAY, "memory_max = 64K"},
        {"[global]\nmax_connections = 1\n" RELAY, "max_connections = 1"},
        {"[global]\ndrain_timeout = 0\n" RELAY, "drain_timeout = 0"},
        {"[global]\ndrain_timeout = 90s\n" RELAY, "drain_timeout = 90s"},
        {"[global]\ndump_file = /tmp/weir-dump\n" RELAY, "dump_file = /tmp/weir-dump"},
        {"[global]\ndump_file = a=b;c#d\n" RELAY, "dump_file = a=b;c#d"},
        {"[global]\ndump_format = json\n" RELAY, "dump_format = json"},
        {"[global]\nlog_level = debug\n" RELAY, "log_level = debug"},
        {"[global]\nlog_level = error\n" RELAY, "log_level = error"},
        {"[global]\nlog_connections = no\n" RELAY, "log_connections = off"},
        {"[global]\nresolve_interval = 1s\n" RELAY, "resolve_interval = 1s"},
        {"[defaults]\nhigh_watermark = 64K\n" RELAY, "high_watermark = 64K"},
        {RELAY "high_watermark = 1\n", "high_watermark = 1"},
        {RELAY "low_watermark = 0\n", "low_watermark = 0"},
        {RELAY "low_watermark = auto\n", "low_watermark = auto"},
        {RELAY "upload_high_watermark = 2M\n", "upload_high_watermark = 2M"},
        {RELAY "splice = off\n", "splice = off"},
        {RELAY "max_connections = 0\n", "max_connections = 0"},
        {RELAY "connect_timeout = 1ms\n", "connect_timeout = 1ms"},
        {RELAY "connect_attempts = 100\n", "connect_attempts = 100"},
        {RELAY "idle_timeout = 0\n", "idle_timeout = 0"},
        {RELAY "half_close_timeout = 0\n", "half_close_timeout = 0"},
        {RELAY "stall_timeout = 0s\n", "stall_timeout = 0"},
        {RELAY "stall_timeout = 365d\n", "stall_timeout = 365d"},
        {RELAY "min_rate = 64K\n", "min_rate = 64K"},
        {RELAY "min_rate = 0\nstall_timeout = 0\n", "min_rate = 0"},
        {RELAY "vanish_timeout = 120s\n", "vanish_timeout = 2m"},
        {RELAY "max_duration = 48h\n", "max_duration = 2d"},
        {RELAY "ipv6_source_prefix = 1\n", "ipv6_source_prefix = 1"},
        {RELAY "ipv6_source_prefix = 128\n", "ipv6_source_prefix = 128"},
        {RELAY "upload_rate = 1024K\n", "upload_rate = 1M"},
        {RELAY "download_rate = 1\n", "download_rate = 1"},
        {RELAY "relay_upload_rate = 1T\n", "relay_upload_rate = 1T"},
        {RELAY "relay_download_rate = 0\n", "relay_download_rate = 0"},
        {RELAY "proxy_header_timeout = 1ms\n", "proxy_header_timeout = 1ms"},
        {RELAY "send_proxy = v1\n", "send_proxy = v1"},
        {RELAY "send_proxy = v2\n", "send_proxy = v2"},
        {RELAY "connect_on = data\n", "connect_on = data"},
        {RELAY "tcp_nodelay = FALSE\n", "tcp_nodelay = off"},
        {RELAY "keepalive_idle = 1s\n", "keepalive_idle = 1s"},
        {RELAY "keepalive_interval = 32767s\n", "keepalive_interval = 32767s"},
        {RELAY "keepalive_count = 127\n", "keepalive_count = 127"},
        {RELAY "client_rcvbuf = 1K\n", "client_rcvbuf = 1K"},
        {RELAY "target_sndbuf = auto\n", "target_sndbuf = auto"},
        {RELAY "notsent_lowat = 16k\n", "notsent_lowat = 16K"},
        {RELAY "on_reset = close\n", "on_reset = close"},
        {RELAY "listen = *:80\n", "listen = *:80"},
        {RELAY "listen = unix:@abstract\n", "listen = unix:@abstract"},
        {RELAY "target = db.example.org:5432\n", "target = db.example.org:5432"},
        {RELAY "target = 127.0.0.1:2\n", "target = 127.0.0.1:2"}, /* twice is no error */
        {RELAY "target = [fe80::1%eth0]:1 weight=2\n", "target = [fe80::1%eth0]:1 weight=2"},
        {RELAY "listen = [fe80::0%nosuch0]:1\n", "listen = [fe80::%nosuch0]:1"},
        {RELAY "target = db:1 weight=1\n", "target = db:1"},
        {"[relay r]\nlisten = *:80-89\ntarget = db:180-189 weight=2\ntarget = db:1\n",
         "target = db:180-189 weight=2\ntarget = db:1"},
        {"[relay r]\nlisten = *:080-0089\ntarget = db:1\n", "listen = *:80-89"},
        {"[relay r]\nlisten = *:80-89\nlisten = 127.0.0.1:180-189\ntarget = db:180-189\n",
         "listen = *:80-89\nlisten = 127.0.0.1:180-189"},
        {RELAY "listen = *:80-89\n", "listen = 127.0.0.1:1\nlisten = *:80-89"},
        {RELAY "target = db:1 \t weight=2\t\n", "target = db:1 weight=2"},
        {RELAY "target = [::1]:1 weight=100\n", "target = [::1]:1 weight=100"},
        {RELAY "target = unix:@x weight=007\n", "target = unix:@x weight=7"},
        {RELAY "backup_target = db:1 weight=9\nbackup_target = db:2\n",
         "backup_target = db:1 weight=9\nbackup_target = db:2"},
        {RELAY "balance = least_connections\n", "balance = least_connections"},
        {"[defaults]\nbalance = source\n" RELAY, "balance = source"},
        {RELAY "fail_limit = 0\n", "fail_limit = 0"},
        {RELAY "fail_limit = 1000\n", "fail_limit = 1000"},
        {RELAY "fail_time = 1ms\n", "fail_time = 1ms"},
        {RELAY "check_interval = 500ms\n", "check_interval = 500ms"},
        {RELAY "check_interval = 1s\ncheck_timeout = 3s\n", "check_timeout = 3s"}, /* not two at once */
        {RELAY "check_rise = 1\n", "check_rise = 1"},
        {RELAY "check_fall = 1000\n", "check_fall = 1000"},
        {RELAY "slow_start = 30s\n", "slow_start = 30s"},
        {RELAY "retry_time = 5s\n", "retry_time = 5s"},
        {RELAY "when_down = refuse\n", "when_down = refuse"},
        {RELAY "when_down = refuse\nfail_limit = 0\ncheck_interval = 1s\n", "when_down = refuse"},
        {RELAY "fail_limit = 0\n", "when_down = try"},
        {RELAY "listen = 127.0.0.1:0\nlisten = 127.0.0.1:0\n", "listen = 127.0.0.1:0"},
        {RELAY "\n \t\n# comment\n; comment\n#comment = 1\n", "[relay r]"},
        {"\xef\xbb\xbf# with a byte order mark\n" RELAY, "[relay r]"},
        {"\xef\xbb\xbf" RELAY, "[relay r]"},
        {"[relay r]\r\nlisten = 127.0.0.1:1\r\n\r\ntarget = 127.0.0.1:2\r\n", "target = 127.0.0.1:2"},
        {"[relay r]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2", "target = 127.0.0.1:2"},
        {"[relay \ta.B-c_9]  \nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n", "[relay a.B-c_9]"},
        {"[relay " FIFTY "01234567890123]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n",
         "[relay " FIFTY "01234567890123]"},
};

START_TEST(good_lines_are_taken)
{
	struct config *config = load_good(good[_i].text);
	char *printed = print(config);
	char line[256];

	snprintf(line, sizeof(line), "%s\n", good[_i].printed);
	ck_assert_msg(strstr(printed, line), "no \"%s\" in\n%s", good[_i].printed, printed);
	free(printed);
	config_put(config);
}
END_TEST

#define EXPECT_TIMEOUT "a duration like 500ms, 30s, 5m or 1h, at most 365d; 0 = never"

#define NEVER_DOWN(line)                                                                                     \
	"FILE:" #line ": relay \"r\": when_down refuse with fail_limit 0 and check_interval 0; "             \
	"expected one that takes targets out\n"

/* A file and all the errors it causes. */
static const struct {
	const char *text;
	const char *errors;
} bad[] = {
        {"", "FILE: no relay; expected at least one section [relay NAME]\n"},
        {"[global]\n", "FILE: no relay; expected at least one section [relay NAME]\n"},

        /* lines */
        {RELAY "  splice = off\n",
         "FILE:4: white space before the text; expected it to start in column one\n"},
        {RELAY "listen = unix:/tmp/a\n\tunix:/b\n",
         "FILE:5: white space before the text; expected it to start in column one\n"},
        {RELAY " # comment\n", "FILE:4: white space before the text; expected it to start in column one\n"},
        {RELAY "splice\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "splice off\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "a:1.2.3.4\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "splice: off = 1\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "splice ;= off\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "= off\n", "FILE:4: not a setting; expected KEY = VALUE, [SECTION] or # COMMENT\n"},
        {RELAY "splice = off ; comment\n",
         "FILE:4: comment after a value; expected it on a line of its own\n"},
        {RELAY "splice = off # comment\n",
         "FILE:4: comment after a value; expected it on a line of its own\n"},
        {RELAY "splice = ; comment\n", "FILE:4: comment after a value; expected it on a line of its own\n"},
        {RELAY "splice = o\rff\n", "FILE:4: control character 0x0d; expected text\n"},
        {RELAY "splice = off\r\r\n", "FILE:4: control character 0x0d; expected text\n"},
        {RELAY "# bell \a\n", "FILE:4: control character 0x07; expected text\n"},
        {RELAY "# \xc2\x9b"
               "1m\n",
         "FILE:4: control character 0x9b; expected text\n"},
        {RELAY "target = unix:/a\xc2\x85\n", "FILE:4: control character 0x85; expected text\n"},
        {RELAY "target = unix:/a\x9b\n", "FILE:4: control character 0x9b; expected text\n"},
        {RELAY "\xef\xbb\xbfsplice = off\n",
         "FILE:4: unknown key \"\xef\xbb\xbfsplice\"; did you mean \"splice\"?\n"},
        {RELAY "# " LONG "\nsplice = 1\n", "FILE:4: line of 1052 bytes; expected at most 1022\n"
                                           "FILE:5: splice: \"1\" is not valid; expected auto or off\n"},

        /* sections */
        {"workers = 1\n" RELAY,
         "FILE:1: key \"workers\" before any section; expected [global], [defaults] or [relay NAME] first\n"},
        {"[globl]\nworkers = x\n" RELAY, "FILE:1: unknown section \"globl\"; did you mean \"global\"?\n"},
        {"[default]\n" RELAY, "FILE:1: unknown section \"default\"; did you mean \"defaults\"?\n"},
        {"[Relay db]\n", "FILE:1: unknown section \"Relay\"; did you mean \"relay\"?\n"},
        {"[]\n" RELAY, "FILE:1: unknown section \"\"; expected [global], [defaults] or [relay NAME]\n"},
        {"[frontend www]\n" RELAY,
         "FILE:1: unknown section \"frontend\"; expected [global], [defaults] or [relay NAME]\n"},
        {RELAY "[broken\nlisten = 127.0.0.1:9\nworkers = 1\n",
         "FILE:4: section head without \"]\"; expected [global], [defaults] or [relay NAME]\n"},
        {"[broken\n", "FILE:1: section head without \"]\"; expected [global], [defaults] or [relay NAME]\n"},
        {RELAY " [relay s]\nworkers = 1\n",
         "FILE:4: white space before the text; expected it to start in column one\n"},
        {"[global] # all\nworkers = x\n" RELAY,
         "FILE:1: text after a section head; expected nothing after \"]\"\n"
         "FILE:2: workers: \"x\" is not valid; expected auto or a number from 1 to 256\n"},
        {"[global a]\n" RELAY, "FILE:1: section [global a] with a name; expected [global]\n"},
        {"[global]\n[global]\n" RELAY, "FILE:2: duplicate section [global]; the first is in line 1\n"},
        {"[defaults]\n\n[defaults]\n" RELAY,
         "FILE:3: duplicate section [defaults]; the first is in line 1\n"},
        {"[global]\nworkers = 1\n[global]\nworkers = 2\n" RELAY,
         "FILE:3: duplicate section [global]; the first is in line 1\n"
         "FILE:4: duplicate key \"workers\"; the first is in line 2\n"},
        {"[relay]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n",
         "FILE:1: \"\" is not a relay's name; expected 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {"[relay a b]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n",
         "FILE:1: \"a b\" is not a relay's name; expected 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {"[relay " FIFTY "012345678901234]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n",
         "FILE:1: \"" FIFTY "012345678901234\" is not a relay's name; "
         "expected 1 to 64 letters, digits, \"-\", \"_\" or \".\"\n"},
        {RELAY "[relay r]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:2\n",
         "FILE:4: duplicate relay \"r\"; the first is in line 1\n"},
        {RELAY "[relay s]\n",
         "FILE:4: relay \"s\" without listen; expected at least one \"listen = ADDRESS\"\n"
         "FILE:4: relay \"s\" without target; expected at least one \"target = ADDRESS\"\n"},

        /* keys */
        {RELAY "hihg_watermark = 1M\n",
         "FILE:4: unknown key \"hihg_watermark\"; did you mean \"high_watermark\"?\n"},
        {RELAY "high-watermark = 1M\n",
         "FILE:4: unknown key \"high-watermark\"; did you mean \"high_watermark\"?\n"},
        {RELAY "Listen = 127.0.0.1:3\n", "FILE:4: unknown key \"Listen\"; did you mean \"listen\"?\n"},
        {RELAY "mode = tcp\n", "FILE:4: unknown key \"mode\"; expected one that relay.ini(5) lists\n"},
        {RELAY "workers = 1\n", "FILE:4: key \"workers\" does not belong here; expected in [global]\n"},
        {"[global]\nidle_timeout = 1s\n" RELAY,
         "FILE:2: key \"idle_timeout\" does not belong here; expected in [defaults] or [relay NAME]\n"},
        {"[defaults]\nlisten = 127.0.0.1:3\n" RELAY,
         "FILE:2: key \"listen\" does not belong here; expected in [relay NAME]\n"},
        {RELAY "splice = off\n\nsplice = off\n",
         "FILE:6: duplicate key \"splice\"; the first is in line 4\n"},

        /* values */
        {RELAY "splice =\n", "FILE:4: splice: \"\" is empty; expected auto or off\n"},
        {RELAY "splice = on\n", "FILE:4: splice: \"on\" is not valid; expected auto or off\n"},
        {RELAY "splice = off, please\n",
         "FILE:4: splice: \"off, please\" is not valid; expected auto or off\n"},
        {"[global]\nworkers = 0\n" RELAY,
         "FILE:2: workers: \"0\" is out of range; expected auto or a number from 1 to 256\n"},
        {"[global]\nworkers = 257\n" RELAY,
         "FILE:2: workers: \"257\" is out of range; expected auto or a number from 1 to 256\n"},
        {"[global]\nworkers = 99999999999999999999\n" RELAY,
         "FILE:2: workers: \"99999999999999999999\" is out of range; expected auto or a number from 1 to "
         "256\n"},
        {"[global]\nworkers = 18446744073709551615\n" RELAY,
         "FILE:2: workers: \"18446744073709551615\" is out of range; expected auto or a number from 1 to "
         "256\n"},
        {"[global]\nmemory_max = 63K\n" RELAY,
         "FILE:2: memory_max: \"63K\" is out of range; expected a size from 64K to 1T\n"},
        {"[global]\nmemory_max = auto\n" RELAY,
         "FILE:2: memory_max: \"auto\" is not valid; expected a size from 64K to 1T\n"},
        {"[global]\nmax_connections = 0\n" RELAY,
         "FILE:2: max_connections: \"0\" is out of range; expected auto or a number from 1 to 10000000\n"},
        {"[global]\ndrain_timeout = 30\n" RELAY, "FILE:2: drain_timeout: \"30\" is not valid; expected a "
                                                 "duration like 500ms, 30s, 5m or 1h, at most 365d; "
                                                 "0 = at once\n"},
        {"[global]\ndump_format = xml\n" RELAY,
         "FILE:2: dump_format: \"xml\" is not valid; expected text or json\n"},
        {"[global]\ndump_file = /a b\n" RELAY, "FILE:2: dump_file: \"/a b\" is not valid; expected - or a "
                                               "path of at most 900 bytes without white space\n"},
        {"[global]\ndump_file = ;a\n" RELAY,
         "FILE:2: comment after a value; expected it on a line of its own\n"},
        {"[global]\nlog_level = verbose\n" RELAY,
         "FILE:2: log_level: \"verbose\" is not valid; expected error, warning, notice, info or debug\n"},
        {"[global]\nlog_connections = 1\n" RELAY,
         "FILE:2: log_connections: \"1\" is not valid; expected on or off\n"},
        {"[global]\nresolve_interval = 999ms\n" RELAY,
         "FILE:2: resolve_interval: \"999ms\" is out of range; expected a duration from 1s to 365d\n"},
        {RELAY "resolve_interval = 0\n",
         "FILE:4: resolve_interval: \"0\" is out of range; expected auto or a duration from 1s to 365d\n"},
        {RELAY "high_watermark = 1MB\n",
         "FILE:4: high_watermark: \"1MB\" is not valid; expected a size from 1 to 1T\n"},
        {RELAY "high_watermark = 0\n",
         "FILE:4: high_watermark: \"0\" is out of range; expected a size from 1 to 1T\n"},
        {RELAY "high_watermark = -1\n",
         "FILE:4: high_watermark: \"-1\" is not valid; expected a size from 1 to 1T\n"},
        {RELAY "connect_timeout = 0\n",
         "FILE:4: connect_timeout: \"0\" is out of range; expected a duration from 1ms to 365d\n"},
        {RELAY "connect_attempts = 0\n",
         "FILE:4: connect_attempts: \"0\" is out of range; expected a number from 1 to 100\n"},
        {RELAY "idle_timeout = 366d\n",
         "FILE:4: idle_timeout: \"366d\" is out of range; expected " EXPECT_TIMEOUT "\n"},
        {RELAY "idle_timeout = never\n",
         "FILE:4: idle_timeout: \"never\" is not valid; expected " EXPECT_TIMEOUT "\n"},
        {RELAY "client_rcvbuf = 1023\n",
         "FILE:4: client_rcvbuf: \"1023\" is out of range; expected auto or a size from 1K to 1G\n"},
        {RELAY "on_reset = fin\n", "FILE:4: on_reset: \"fin\" is not valid; expected reset or close\n"},

        /* addresses */
        {RELAY "listen = 8080\n", "FILE:4: listen: \"8080\" is not an address; expected " EXPECT_LISTEN "\n"},
        {RELAY "listen = 1.2.3.4:80x\n",
         "FILE:4: listen: \"1.2.3.4:80x\" is not an address; expected " EXPECT_LISTEN "\n"},
        {RELAY "listen = *:0-5\n", "FILE:4: listen: \"*:0-5\" has a range of ports that begins with 0, or "
                                   "ends before it begins; expected " EXPECT_LISTEN "\n"},
        {RELAY "target = db:5-4\n", "FILE:4: target: \"db:5-4\" has a range of ports that begins with 0, or "
                                    "ends before it begins; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:80-65536\n",
         "FILE:4: target: \"db:80-65536\" has a port over 65535; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:80-89\n",
         "FILE:4: target: \"db:80-89\" has 10 ports and listen \"127.0.0.1:1\" has 1; expected one port, or "
         "ranges of the same length\n"},
        {"[relay r]\nlisten = *:10-19\nlisten = *:20-28\ntarget = a:1\nbackup_target = db:80-89\n",
         "FILE:5: backup_target: \"db:80-89\" has 10 ports and listen \"*:20-28\" has 9; expected one port, "
         "or "
         "ranges of the same length\n"},
        {"[relay r]\nlisten = unix:@a\ntarget = db:80-89\n",
         "FILE:3: target: \"db:80-89\" has 10 ports and listen \"unix:@a\" has 1; expected one port, or "
         "ranges of the same length\n"},
        {RELAY "listen = *:65536\n",
         "FILE:4: listen: \"*:65536\" has a port over 65535; expected " EXPECT_LISTEN "\n"},
        {RELAY "listen = unix:/" FIFTY FIFTY "1234567\n",
         "FILE:4: listen: \"unix:/" FIFTY FIFTY "1234567\" is too long; expected " EXPECT_LISTEN "\n"},
        {RELAY "listen = 127.0.0.1:3\nlisten = 127.0.0.1:3\n",
         "FILE:5: duplicate listening address \"127.0.0.1:3\"; the first is in line 4\n"},
        {RELAY "[relay s]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n",
         "FILE:5: duplicate listening address \"127.0.0.1:1\"; the first is in line 2\n"},
        {RELAY "listen = [::1]:80\nlisten = [0:0::1]:80\n",
         "FILE:5: duplicate listening address \"[::1]:80\"; the first is in line 4\n"},
        {RELAY "listen = unix:/tmp/a\nlisten = unix:/tmp/a\n",
         "FILE:5: duplicate listening address \"unix:/tmp/a\"; the first is in line 4\n"},
        {RELAY "listen = [ff02::1]:80\n",
         "FILE:4: listen: \"[ff02::1]:80\" is a multicast address; expected " EXPECT_LISTEN "\n"},
        {RELAY "listen = [fe80::1]:80\n",
         "FILE:4: listen: \"[fe80::1]:80\" is a link-local address, which needs its interface, like "
         "[fe80::1%eth0]:80; expected " EXPECT_LISTEN "\n"},
        {RELAY "backup_target = [fe80::1]:80 weight=2\n",
         "FILE:4: backup_target: \"[fe80::1]:80 weight=2\" is a link-local address, which needs its "
         "interface, like [fe80::1%eth0]:80; expected " EXPECT_TARGET "\n"},
        {RELAY "target = [fd00::1%eth0]:80\n",
         "FILE:4: target: \"[fd00::1%eth0]:80\" has an interface, which only a link-local address has; "
         "expected " EXPECT_TARGET "\n"},
        {RELAY "target = [fe80::1%eth0]:0\n", "FILE:4: target: \"[fe80::1%eth0]:0\" has port 0, which is for "
                                              "listening only; expected " EXPECT_TARGET "\n"},
        {RELAY "target = *:80\n", "FILE:4: target: \"*:80\" stands for every address, which is for listening "
                                  "only; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:0\n",
         "FILE:4: target: \"db:0\" has port 0, which is for listening only; expected " EXPECT_TARGET "\n"},
        {RELAY "target = systemd:web\n",
         "FILE:4: target: \"systemd:web\" stands for sockets of the service manager, which are for listening "
         "only; expected " EXPECT_TARGET "\n"},
#ifndef HAVE_SYSTEMD
        {RELAY "listen = systemd:web\n", "FILE:4: listen: \"systemd:web\" needs a weir that was built with "
                                         "libsystemd; expected " EXPECT_LISTEN "\n"},
#endif
        {RELAY "target = db:1 weight=0\n",
         "FILE:4: target: \"db:1 weight=0\" has a weight that is out of range; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:1 weight=101\n",
         "FILE:4: target: \"db:1 weight=101\" has a weight that is out of range; expected " EXPECT_TARGET
         "\n"},
        {RELAY "target = db:1 weight=18446744073709551617\n",
         "FILE:4: target: \"db:1 weight=18446744073709551617\" has a weight that is out of range; "
         "expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:1 weight=x\n",
         "FILE:4: target: \"db:1 weight=x\" has a weight that is not a number; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:1 weight=\n",
         "FILE:4: target: \"db:1 weight=\" has a weight that is not a number; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:1 weight = 2\n",
         "FILE:4: target: \"db:1 weight = 2\" has a word after it that is not known; expected " EXPECT_TARGET
         "\n"},
        {RELAY "target = db:1 weight=1 weight=1\n",
         "FILE:4: target: \"db:1 weight=1 weight=1\" has two weights; expected " EXPECT_TARGET "\n"},
        {RELAY "target = db:1 Weight=1\n",
         "FILE:4: target: \"db:1 Weight=1\" has a word after it that is not known; expected " EXPECT_TARGET
         "\n"},
        {RELAY "target = db:1 db:2\n",
         "FILE:4: target: \"db:1 db:2\" has a word after it that is not known; expected " EXPECT_TARGET "\n"},
        {RELAY "backup_target = *:80 weight=x\n",
         "FILE:4: backup_target: \"*:80 weight=x\" stands for every address, which is for listening only; "
         "expected " EXPECT_TARGET "\n"},
        {RELAY "listen = unix:/tmp/a weight=2\n", "FILE:4: listen: \"unix:/tmp/a weight=2\" has a word after "
                                                  "it that is not known; expected " EXPECT_LISTEN "\n"},
        {"[relay r]\nlisten = 127.0.0.1:1\nbackup_target = 127.0.0.1:2\n",
         "FILE:1: relay \"r\" without target; expected at least one \"target = ADDRESS\"\n"},
        {"[defaults]\nbackup_target = db:1\n" RELAY,
         "FILE:2: key \"backup_target\" does not belong here; expected in [relay NAME]\n"},
        {RELAY "target = db\n", "FILE:4: target: \"db\" is not an address; expected " EXPECT_TARGET "\n"},
        /* a wrong value is not reported as missing too */
        {"[relay r]\nlisten = 127.0.0.1:1\ntarget = db\n",
         "FILE:3: target: \"db\" is not an address; expected " EXPECT_TARGET "\n"},

        {RELAY "keepalive_idle = 999ms\n", "FILE:4: keepalive_idle: \"999ms\" is out of range; expected auto "
                                           "or a duration from 1s to 32767s\n"},
        {RELAY "keepalive_interval = 32768s\n",
         "FILE:4: keepalive_interval: \"32768s\" is out of range; expected auto or a duration from 1s to "
         "32767s\n"},
        {RELAY "keepalive_count = 128\n",
         "FILE:4: keepalive_count: \"128\" is out of range; expected auto or a number from 1 to 127\n"},
        {RELAY "balance = roundrobin\n",
         "FILE:4: balance: \"roundrobin\" is not valid; expected round_robin, "
         "least_connections or source\n"},
        {RELAY "fail_limit = 1001\n",
         "FILE:4: fail_limit: \"1001\" is out of range; expected a number from 0 "
         "to 1000; 0 = never taken out\n"},
        {RELAY "fail_time = 0\n",
         "FILE:4: fail_time: \"0\" is out of range; expected a duration from 1ms to 365d\n"},
        {RELAY "check_interval = 2\n", "FILE:4: check_interval: \"2\" is not valid; expected a duration like "
                                       "500ms, 2s or 1m, at most 365d; 0 = no checks\n"},
        {RELAY "check_timeout = 0\n",
         "FILE:4: check_timeout: \"0\" is out of range; expected a duration from 1ms to 365d\n"},
        {RELAY "check_rise = 0\ncheck_fall = 1001\n",
         "FILE:4: check_rise: \"0\" is out of range; expected a number from 1 to 1000\n"
         "FILE:5: check_fall: \"1001\" is out of range; expected a number from 1 to 1000\n"},
        {RELAY "slow_start = off\nretry_time = 366d\n",
         "FILE:4: slow_start: \"off\" is not valid; expected a duration like 500ms, 30s or 5m, at most 365d; "
         "0 = off\n"
         "FILE:5: retry_time: \"366d\" is out of range; expected a duration like 500ms, 5s or 1m, at most "
         "365d; 0 = off\n"},
        {RELAY "when_down = close\n", "FILE:4: when_down: \"close\" is not valid; expected try or refuse\n"},
        /* nothing to find out by that no target is up */
        {RELAY "when_down = refuse\nfail_limit = 0\n", NEVER_DOWN(5)},
        {"[defaults]\nfail_limit = 0\n" RELAY "when_down = refuse\n", NEVER_DOWN(6)},
        {"[defaults]\nfail_limit = 0\nwhen_down = refuse\n" RELAY
         "[relay s]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:4\n",
         NEVER_DOWN(3)},
#ifdef HAVE_SYSTEMD
        {"[defaults]\nwhen_down = refuse\n" RELAY "listen = systemd:web\n",
         "FILE:6: listen: \"systemd:web\" with when_down refuse; expected an address that weir can close, or "
         "when_down try\n"},
#endif
        /* a rate over no time */
        {RELAY "min_rate = 1K\nstall_timeout = 0\n", "FILE:5: relay \"r\": min_rate 1K with stall_timeout 0; "
                                                     "expected a stall_timeout to measure it over\n"},
        {"[defaults]\nstall_timeout = 0\n" RELAY "min_rate = 1K\n",
         "FILE:6: relay \"r\": min_rate 1K with stall_timeout 0; expected a stall_timeout to measure it "
         "over\n"},
        {"[defaults]\nstall_timeout = 0\nmin_rate = 1K\n" RELAY
         "[relay s]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:4\n",
         "FILE:3: relay \"r\": min_rate 1K with stall_timeout 0; expected a stall_timeout to measure it "
         "over\n"},
        /* watermarks */
        {RELAY "high_watermark = 64K\nlow_watermark = 64K\n",
         "FILE:5: relay \"r\": upload low watermark 64K and high watermark 64K; expected low < high\n"
         "FILE:5: relay \"r\": download low watermark 64K and high watermark 64K; expected low < high\n"},
        {RELAY "low_watermark = 2M\n",
         "FILE:4: relay \"r\": upload low watermark 2M and high watermark 1M; expected low < high\n"
         "FILE:4: relay \"r\": download low watermark 2M and high watermark 1M; expected low < high\n"},
        {RELAY "download_low_watermark = 1M\n",
         "FILE:4: relay \"r\": download low watermark 1M and high watermark 1M; expected low < high\n"},
        {"[defaults]\nlow_watermark = 512K\n" RELAY "upload_high_watermark = 4K\n",
         "FILE:6: relay \"r\": upload low watermark 512K and high watermark 4K; expected low < high\n"},
        /* an error in [defaults] is reported once */
        {"[defaults]\nlow_watermark = 1M\nupload_high_watermark = 2M\n" RELAY
         "[relay s]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:2\n",
         "FILE:2: relay \"r\": download low watermark 1M and high watermark 1M; expected low < high\n"},
        /* a value that is wrong itself causes no further errors */
        {"[defaults]\nhigh_watermark = 2MB\n" RELAY "low_watermark = 1M\n",
         "FILE:2: high_watermark: \"2MB\" is not valid; expected a size from 1 to 1T\n"},
        {RELAY "high_watermark = 2MB\nlow_watermark = 1M\n",
         "FILE:4: high_watermark: \"2MB\" is not valid; expected a size from 1 to 1T\n"},

        {RELAY "min_rate = 1K\nstall_timeout = x\n",
         "FILE:5: stall_timeout: \"x\" is not valid; expected " EXPECT_TIMEOUT "\n"},
        {"[defaults]\nfail_limit = x\n" RELAY "when_down = refuse\n",
         "FILE:2: fail_limit: \"x\" is not valid; expected a number from 0 to 1000; 0 = never taken out\n"},
        {RELAY "upload_high_watermark = x\ndownload_low_watermark = 1M\n",
         "FILE:4: upload_high_watermark: \"x\" is not valid; expected auto or a size from 1 to 1T\n"
         "FILE:5: relay \"r\": download low watermark 1M and high watermark 1M; expected low < high\n"},

        /* all errors, in the order of the file, although missing keys are found last */
        {"[relay a]\n[global]\nworkers = x\n[defaults]\nsplice = x\nspliec = off\n[relay a]\nlisten = x\n",
         "FILE:1: relay \"a\" without listen; expected at least one \"listen = ADDRESS\"\n"
         "FILE:1: relay \"a\" without target; expected at least one \"target = ADDRESS\"\n"
         "FILE:3: workers: \"x\" is not valid; expected auto or a number from 1 to 256\n"
         "FILE:5: splice: \"x\" is not valid; expected auto or off\n"
         "FILE:6: unknown key \"spliec\"; did you mean \"splice\"?\n"
         "FILE:7: duplicate relay \"a\"; the first is in line 1\n"
         "FILE:7: relay \"a\" without target; expected at least one \"target = ADDRESS\"\n"
         "FILE:8: listen: \"x\" is not an address; expected " EXPECT_LISTEN "\n"},
};

START_TEST(bad_lines_are_named)
{
	ck_assert_ptr_null(load(bad[_i].text));
	ck_assert_str_eq(errors_text(), bad[_i].errors);
}
END_TEST

static const char *load_bytes(const char *text, size_t length)
{
	struct config_request request = {.file = file};

	write_file(text, length);
	ck_assert_ptr_null(config_load(&request, &errors));
	return errors_text();
}

START_TEST(nul_bytes_are_refused)
{
	static const char text[] = RELAY "splice = off\0junk\n\0\n[relay s\0]\nworkers = 1\n";

	ck_assert_str_eq(load_bytes(text, sizeof(text) - 1), "FILE:4: NUL byte 0x00; expected text\n"
	                                                     "FILE:5: NUL byte 0x00; expected text\n"
	                                                     "FILE:6: NUL byte 0x00; expected text\n");
}
END_TEST

/* A line of any kind is read whole up to the limit. With one more byte it is refused. */
START_TEST(long_lines_are_never_cut)
{
	char text[3 * INI_LINE_MAX], path[512];
	struct config *config;
	int blanks;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	blanks = INI_LINE_MAX - (int)(strlen("dump_file =") + strlen(path));
	snprintf(text, sizeof(text), "[global]\ndump_file =%*s%s\n" RELAY, blanks, "", path);
	config = load_good(text);
	ck_assert_str_eq(config->global.dump_file, path);
	config_put(config);

	snprintf(text, sizeof(text), "[global]\ndump_file =%*s%s\n" RELAY, blanks + 1, "", path);
	ck_assert_ptr_null(load(text));
	ck_assert_str_eq(errors_text(), "FILE:2: line of 1023 bytes; expected at most 1022\n");
	config_errors_deinit(&errors);

	snprintf(text, sizeof(text), "[global]\n#%*sdump_file = /tail\n" RELAY, INI_LINE_MAX, "");
	ck_assert_ptr_null(load(text));
	ck_assert_str_eq(errors_text(), "FILE:2: line of 1040 bytes; expected at most 1022\n");
}
END_TEST

static void check_unreadable(const char *path, const char *what)
{
	struct config_request request = {.file = path};
	char expected[256];

	ck_assert_ptr_null(config_load(&request, &errors));
	ck_assert_uint_eq(errors.count, 1);
	snprintf(expected, sizeof(expected), "%s: %s", path, what);
	ck_assert_str_eq(errors.text[0], expected);
	config_errors_deinit(&errors);
}

START_TEST(only_a_regular_file_is_read)
{
	check_unreadable(file, "cannot be read: No such file or directory");
	check_unreadable(folder, "is a directory; expected a regular file");
	check_unreadable("/dev/null", "is a device, a pipe or a socket; expected a regular file");
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	check_unreadable(file, "is a device, a pipe or a socket; expected a regular file");
}
END_TEST

START_TEST(file_is_limited)
{
	char *text = malloc(INI_FILE_MAX + 1);

	memset(text, '\n', INI_FILE_MAX + 1);
	memcpy(text, RELAY, strlen(RELAY));
	write_file(text, INI_FILE_MAX + 1);
	check_unreadable(file, "is too large; expected at most 1 MiB");
	text[INI_FILE_MAX] = '\0';
	config_put(load_good(text));
	free(text);
}
END_TEST

/* The largest file of the shortest sections. A lookup for one section must not walk over all others. */
START_TEST(many_relays_load_quickly)
{
	char *text = malloc(INI_FILE_MAX);
	size_t length = 0, count = 0;
	struct config *config;

	while (length + 64 < INI_FILE_MAX) {
		length += (size_t)sprintf(text + length, "[relay %zx]\nlisten=unix:@%zx\ntarget=b:1\n", count,
		                          count);
		count++;
	}
	config = load_good(text);
	ck_assert_uint_eq(config->relay_count, count);
	config_put(config);
	free(text);
}
END_TEST

START_TEST(defaults_are_those_of_the_contract)
{
	struct config *config = load_good(RELAY);
	const struct config_global *global = &config->global;
	const struct config_relay *relay = &config->relays[0];

	ck_assert(global->workers == UNITS_AUTO && global->max_connections == UNITS_AUTO);
	ck_assert(global->memory_max == 256 << 20 && global->drain_timeout == 30000);
	ck_assert_str_eq(global->dump_file, "-");
	ck_assert(global->dump_format == DUMP_TEXT && global->log_level == LOG_LEVEL_INFO);
	ck_assert(global->log_connections && global->resolve_interval == 10000);
	ck_assert_str_eq(relay->name, "r");
	ck_assert(relay->listen_count == 1 && relay->target_count == 1);
	ck_assert(relay->limits[UPLOAD].high == 1 << 20 && relay->limits[UPLOAD].low == 512 << 10);
	ck_assert(relay->limits[DOWNLOAD].high == 1 << 20 && relay->limits[DOWNLOAD].low == 512 << 10);
	ck_assert(relay->splice == SPLICE_AUTO && relay->on_reset == ON_RESET_RESET);
	ck_assert(relay->max_connections == 0 && relay->max_connections_per_source == 0);
	ck_assert(relay->connect_timeout == 5000 && relay->connect_attempts == 3);
	ck_assert(relay->resolve_interval == UNITS_AUTO);
	ck_assert(relay->idle_timeout == 3600000 && relay->half_close_timeout == 600000);
	ck_assert(relay->stall_timeout == 3600000 && relay->tcp_nodelay && relay->tcp_keepalive);
	ck_assert(relay->vanish_timeout == 120000 && relay->min_rate == 0);
	ck_assert(relay->client_rcvbuf == UNITS_AUTO && relay->client_sndbuf == UNITS_AUTO);
	ck_assert(relay->target_rcvbuf == UNITS_AUTO && relay->target_sndbuf == UNITS_AUTO);
	ck_assert(relay->notsent_lowat == UNITS_AUTO);
	ck_assert(relay->keepalive_idle == UNITS_AUTO && relay->keepalive_interval == UNITS_AUTO);
	ck_assert(relay->keepalive_count == UNITS_AUTO);
	ck_assert(relay->target[0].weight == 1 && relay->backup_target_count == 0);
	ck_assert(relay->balance == BALANCE_ROUND_ROBIN && relay->when_down == WHEN_DOWN_TRY);
	ck_assert(relay->fail_limit == 3 && relay->fail_time == 10000);
	ck_assert(relay->check_interval == 0 && relay->check_timeout == 1000);
	ck_assert(relay->check_rise == 2 && relay->check_fall == 3);
	ck_assert(relay->slow_start == 0 && relay->retry_time == 0);
	ck_assert(relay->proxy_header_timeout == 5000 && relay->send_proxy == SEND_PROXY_OFF);
	ck_assert(relay->ipv6_source_prefix == 64 && relay->connect_on == CONNECT_ON_ACCEPT);
	ck_assert(relay->rate[UPLOAD] == 0 && relay->rate[DOWNLOAD] == 0 && relay->max_duration == 0);
	ck_assert(relay->relay_rate[UPLOAD] == 0 && relay->relay_rate[DOWNLOAD] == 0);
	config_put(config);
}
END_TEST

#define K 1024ull

/* Four keys that differ only in the place of an array. */
START_TEST(each_rate_has_its_own_place)
{
	struct config *config = load_good("[defaults]\nrelay_upload_rate = 3\n" RELAY
	                                  "upload_rate = 1\ndownload_rate = 2\nrelay_download_rate = 4\n");
	const struct config_relay *relay = &config->relays[0];

	ck_assert(relay->rate[UPLOAD] == 1 && relay->rate[DOWNLOAD] == 2);
	ck_assert(relay->relay_rate[UPLOAD] == 3 && relay->relay_rate[DOWNLOAD] == 4);
	config_put(config);
}
END_TEST

/* Settings in [defaults] and in a relay, and the upload and download watermarks that result. */
static const struct {
	const char *defaults, *relay;
	struct flow_limits limits[DIRECTIONS];
} marks[] = {
        {"high_watermark = 64K\n", "", {{64 * K, 32 * K}, {64 * K, 32 * K}}},
        {"", "high_watermark = 64K\n", {{64 * K, 32 * K}, {64 * K, 32 * K}}},
        {"", "high_watermark = 1\n", {{1, 0}, {1, 0}}},
        {"low_watermark = 4K\n", "high_watermark = 64K\n", {{64 * K, 4 * K}, {64 * K, 4 * K}}},
        {"", "upload_high_watermark = 64K\n", {{64 * K, 32 * K}, {1024 * K, 512 * K}}},
        {"", "download_low_watermark = 0\n", {{1024 * K, 512 * K}, {1024 * K, 0}}},
        {"upload_high_watermark = 64K\n", "", {{64 * K, 32 * K}, {1024 * K, 512 * K}}},
        /* the nearest section with a setting wins */
        {"upload_high_watermark = 64K\n",
         "high_watermark = 256K\n",
         {{256 * K, 128 * K}, {256 * K, 128 * K}}},
        {"download_low_watermark = 1K\n", "low_watermark = 2K\n", {{1024 * K, 2 * K}, {1024 * K, 2 * K}}},
        {"upload_high_watermark = 64K\n", "low_watermark = 2K\n", {{64 * K, 2 * K}, {1024 * K, 2 * K}}},
        {"high_watermark = 256K\n", "upload_high_watermark = 64K\n", {{64 * K, 32 * K}, {256 * K, 128 * K}}},
        {"", "high_watermark = 8K\nupload_high_watermark = 64K\n", {{64 * K, 32 * K}, {8 * K, 4 * K}}},
        {"upload_high_watermark = 64K\n",
         "upload_high_watermark = auto\n",
         {{1024 * K, 512 * K}, {1024 * K, 512 * K}}},
};

START_TEST(watermarks_follow_the_nearest_section)
{
	char text[512];
	struct config *config;

	/* [defaults] after the relay, as the order of sections does not matter */
	snprintf(text, sizeof(text), RELAY "%s[defaults]\n%s", marks[_i].relay, marks[_i].defaults);
	config = load_good(text);
	for (int i = 0; i < DIRECTIONS; i++) {
		ck_assert_uint_eq(config->relays[0].limits[i].high, marks[_i].limits[i].high);
		ck_assert_uint_eq(config->relays[0].limits[i].low, marks[_i].limits[i].low);
	}
	config_put(config);
}
END_TEST

START_TEST(options_override_their_section)
{
	struct config *config;
	static const char text[] =
	        "[global]\nworkers = 1\nmax_connections = 5\n[defaults]\nidle_timeout = 1s\n" RELAY
	        "stall_timeout = 2s\n";

	config = load_with(text, "workers=3", "idle_timeout=7s", "workers=4", "stall_timeout=9s",
	                   "max_connections=6", "defaults.max_connections=8", NULL);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->global.workers, 4);
	ck_assert_uint_eq(config->global.max_connections, 6);
	ck_assert_uint_eq(config->relays[0].max_connections, 8);
	ck_assert_uint_eq(config->relays[0].idle_timeout, 7000);
	ck_assert_uint_eq(config->relays[0].stall_timeout, 2000);
	config_put(config);
	config = load_with(text, "global.max_connections=9", NULL);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->global.max_connections, 9);
	config_put(config);
}
END_TEST

static const struct {
	const char *option, *error;
} bad_options[] = {
        {"workers", "option \"workers\" without \"=\"; expected KEY=VALUE"},
        {"workers=", "workers: \"\" is empty; expected auto or a number from 1 to 256"},
        {"workers=0", "workers: \"0\" is out of range; expected auto or a number from 1 to 256"},
        {"worker=1", "unknown key \"worker\"; did you mean \"workers\"?"},
        {"=1", "unknown key \"\"; expected one that relay.ini(5) lists"},
        {"listen=127.0.0.1:3", "key \"listen\" does not belong here; expected in [relay NAME]"},
        {"defaults.workers=1", "key \"workers\" does not belong here; expected in [global]"},
        {"relay.splice=off", "section \"relay\" of an option; expected global or defaults"},
        {".splice=off", "section \"\" of an option; expected global or defaults"},
        {"dump_file=a\nb",
         "dump_file: \"a?b\" is not valid; expected - or a path of at most 900 bytes without white space"},
        {"dump_file=a\xc2\x9b",
         "dump_file: \"a??\" is not valid; expected - or a path of at most 900 bytes without white space"},
        {"\x1b[1m=1", "unknown key \"?[1m\"; expected one that relay.ini(5) lists"},
        {"dump_file=#a",
         "dump_file: \"#a\" is not valid; expected - or a path of at most 900 bytes without white space"},
};

START_TEST(bad_options_are_named)
{
	char expected[256];

	snprintf(expected, sizeof(expected), "command line: %s\n", bad_options[_i].error);
	ck_assert_ptr_null(load_with(RELAY, bad_options[_i].option, NULL));
	ck_assert_str_eq(errors_text(), expected);
}
END_TEST

START_TEST(long_paths_are_refused)
{
	char option[1024] = "dump_file=";

	memset(option + strlen(option), 'x', 901);
	ck_assert_ptr_null(load_with(RELAY, option, NULL));
	ck_assert_ptr_nonnull(
	        strstr(errors_text(), "x\" is too long; expected - or a path of at most 900 bytes"));
}
END_TEST

START_TEST(errors_of_the_file_come_before_those_of_the_command_line)
{
	ck_assert_ptr_null(load_with("[global]\nworkers = x\n[relay r]\n", "splice=x", NULL));
	ck_assert_str_eq(errors_text(),
	                 "FILE:2: workers: \"x\" is not valid; expected auto or a number from 1 to 256\n"
	                 "FILE:3: relay \"r\" without listen; expected at least one \"listen = ADDRESS\"\n"
	                 "FILE:3: relay \"r\" without target; expected at least one \"target = ADDRESS\"\n"
	                 "command line: splice: \"x\" is not valid; expected auto or off\n");
}
END_TEST

/* Whichever allocation fails, there is no configuration and no error about anything else. */
START_TEST(without_memory_nothing_is_loaded)
{
	static const char text[] =
	        "[global]\ndump_file = /tmp/weir-dump\n[defaults]\nhigh_watermark = 64K\n" RELAY
	        "target = example.org:1\n[relay s]\nlisten = *:3\ntarget = 127.0.0.1:4\n"
	        "backup_target = 127.0.0.1:5 weight=3\nbackup_target = 127.0.0.1:6\n";
	struct config_request request = {.file = file};
	struct config *config = NULL;
	size_t failed = 0;

	write_file(text, strlen(text));
	while (!config) {
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		config = config_load(&request, &errors);
		fault_set(FAULT_MEMORY, 0, 0);
		for (size_t i = 0; i < errors.count; i++)
			ck_assert_ptr_nonnull(strstr(errors.text[i], "out of memory"));
		config_errors_deinit(&errors);
	}
	ck_assert_uint_gt(failed, 15);
	config_put(config);
}
END_TEST

/* An error that cannot be stored completely is dropped and freed. */
START_TEST(complaints_without_memory_are_freed)
{
	static const char text[] = RELAY "splice = on\non_reset = off\ntarget = unix:/a\n[relay r]\n";
	struct config_request request = {.file = file};
	size_t failed = 0;

	write_file(text, strlen(text));
	do {
		config_errors_deinit(&errors);
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		ck_assert_ptr_null(config_load(&request, &errors));
		fault_set(FAULT_MEMORY, 0, 0);
	} while (errors.count < 5 || strstr(errors_text(), "out of memory"));
	ck_assert_uint_gt(failed, 15);
}
END_TEST

START_TEST(command_line_makes_a_relay)
{
	char *listen[] = {(char[]){"127.0.0.1:0"}, (char[]){"unix:@a"}};
	char *target[] = {(char[]){"db:5432"}};
	struct config_request request = {
	        .listen = listen, .listen_count = 2, .target = target, .target_count = 1};
	struct config *config = config_load(&request, &errors);

	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->relay_count, 1);
	ck_assert_str_eq(config->relays[0].name, "command-line");
	ck_assert_uint_eq(config->relays[0].listen_count, 2);
	ck_assert_str_eq(config->relays[0].target[0].address.host, "db");
	ck_assert_uint_eq(config->relays[0].limits[UPLOAD].high, 1 << 20);
	config_put(config);

	write_file(RELAY, strlen(RELAY));
	request.file = file;
	config = config_load(&request, &errors);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->relay_count, 2);
	config_put(config);
}
END_TEST

START_TEST(louder_counts_from_what_the_file_says)
{
	static const struct {
		const char *level;
		int louder;
		enum log_level expected;
	} cases[] = {
	        {"notice", 0, LOG_LEVEL_NOTICE},  {"notice", 1, LOG_LEVEL_INFO},
	        {"info", -1, LOG_LEVEL_NOTICE},   {"info", 9, LOG_LEVEL_DEBUG},
	        {"warning", -9, LOG_LEVEL_ERROR},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config_request request = {.file = file, .louder = cases[i].louder};
		struct config *config;
		char text[200];

		snprintf(text, sizeof(text), "[global]\nlog_level = %s\n" RELAY, cases[i].level);
		write_file(text, strlen(text));
		config = config_load(&request, &errors);
		ck_assert_ptr_nonnull(config);
		ck_assert_int_eq(config->global.log_level, cases[i].expected);
		config_put(config);
	}
}
END_TEST

START_TEST(bad_command_lines_are_named)
{
	char one[] = "127.0.0.1:1", two[] = "127.0.0.1:2", junk[] = "x";

	check_command_line(NULL, NULL, NULL, NULL,
	                   "command line: no relay; expected --listen and --target, or a file\n");
	check_command_line(
	        one, NULL, NULL, NULL,
	        "command line: no --target; expected --listen ADDRESS and --target ADDRESS together\n");
	check_command_line(
	        NULL, NULL, one, NULL,
	        "command line: no --listen; expected --listen ADDRESS and --target ADDRESS together\n");
	check_command_line(junk, NULL, one, NULL,
	                   "command line: listen: \"x\" is not an address; expected " EXPECT_LISTEN "\n");
	check_command_line(one, one, two, NULL,
	                   "command line: duplicate listening address \"127.0.0.1:1\"; the first is on the "
	                   "command line\n");
	check_command_line(
	        one, NULL, two, RELAY,
	        "command line: duplicate listening address \"127.0.0.1:1\"; the first is in line 2\n");
	check_command_line(one, NULL, two,
	                   "[relay command-line]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:2\n",
	                   "command line: duplicate relay \"command-line\"; the first is in line 1\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, good_lines_are_taken, 0, COUNT(good));
	tcase_add_loop_test(tcase, bad_lines_are_named, 0, COUNT(bad));
	tcase_add_test(tcase, nul_bytes_are_refused);
	tcase_add_test(tcase, long_lines_are_never_cut);
	tcase_add_test(tcase, only_a_regular_file_is_read);
	tcase_add_test(tcase, file_is_limited);
	tcase_add_test(tcase, many_relays_load_quickly);
	tcase_add_test(tcase, defaults_are_those_of_the_contract);
	tcase_add_test(tcase, each_rate_has_its_own_place);
	tcase_add_loop_test(tcase, watermarks_follow_the_nearest_section, 0, COUNT(marks));
	tcase_add_test(tcase, options_override_their_section);
	tcase_add_loop_test(tcase, bad_options_are_named, 0, COUNT(bad_options));
	tcase_add_test(tcase, long_paths_are_refused);
	tcase_add_test(tcase, errors_of_the_file_come_before_those_of_the_command_line);
	tcase_add_test(tcase, without_memory_nothing_is_loaded);
	tcase_add_test(tcase, complaints_without_memory_are_freed);
	tcase_add_test(tcase, command_line_makes_a_relay);
	tcase_add_test(tcase, louder_counts_from_what_the_file_says);
	tcase_add_test(tcase, bad_command_lines_are_named);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
