#include "build_config.h"

#include "base/log_line.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* more than Check's time limit */
#define STAMP       "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}[+-][0-9]{2}:[0-9]{2}"

static int saved_stderr;
static int out[2];                  /* a pipe; its writing end is standard error */
static char got[2 * LOG_BYTES_MAX]; /* everything read from the pipe */
static size_t got_length;

static void setup(void)
{
	unsetenv("JOURNAL_STREAM");
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(dup2(out[1], STDERR_FILENO), STDERR_FILENO);
	close(out[1]);
	got_length = 0;
	got[0] = '\0';
}

static void teardown(void)
{
	close(out[0]);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

static void read_some(void)
{
	ssize_t n = read(out[0], got + got_length, sizeof(got) - 1 - got_length);

	ck_assert_int_gt(n, 0);
	got_length += (size_t)n;
	got[got_length] = '\0';
}

/* Reads until the output has a line that ends with text. Only Check's time limit bounds the wait. */
static void read_until(const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "%s\n", text);
	while (!strstr(got, line))
		read_some();
}

static void assert_matches(const char *pattern)
{
	regex_t regex;

	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&regex, got, 0, NULL, 0) == 0, "%s does not match %s", got, pattern);
	regfree(&regex);
}

static void *read_all(void *arg)
{
	ssize_t n;

	(void)arg;
	while ((n = read(out[0], got + got_length, sizeof(got) - 1 - got_length)) > 0)
		got_length += (size_t)n;
	got[got_length] = '\0';
	return NULL;
}

/* Writes what is queued, ends the log's thread, writes one more line, and reads all the output. */
static void stop_and_read_all(const char *last)
{
	pthread_t reader;

	ck_assert_int_eq(pthread_create(&reader, NULL, read_all, NULL), 0);
	log_stop(PATIENCE_MS);
	if (last)
		log_info("%s", last);
	dup2(saved_stderr, STDERR_FILENO); /* closes the last writing end */
	pthread_join(reader, NULL);
}

static void stderr_from(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

START_TEST(test_levels)
{
	enum log_level level = LOG_LEVEL_ERROR;

	ck_assert_int_eq(log_level_parse("debug", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_level_parse("Debug", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		ck_assert_int_eq((int)level, i);
	}
	ck_assert(log_wants(LOG_LEVEL_INFO));
	ck_assert(!log_wants(LOG_LEVEL_DEBUG));
}
END_TEST

START_TEST(test_level_filters)
{
	log_set_level(LOG_LEVEL_WARNING);
	log_notice("not this");
	log_warning("but this");
	read_until("but this");
	ck_assert_ptr_null(strstr(got, "not this"));
}
END_TEST

START_TEST(test_direct_line)
{
	log_info("answer %d", 42);
	read_until("answer 42");
	assert_matches("^" STAMP " info answer 42\n$");
}
END_TEST

static const struct {
	const char *tz, *offset;
} zones[] = {
        {"UTC0", "\\+00:00"},
        {"AAA-05:30", "\\+05:30"},
        {"BBB+03:30", "-03:30"},
        {"CCC+00:30", "-00:30"},
};

START_TEST(test_offset)
{
	char pattern[64];

	setenv("TZ", zones[_i].tz, 1);
	tzset();
	log_error("x");
	read_until("x");
	snprintf(pattern, sizeof(pattern), "^[0-9T:.-]{23}%s error x\n$", zones[_i].offset);
	assert_matches(pattern);
}
END_TEST

static void set_journal_stream(ino_t more)
{
	struct stat st;
	char text[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)(st.st_ino + more));
	setenv("JOURNAL_STREAM", text, 1);
}

START_TEST(test_journal_prefix)
{
	set_journal_stream(0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_notice("c");
	ck_assert_int_eq(log_start(), 0);
	log_info("d");
	log_debug("e");
	stop_and_read_all(NULL);
	ck_assert_str_eq(got, "<3>a\n<4>b\n<5>c\n<6>d\n<7>e\n");
}
END_TEST

/* A program started by a service inherits the variable, even if its own standard error goes elsewhere. */
START_TEST(test_journal_stream_of_another)
{
	set_journal_stream(1);
	log_info("x");
	read_until("x");
	assert_matches("^" STAMP " info x\n$");
}
END_TEST

START_TEST(test_control_characters)
{
	log_info("a\nb\tc\033[1md\177e\xc3\xa4\xc2\x9b"
	         "f\x9bg");
	read_until("a?b?c?[1md?e\xc3\xa4??f?g");
}
END_TEST

START_TEST(test_long_line_is_cut)
{
	char text[3000];
	const char *shown;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	read_until("x");
	shown = strchr(got, 'x');
	ck_assert_ptr_nonnull(shown);
	ck_assert_uint_eq(strspn(shown, "x"), 2048);
}
END_TEST

static void *log_another_error(void *arg)
{
	(void)arg;
	ck_assert_ptr_null(log_last_error());
	log_error("of another thread");
	return NULL;
}

START_TEST(test_last_error)
{
	char text[1000] = "";
	pthread_t thread;

	ck_assert_ptr_null(log_last_error());
	log_error("no room for %s", "it");
	log_warning("something else");
	ck_assert_int_eq(pthread_create(&thread, NULL, log_another_error, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_str_eq(log_last_error(), "no room for it");
	memset(text, 'x', sizeof(text) - 1);
	log_error("%s", text);
	ck_assert_uint_eq(strlen(log_last_error()), 511);
	log_forget_error();
	ck_assert_ptr_null(log_last_error());
}
END_TEST

START_TEST(test_errno_is_left_alone)
{
	ck_assert_int_eq(log_start(), 0);
	errno = ENOENT;
	log_info("x");
	ck_assert_int_eq(errno, ENOENT);
	log_stop(PATIENCE_MS);
}
END_TEST

START_TEST(test_order_over_start_and_stop)
{
	set_journal_stream(0);
	log_info("before");
	ck_assert_int_eq(log_start(), 0);
	ck_assert_int_eq(log_start(), -EBUSY);
	for (int i = 0; i < 3; i++)
		log_info("%d", i);
	log_stop(PATIENCE_MS);
	log_stop(PATIENCE_MS);
	stop_and_read_all("after");
	ck_assert_str_eq(got, "<6>before\n<6>0\n<6>1\n<6>2\n<6>after\n");
}
END_TEST

/* Long and short lines in turn. A short one would fit where a long one did not. */
static int width_of(int number)
{
	return number % 2 ? 1900 : 1;
}

static void write_numbered(int from, int to)
{
	for (int i = from; i < to; i++)
		log_info("number %06d %0*d", i, width_of(i), 0);
}

/*
 * Checks that the numbers run from 0 to total - 1, and that a line in place of each gap counts the missing
 * ones. Returns how many are missing.
 */
static uint64_t check_numbers(int total)
{
	uint64_t missing = 0;
	int expected = 0;
	char *rest = NULL;

	for (char *line = strtok_r(got, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t count;
		int number;

		if (sscanf(line, "<6>number %d", &number) == 1) {
			ck_assert_int_eq(number, expected);
			ck_assert_uint_eq(strlen(line),
			                  strlen("<6>number 000000 ") + (size_t)width_of(number));
			expected++;
		} else if (sscanf(line, "<4>log: %" SCNu64 " lines dropped", &count) == 1) {
			missing += count;
			expected += (int)count;
		} else {
			ck_assert_str_eq(line, "<6>last");
		}
	}
	ck_assert_int_eq(expected, total);
	return missing;
}

/*
 * With and without O_NONBLOCK on the pipe. Nobody reads at first, so a caller that stalls would never finish.
 */
START_TEST(test_full_pipe)
{
	const int many = LOG_BYTES_MAX / 900;

	set_journal_stream(0);
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	if (_i)
		fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(log_start(), 0);
	write_numbered(0, many);
	ck_assert_uint_gt(log_dropped_lines(), 0); /* known while nobody reads */
	stop_and_read_all("last");
	ck_assert_ptr_nonnull(strstr(got, "<6>last\n"));
	ck_assert_uint_eq(check_numbers(many), log_dropped_lines());
}
END_TEST

/* While the queue has room, a slow reader loses no line. */
START_TEST(test_slow_reader)
{
	set_journal_stream(0);
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	if (_i)
		fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(log_start(), 0);
	write_numbered(0, 500);
	stop_and_read_all(NULL);
	ck_assert_uint_eq(check_numbers(500), 0);
}
END_TEST

/* KiB of memory that this process has in its own pages. */
static uint64_t resident_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	uint64_t kib = 0;
	char line[128];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		(void)sscanf(line, "RssAnon: %" SCNu64, &kib);
	fclose(file);
	ck_assert_uint_gt(kib, 0);
	return kib;
}

/*
 * Thousands of pairs that end at once, while the log's reader is away. All lines wait for it, and afterwards
 * their memory goes back to the system, whichever batch had them.
 */
START_TEST(burst_waits_and_gives_its_memory_back)
{
	const int many = LOG_BYTES_MAX / 1000; /* of 980 bytes each */
	uint64_t before;

	set_journal_stream(0);
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	memset(got, 'x', sizeof(got)); /* it has its memory from now on */
	ck_assert_int_eq(log_start(), 0);
	before = resident_kib();
	write_numbered(0, many);
	ck_assert_uint_eq(log_dropped_lines(), 0);
	ck_assert_uint_gt(resident_kib(), before + LOG_BYTES_MAX / 1024 * 3 / 4);
	stop_and_read_all("last");
#ifndef __SANITIZE_THREAD__ /* it keeps notes of each byte, and these stay */
	ck_assert_uint_lt(resident_kib(), before + LOG_BYTES_MAX / 1024 / 4);
#endif
	ck_assert_uint_eq(check_numbers(many), 0);
}
END_TEST

START_TEST(test_stop_does_not_wait_for_a_reader)
{
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	ck_assert_int_eq(log_start(), 0);
	write_numbered(0, 100);
	log_stop(10);
	write_numbered(100, 200);
	log_stop(10);
	ck_assert_int_eq(log_start(), -EBUSY);
	while (!strstr(got, "number 000199 "))
		read_some();
	/* Once it has written everything, the thread ends by itself. */
	while (log_start() == -EBUSY)
		poll(NULL, 0, 1);
	log_stop(PATIENCE_MS);
}
END_TEST

START_TEST(test_full_disk)
{
	int pipe_end = dup(STDERR_FILENO);

	set_journal_stream(0);
	stderr_from("/dev/full", O_WRONLY);
	ck_assert_int_eq(log_start(), 0);
	for (int i = 0; i < 3; i++)
		log_info("lost");
	log_stop(PATIENCE_MS);
	dup2(pipe_end, STDERR_FILENO);
	close(pipe_end);
	log_info("room again");
	stop_and_read_all(NULL);
	ck_assert_str_eq(got, "<4>log: 3 lines dropped, standard error did not take them\n<6>room again\n");
	ck_assert_uint_eq(log_dropped_lines(), 3);
}
END_TEST

/* The file takes only part of a line. The next line still starts on a line of its own. */
START_TEST(test_torn_line)
{
	struct rlimit limit, saved;
	char path[] = "/tmp/test_log.XXXXXX";
	FILE *file;

	close(mkstemp(path));
	stderr_from(path, O_WRONLY | O_APPEND);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = 60;
	ck_assert_int_eq(log_start(), 0);
	setrlimit(RLIMIT_FSIZE, &limit); /* no assertion under this limit: each writes to a file */
	log_info("%080d", 0);
	log_stop(PATIENCE_MS);
	setrlimit(RLIMIT_FSIZE, &saved);
	log_info("whole");
	log_stop(PATIENCE_MS);
	file = fopen(path, "r");
	unlink(path);
	got_length = fread(got, 1, sizeof(got) - 1, file);
	got[got_length] = '\0';
	fclose(file);
	assert_matches("^" STAMP " info 0{1,79}\n" STAMP " warning log: 1 lines dropped[^\n]*\n" STAMP
	               " info whole\n$");
}
END_TEST

/*
 * The file takes the first two of four lines, and half of the third or nothing of it. However many of them
 * are written at once, the same is missing.
 */
START_TEST(test_batch_that_is_cut)
{
	const size_t line = strlen("<6>") + 40 + 1;
	struct rlimit limit, saved;
	char path[] = "/tmp/test_log.XXXXXX", expected[512];
	FILE *file;

	close(mkstemp(path));
	stderr_from(path, O_WRONLY | O_APPEND);
	set_journal_stream(0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = 2 * line + (_i ? line / 2 : 0);
	ck_assert_int_eq(log_start(), 0);
	setrlimit(RLIMIT_FSIZE, &limit); /* no assertion under this limit: each writes to a file */
	for (int i = 0; i < 4; i++)
		log_info("%040d", i);
	log_stop(PATIENCE_MS);
	setrlimit(RLIMIT_FSIZE, &saved);
	log_info("whole");
	file = fopen(path, "r");
	unlink(path);
	got_length = fread(got, 1, sizeof(got) - 1, file);
	got[got_length] = '\0';
	fclose(file);
	snprintf(
	        expected, sizeof(expected),
	        "<6>%040d\n<6>%040d\n%s<4>log: 2 lines dropped, standard error did not take them\n<6>whole\n",
	        0, 1, _i ? "<6>0000000000000000000\n" : "");
	ck_assert_str_eq(got, expected);
	ck_assert_uint_eq(log_dropped_lines(), 2);
}
END_TEST

/* Each packet is one call that wrote. */
static unsigned packets_until(int socket, const char *last)
{
	unsigned packets = 0;
	static char packet[512 * 1024];

	for (;;) {
		ssize_t n = read(socket, packet, sizeof(packet) - 1);

		ck_assert_int_gt(n, 0);
		packet[n] = '\0';
		packets++;
		if (strstr(packet, last))
			return packets;
	}
}

static int stderr_to_packets(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

/* A call for each line used to cost as much as the rest of a short connection. */
START_TEST(lines_of_a_storm_are_written_together)
{
	int packets = stderr_to_packets();

	ck_assert_int_eq(log_start(), 0);
	for (int i = 0; i < 2000; i++)
		log_info("number %d", i);
	log_info("last");
	ck_assert_uint_le(packets_until(packets, " info last\n"), 100);
	log_stop(PATIENCE_MS);
	close(packets);
}
END_TEST

#define DELAYS 21

static int compare_delays(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

/* How long lines that follow on another take to be written, in ns: some tries, the best of them first. */
static void measure_delays(int packets, void (*write_lines)(void), uint64_t delays[DELAYS])
{
	for (int i = 0; i < DELAYS; i++) {
		struct timespec from, to;

		poll(NULL, 0, 20); /* the thread has nothing to do by now */
		log_info("first");
		packets_until(packets, "first");
		clock_gettime(CLOCK_MONOTONIC, &from);
		write_lines();
		packets_until(packets, "last");
		clock_gettime(CLOCK_MONOTONIC, &to);
		delays[i] = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 + (uint64_t)to.tv_nsec -
		            (uint64_t)from.tv_nsec;
	}
	qsort(delays, DELAYS, sizeof(delays[0]), compare_delays);
}

static uint64_t least_delay(int packets, void (*write_lines)(void))
{
	uint64_t delays[DELAYS];

	measure_delays(packets, write_lines, delays);
	return delays[0];
}

/* On a busy machine, a rest may be over before the line is written that has to wait for its end. */
static uint64_t usual_delay(int packets, void (*write_lines)(void))
{
	uint64_t delays[DELAYS];

	measure_delays(packets, write_lines, delays);
	return delays[DELAYS / 2];
}

static void write_info(void)
{
	log_info("last");
}

static void write_notice(void)
{
	log_notice("last");
}

static void write_much(void)
{
	for (int i = 0; i < 90; i++)
		log_info("%01500d%s", 0, i == 89 ? "last" : "");
}

/* The thread rests between writes, but not while something urgent or much waits. */
START_TEST(only_what_can_wait_waits)
{
	int packets = stderr_to_packets();
	uint64_t rested;

	ck_assert_int_eq(log_start(), 0);
	rested = usual_delay(packets, write_info);
	ck_assert_uint_gt(rested, 2 * least_delay(packets, write_notice));
	ck_assert_uint_gt(rested, 2 * least_delay(packets, write_much));
	log_stop(PATIENCE_MS);
	close(packets);
}
END_TEST

START_TEST(line_of_pieces)
{
	struct log_line line = {.length = 0};
	char text[LOG_LINE_MAX];

	set_journal_stream(0);
	log_line_add(&line, "a\tb");
	log_line_add_number(&line, " none=", 0);
	log_line_add_number(&line, " all=", UINT64_MAX);
	log_line_write(&line, LOG_LEVEL_INFO);
	read_until("<6>a?b none=0 all=18446744073709551615");
	line.length = 0;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_line_add(&line, text);
	log_line_add_number(&line, "", 987);
	log_line_add(&line, "more");
	log_line_write(&line, LOG_LEVEL_INFO);
	read_until("x9");
}
END_TEST

START_TEST(test_nobody_reads)
{
	char late[256] = "";
	int again[2];

	close(out[0]);
	ck_assert_int_eq(log_start(), 0);
	log_info("a");
	log_info("b");
	log_stop(PATIENCE_MS);
	ck_assert_int_eq(pipe(again), 0);
	dup2(again[1], STDERR_FILENO);
	log_info("c");
	ck_assert_int_gt(read(again[0], late, sizeof(late) - 1), 0);
	ck_assert_ptr_nonnull(strstr(late, "log: 2 lines dropped"));
	close(again[0]);
	close(again[1]);
	out[0] = open("/dev/null", O_RDONLY); /* teardown closes it */
}
END_TEST

/* What a block has: numbered lines of 114 bytes, and one that is longer than log_write allows. */
struct content {
	int lines;
	_Atomic int written;
	sem_t *gate; /* to pass after the first line; NULL: none */
};
#define CONTENT_LINE 114

static int write_content(void *arg, FILE *stream)
{
	struct content *content = arg;

	for (int i = 0; i < content->lines; i++) {
		fprintf(stream, "block %06d %0100d\n", i, 0);
		content->written++;
		if (content->gate && i == 0) {
			fflush(stream);
			while (sem_wait(content->gate) != 0)
				;
		}
	}
	fprintf(stream, "long %05000d end\tof block\n", 0);
	return -ENOTTY;
}

static void *block_thread(void *content)
{
	ck_assert_int_eq(log_block(write_content, content), -ENOTTY);
	return NULL;
}

static pthread_t begin_block(struct content *content)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, block_thread, content), 0);
	while (!strstr(got, "<5>block 000000"))
		read_some();
	return thread;
}

/* How many consecutive lines of the block there are at text. */
static int lines_of_block(const char *text)
{
	int lines = 0, number;

	while (sscanf(text, "<5>block %6d", &number) == 1 && number == lines) {
		lines++;
		text = strchr(text, '\n') + 1;
	}
	ck_assert_int_eq(strncmp(text, "<5>long ", 8), 0);
	ck_assert_uint_eq(strspn(text + 8, "0"), 5000);
	ck_assert_ptr_nonnull(strstr(text, "0 end?of block\n"));
	return lines;
}

/* Lines that come while a block is written come after it, and are not lost. A block waits for another. */
START_TEST(block_is_not_mixed_with_lines)
{
	struct content first = {.lines = 5000}, second = {.lines = 7}; /* the first fills the pipe */
	pthread_t threads[2];
	char *at;

	set_journal_stream(0);
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(log_start(), 0);
	log_error("before");
	threads[0] = begin_block(&first);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, block_thread, &second), 0);
	for (int i = 0; i < 100; i++)
		log_error("number %d", i);
	stop_and_read_all(NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	ck_assert_int_eq(strncmp(got, "<3>before\n<5>block 000000", 25), 0);
	ck_assert_int_eq(lines_of_block(strchr(got, '\n') + 1), 5000);
	at = strstr(strstr(got, "of block\n"), "<5>block 000000");
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(lines_of_block(at), 7);
	at = got;
	for (int i = 0; i < 100; i++) {
		char line[32];

		snprintf(line, sizeof(line), "\n<3>number %d\n", i);
		at = strstr(at, line);
		ck_assert_msg(at != NULL, "number %d is missing", i);
	}
	ck_assert_ptr_null(strstr(got, "dropped"));
}
END_TEST

/* What is written but not read is in the pipe, in the stream's buffer or in one line. */
START_TEST(block_is_written_as_it_is_read)
{
	struct content content = {.lines = 20000};
	pthread_t thread;

	set_journal_stream(0);
	fcntl(out[0], F_SETPIPE_SZ, 4096);
	ck_assert_int_eq(log_start(), 0);
	thread = begin_block(&content);
	while (!strstr(got + (got_length > 100 ? got_length - 100 : 0), "of block\n")) {
		int unread = content.written - (int)(got_length / (CONTENT_LINE + strlen("<5>")));

		ck_assert_int_le(unread, (4096 + 2 * BUFSIZ) / CONTENT_LINE);
		read_some();
	}
	pthread_join(thread, NULL);
	log_stop(PATIENCE_MS);
	ck_assert_int_eq(lines_of_block(got), 20000);
}
END_TEST

START_TEST(stop_waits_for_the_end_of_a_block)
{
	sem_t gate;
	struct content content = {.lines = 100, .gate = &gate};
	pthread_t thread;

	set_journal_stream(0);
	sem_init(&gate, 0, 0);
	ck_assert_int_eq(log_start(), 0);
	thread = begin_block(&content);
	log_info("behind");
	log_stop(10);
	ck_assert_int_eq(log_start(), -EBUSY);
	log_info("later");
	sem_post(&gate);
	while (!strstr(got, "<6>later\n"))
		read_some();
	pthread_join(thread, NULL);
	ck_assert_int_eq(lines_of_block(got), 100);
	ck_assert_ptr_nonnull(strstr(got, "of block\n<6>behind\n<6>later\n"));
	while (log_start() == -EBUSY)
		poll(NULL, 0, 1);
	log_stop(PATIENCE_MS);
}
END_TEST

/* The writer has all that may wait. Once it is stuck with it, lines that come then are kept as well. */
START_TEST(full_batch_leaves_room_for_news)
{
	sem_t gate;
	struct content content = {.lines = 1, .gate = &gate};
	pthread_t thread;

	set_journal_stream(0);
	sem_init(&gate, 0, 0);
	ck_assert_int_eq(log_start(), 0);
	thread = begin_block(&content);
	while (log_dropped_lines() == 0)
		log_info("old %01900d", 0);
	sem_post(&gate);
	while (!strstr(got, "<6>old 0"))
		read_some();
	log_info("new %01900d", 0);
	stop_and_read_all(NULL);
	pthread_join(thread, NULL);
	ck_assert_ptr_nonnull(
	        strstr(got, "<4>log: 1 lines dropped, standard error did not take them\n<6>new 0"));
	ck_assert_uint_eq(log_dropped_lines(), 1);
}
END_TEST

START_TEST(block_without_thread)
{
	struct content content = {.lines = 2};

	set_journal_stream(0);
	ck_assert_int_eq(log_block(write_content, &content), -ENOTTY);
	log_info("after");
	read_until("after");
	ck_assert_int_eq(lines_of_block(got), 2);
}
END_TEST

static int write_long_line(void *arg, FILE *stream)
{
	for (int i = 0; i < 20; i++)
		fprintf(stream, "%02000d", 0);
	fputs("\nnext\n", stream);
	return arg ? -EIO : 0;
}

START_TEST(long_line_of_a_block_is_cut)
{
	set_journal_stream(0);
	ck_assert_int_eq(log_block(write_long_line, NULL), 0);
	read_until("<5>next");
	ck_assert_uint_eq(strspn(got + 3, "0"), 16 * 1024);
	ck_assert_int_eq(got[3 + 16 * 1024], '\n');
}
END_TEST

/* The signals that the thread called name blocks, as a mask. */
static uint64_t blocked_signals(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	uint64_t mask = 0;
	struct dirent *entry;

	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], line[128];
		bool found = false;
		FILE *status;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		status = fopen(path, "r");
		while (status && fgets(line, sizeof(line), status)) {
			line[strcspn(line, "\n")] = '\0';
			if (strncmp(line, "Name:\t", 6) == 0)
				found = strcmp(line + 6, name) == 0;
			if (found && strncmp(line, "SigBlk:\t", 8) == 0)
				mask = strtoull(line + 8, NULL, 16);
		}
		if (status)
			fclose(status);
	}
	closedir(tasks);
	return mask;
}

START_TEST(test_thread_takes_no_signals)
{
	const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD, SIGXFSZ};
	uint64_t mask;

	ck_assert_int_eq(log_start(), 0);
	mask = blocked_signals("weir-log");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		ck_assert_msg(mask & (UINT64_C(1) << (signals[i] - 1)), "signal %d is not blocked",
		              signals[i]);
	log_stop(PATIENCE_MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_levels);
	tcase_add_test(tc, test_level_filters);
	tcase_add_test(tc, test_direct_line);
	tcase_add_loop_test(tc, test_offset, 0, sizeof(zones) / sizeof(zones[0]));
	tcase_add_test(tc, test_journal_prefix);
	tcase_add_test(tc, test_journal_stream_of_another);
	tcase_add_test(tc, test_control_characters);
	tcase_add_test(tc, test_long_line_is_cut);
	tcase_add_test(tc, test_last_error);
	tcase_add_test(tc, test_errno_is_left_alone);
	tcase_add_test(tc, test_order_over_start_and_stop);
	tcase_add_loop_test(tc, test_full_pipe, 0, 2);
	tcase_add_loop_test(tc, test_slow_reader, 0, 2);
	tcase_add_test(tc, burst_waits_and_gives_its_memory_back);
	tcase_add_test(tc, test_stop_does_not_wait_for_a_reader);
	tcase_add_test(tc, test_full_disk);
	tcase_add_test(tc, test_torn_line);
	tcase_add_loop_test(tc, test_batch_that_is_cut, 0, 2);
	tcase_add_test(tc, lines_of_a_storm_are_written_together);
	tcase_add_test(tc, only_what_can_wait_waits);
	tcase_add_test(tc, line_of_pieces);
	tcase_add_test(tc, test_nobody_reads);
	tcase_add_test(tc, block_is_not_mixed_with_lines);
	tcase_add_test(tc, block_is_written_as_it_is_read);
	tcase_add_test(tc, stop_waits_for_the_end_of_a_block);
	tcase_add_test(tc, full_batch_leaves_room_for_news);
	tcase_add_test(tc, block_without_thread);
	tcase_add_test(tc, long_line_of_a_block_is_cut);
	tcase_add_test(tc, test_thread_takes_no_signals);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
