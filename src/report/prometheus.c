#include "build_config.h"

#include "report/prometheus.h"

#include "base/printable.h"
#include "report/fields.h"
#include "report/target_sums.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct exposition {
	FILE *out;
	const struct report *report;
	const struct target_sum *targets;
	size_t target_count;
	bool labelled; /* the sample that is being written has a label */
	/* Memory streams do not remember a failure, so every write is checked, and nothing follows one. */
	bool failed;
};

enum unit { UNIT_ONE, UNIT_MS, UNIT_US };

/* Metrics of one name. write puts all their samples. */
struct family {
	const char *name, *type, *help;
	void (*write)(struct exposition *to, const struct family *family);
	size_t offset;  /* of the number, or numbers, in the record that write knows */
	enum unit unit; /* of the record; metrics have seconds and bytes */
};

/* ---- samples ---- */

static void put(struct exposition *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct exposition *to, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	to->failed = to->failed || vfprintf(to->out, format, arguments) < 0;
	va_end(arguments);
}

/* Bytes that are no text are put as \xff. They may be different ones, and each series is there once. */
static void put_escaped(struct exposition *to, const char *text)
{
	size_t length = strnlen(text, ADDRESS_TEXT_MAX);
	char clean[ADDRESS_TEXT_MAX];

	memcpy(clean, text, length);
	printable_line(clean, length);
	for (size_t i = 0; i < length; i++)
		if (clean[i] != text[i])
			put(to, "\\\\x%02x", (unsigned char)text[i]);
		else
			put(to, "%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "", text[i]);
}

static void label(struct exposition *to, const char *name, const char *text)
{
	put(to, "%s%s=\"", to->labelled ? "," : "{", name);
	put_escaped(to, text);
	put(to, "\"");
	to->labelled = true;
}

static void begin(struct exposition *to, const struct family *family)
{
	put(to, "%s", family->name);
	to->labelled = false;
}

static void end(struct exposition *to, const struct family *family, uint64_t number)
{
	const char *close = to->labelled ? "}" : "";

	if (family->unit == UNIT_MS)
		put(to, "%s %" PRIu64 ".%03u\n", close, number / 1000, (unsigned)(number % 1000));
	else if (family->unit == UNIT_US)
		put(to, "%s %" PRIu64 ".%06u\n", close, number / 1000000, (unsigned)(number % 1000000));
	else
		put(to, "%s %" PRIu64 "\n", close, number);
}

static uint64_t number_at(const void *record, size_t offset)
{
	return *(const uint64_t *)((const char *)record + offset);
}

/* ---- the process ---- */

static void write_process(struct exposition *to, const struct family *family)
{
	begin(to, family);
	end(to, family, number_at(&to->report->process, family->offset));
}

static void write_build(struct exposition *to, const struct family *family)
{
	begin(to, family);
	label(to, "version", to->report->process.version);
	end(to, family, 1);
}

static void write_draining(struct exposition *to, const struct family *family)
{
	begin(to, family);
	end(to, family, to->report->process.draining);
}

static void write_results(struct exposition *to, const struct family *family, uint64_t successes,
                          uint64_t failures)
{
	begin(to, family);
	label(to, "result", "success");
	end(to, family, successes);
	begin(to, family);
	label(to, "result", "failure");
	end(to, family, failures);
}

static void write_reloads(struct exposition *to, const struct family *family)
{
	const struct process_record *process = &to->report->process;

	write_results(to, family, process->reloads, process->reload_failures);
}

static void write_takeovers(struct exposition *to, const struct family *family)
{
	const struct process_record *process = &to->report->process;

	write_results(to, family, process->takeovers, process->takeover_failures);
}

static void write_workers(struct exposition *to, const struct family *family)
{
	char number[24];

	for (size_t i = 0; i < to->report->part_count; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		begin(to, family);
		label(to, "worker", number);
		end(to, family, to->report->parts[i].pair_count);
	}
}

/* ---- relays ---- */

static void write_relays(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->report->relay_count; i++) {
		begin(to, family);
		label(to, "relay", to->report->relays[i].name);
		end(to, family, number_at(&to->report->relays[i], family->offset));
	}
}

/* A number for each of two words. That of the second is so many bytes after that of the first. */
static void write_two(struct exposition *to, const struct family *family, const char *name,
                      const char *const words[DIRECTIONS], size_t distance)
{
	for (size_t i = 0; i < to->report->relay_count; i++)
		for (size_t j = 0; j < DIRECTIONS; j++) {
			const struct relay_record *relay = &to->report->relays[i];
			uint64_t number = number_at(relay, family->offset + j * distance);

			if (number == RECORD_UNKNOWN)
				continue;
			begin(to, family);
			label(to, "relay", relay->name);
			label(to, name, words[j]);
			end(to, family, number);
		}
}

static const char *const directions[DIRECTIONS] = {[UPLOAD] = "upload", [DOWNLOAD] = "download"};
static const char *const sources[DIRECTIONS] = {[UPLOAD] = "client", [DOWNLOAD] = "target"};

static void write_directions(struct exposition *to, const struct family *family)
{
	write_two(to, family, "direction", directions, sizeof(uint64_t));
}

static void write_limits(struct exposition *to, const struct family *family)
{
	write_two(to, family, "direction", directions, sizeof(struct flow_limits));
}

static void write_sides(struct exposition *to, const struct family *family)
{
	write_two(to, family, "side", sources, sizeof(uint64_t));
}

static void write_reasons(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->report->relay_count; i++)
		for (size_t reason = REASON_NONE + 1; reason < REASONS; reason++) {
			begin(to, family);
			label(to, "relay", to->report->relays[i].name);
			label(to, "reason", reasons[reason].name);
			end(to, family, to->report->relays[i].counters.closed[reason]);
		}
}

#define BIT(why) (1U << (why))
/* Verdicts that are there with 0 too. All others would be twice as many, and are hardly ever met. */
static const unsigned common[BLAMES] = {
        [BLAME_NONE] = BIT(WHY_IDLE),
        [BLAME_CLIENT] =
                BIT(WHY_READING) | BIT(WHY_PATH) | BIT(WHY_SENDING) | BIT(WHY_THINKING) | BIT(WHY_UNANSWERED),
        [BLAME_TARGET] = BIT(WHY_READING) | BIT(WHY_PATH) | BIT(WHY_SENDING) | BIT(WHY_ANSWER) |
                         BIT(WHY_CONNECTING) | BIT(WHY_UNANSWERED),
        [BLAME_RELAY] = BIT(WHY_MEMORY) | BIT(WHY_RATE) | BIT(WHY_BUFFER) | BIT(WHY_CPU),
};

static void write_verdict(struct exposition *to, const struct family *family,
                          const struct relay_record *relay, struct verdict verdict)
{
	uint32_t pairs = relay->verdicts[verdict.slow][verdict.why];

	if (pairs == 0 && !(common[verdict.slow] & BIT(verdict.why)))
		return;
	begin(to, family);
	label(to, "relay", relay->name);
	label(to, "slow", blame_word(verdict.slow));
	label(to, "why", why_word(verdict.why));
	end(to, family, pairs);
}

static void write_verdicts(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->report->relay_count; i++)
		for (size_t j = 0; j < (size_t)BLAMES * WHYS; j++) {
			const struct verdict verdict = {(enum blame)(j / WHYS), (enum why)(j % WHYS)};

			write_verdict(to, family, &to->report->relays[i], verdict);
		}
}

/* ---- targets ---- */

static void begin_target(struct exposition *to, const struct family *family, const struct target_sum *target)
{
	begin(to, family);
	label(to, "relay", target->relay);
	label(to, "target", target->target);
}

static void write_targets(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->target_count; i++) {
		begin_target(to, family, &to->targets[i]);
		end(to, family, number_at(&to->targets[i], family->offset));
	}
}

/* Those that only have pairs left are neither up nor down. */
static void write_up(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->target_count; i++) {
		if (!to->targets[i].configured)
			continue;
		begin_target(to, family, &to->targets[i]);
		end(to, family, to->targets[i].addresses[TARGET_UP] > 0);
	}
}

static void write_addresses(struct exposition *to, const struct family *family)
{
	for (size_t i = 0; i < to->target_count; i++)
		for (size_t state = 0; to->targets[i].configured && state < TARGET_STATES; state++) {
			begin_target(to, family, &to->targets[i]);
			label(to, "state", target_state_word((enum target_state)state));
			end(to, family, to->targets[i].addresses[state]);
		}
}

/* ---- all of them ---- */

#define PROCESS(field)      .write = write_process, .offset = offsetof(struct process_record, field)
#define RELAY(field)        .write = write_relays, .offset = offsetof(struct relay_record, field)
#define BY_DIRECTION(field) .write = write_directions, .offset = offsetof(struct relay_record, field)
#define TARGET(field)       .write = write_targets, .offset = offsetof(struct target_sum, field)

/* The only list of them; weir-metrics(7) explains each. */
static const struct family families[] = {
        {"weir_build_info", "gauge", "The version of weir that runs.", .write = write_build},
        {"weir_uptime_seconds", "gauge", "Time since the start.", PROCESS(uptime_ms), .unit = UNIT_MS},
        {"weir_draining", "gauge", "1 while weir stops and lets no client in.", .write = write_draining},
        {"weir_memory_used_bytes", "gauge", "Memory that queues hold.", PROCESS(used)},
        {"weir_memory_max_bytes", "gauge", "The most that they may hold, memory_max.", PROCESS(memory_max)},
        {"weir_pairs_max", "gauge", "The most pairs there may be, max_connections.", PROCESS(pairs_max)},
        {"weir_worker_pairs", "gauge", "Pairs of a worker.", .write = write_workers},
        {"weir_log_lines_dropped_total", "counter", "Lines of the log that could not be written.",
         PROCESS(dropped_lines)},
        {"weir_lookups_total", "counter", "Look-ups of host names that have ended.", PROCESS(lookups)},
        {"weir_lookup_failures_total", "counter", "Those of them that found no address.",
         PROCESS(lookup_failures)},
        {"weir_reloads_total", "counter", "Reloads of the configuration.", .write = write_reloads},
        {"weir_takeovers_total", "counter", "Times that another program was to take over.",
         .write = write_takeovers},

        {"weir_pairs", "gauge", "Pairs of a relay.", RELAY(pairs)},
        {"weir_accepted_total", "counter", "Clients accepted.", RELAY(counters.accepted)},
        {"weir_refused_total", "counter", "Clients reset at once, because of a limit or for lack of memory.",
         RELAY(counters.refused)},
        {"weir_denied_total", "counter", "Clients reset because of allow and deny.",
         RELAY(counters.closed[REASON_DENIED])},
        {"weir_connect_failures_total", "counter", "Clients reset because no target could be connected.",
         RELAY(counters.connect_failed)},
        {"weir_shortages_total", "counter", "Times that accepting or connecting lacked something of weir's.",
         RELAY(counters.shortages)},
        {"weir_closed_total", "counter", "Pairs that have ended, by reason.", .write = write_reasons},
        {"weir_bytes_total", "counter", "Bytes written to the sinks.", BY_DIRECTION(counters.bytes)},
        {"weir_pauses_total", "counter", "Times that a source was paused.", BY_DIRECTION(counters.pauses)},
        {"weir_paused_seconds_total", "counter", "Time for which sources were paused, over all pairs.",
         BY_DIRECTION(counters.paused_ms), .unit = UNIT_MS},
        {"weir_waited_seconds_total", "counter", "Time that pairs have waited for a side, over all pairs.",
         .write = write_sides, .offset = offsetof(struct relay_record, counters.waited_us), .unit = UNIT_US},
        {"weir_queued_bytes", "gauge", "Bytes in the queues of all pairs.", BY_DIRECTION(queued)},
        {"weir_longest_queue_bytes", "gauge", "Bytes in the longest queue of a pair.", BY_DIRECTION(longest)},
        {"weir_high_watermark_bytes", "gauge", "Length of a queue at which its source is paused.",
         .write = write_limits, .offset = offsetof(struct relay_record, limits[0].high)},
        {"weir_low_watermark_bytes", "gauge", "Length of a queue at which its source is resumed.",
         .write = write_limits, .offset = offsetof(struct relay_record, limits[0].low)},
        {"weir_verdict_pairs", "gauge", "Pairs by the side that holds them up, and why.",
         .write = write_verdicts},

        {"weir_target_up", "gauge", "1 if an address of the target is up.", .write = write_up},
        {"weir_target_addresses", "gauge", "Addresses of a target by state.", .write = write_addresses},
        {"weir_target_pairs", "gauge", "Pairs of a target.", TARGET(pairs)},
        {"weir_target_connects_total", "counter", "Connections made.", TARGET(totals.connects)},
        {"weir_target_connect_failures_total", "counter", "Connections that failed.",
         TARGET(totals.failures)},
        {"weir_target_checks_total", "counter", "Checks made.", TARGET(totals.checks)},
        {"weir_target_check_failures_total", "counter", "Those of them that failed.",
         TARGET(totals.check_failures)},
};

static void write_family(struct exposition *to, const struct family *family)
{
	put(to, "# HELP %s %s\n", family->name, family->help);
	put(to, "# TYPE %s %s\n", family->name, family->type);
	family->write(to, family);
}

int report_write_prometheus(const struct report *report, FILE *out)
{
	struct exposition to = {.out = out, .report = report};
	struct target_sum *targets = target_sums_new(report, &to.target_count);

	if (!targets)
		return -ENOMEM;
	to.targets = targets;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		write_family(&to, &families[i]);
	free(targets);
	return to.failed ? -EIO : 0;
}
