#include "build_config.h"

#include "net/socket.h"
#include "report/state.h"
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT_MAX 4096

struct sample {
	uint64_t u64, many[3];
	uint32_t u32;
	uint16_t u16;
	uint8_t u8, small[4];
	bool yes;
	int number;
	int64_t large;
	char text[8];
	struct endpoint endpoint;
	union client_address client;
	int fd, in, out;
	uint64_t bytes;
};

static const struct state_field sample_fields[] = {
        STATE_FIELD(struct sample, u64, STATE_U64),
        STATE_FIELD(struct sample, many, STATE_U64),
        STATE_FIELD(struct sample, u32, STATE_U32),
        STATE_FIELD(struct sample, u16, STATE_U16),
        STATE_FIELD(struct sample, u8, STATE_U8),
        STATE_FIELD(struct sample, small, STATE_U8),
        STATE_FIELD(struct sample, yes, STATE_BOOL),
        STATE_FIELD(struct sample, number, STATE_INT),
        STATE_FIELD(struct sample, large, STATE_INT),
        STATE_NAMED("text", struct sample, text, STATE_TEXT),
        STATE_FIELD(struct sample, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct sample, client, STATE_CLIENT),
        STATE_FIELD(struct sample, fd, STATE_SOCKET),
        STATE_FIELD(struct sample, in, STATE_PIPE),
        STATE_FIELD(struct sample, out, STATE_PIPE),
        STATE_FIELD(struct sample, bytes, STATE_BYTES),
        STATE_FIELDS_END,
};
static const struct state_kind sample_kind = STATE_KIND("sample", struct sample, sample_fields);

struct file {
	uint64_t text;
};

static const struct state_field file_fields[] = {
        STATE_FIELD(struct file, text, STATE_LONG_TEXT),
        STATE_FIELDS_END,
};
static const struct state_kind file_kind = STATE_KIND("file", struct file, file_fields);

static int memory;
static struct state_writer writer;
static struct inheritance *inheritance;
static struct state_reader reader;
static char text[TEXT_MAX];

static void setup(void)
{
	memory = memfd_create("state", MFD_CLOEXEC);
	ck_assert_int_ge(memory, 0);
}

static void teardown(void)
{
	close(memory);
	inheritance_free(inheritance);
	inheritance = NULL;
}

static void begin(enum state_purpose purpose)
{
	ck_assert_int_eq(state_writer_init(&writer, memory, purpose), 0);
}

static void read_text(const char *state, size_t size, bool rehearsal)
{
	inheritance_free(inheritance);
	inheritance = inheritance_new(rehearsal);
	ck_assert_ptr_nonnull(inheritance);
	state_reader_init(&reader, inheritance, state, size);
}

/* What was written becomes what is read. */
static void turn(bool rehearsal)
{
	ssize_t size;

	ck_assert_int_eq(state_writer_finish(&writer), 0);
	size = pread(memory, text, sizeof(text), 0);
	ck_assert_int_gt(size, 0);
	ck_assert_int_lt(size, TEXT_MAX);
	text[size] = '\0';
	read_text(text, (size_t)size, rehearsal);
	ck_assert_ptr_null(state_error(&reader));
}

static void expect_end(void)
{
	ck_assert_ptr_null(state_peek(&reader));
	ck_assert_ptr_null(state_error(&reader));
}

static struct sample none(void)
{
	struct sample sample;

	memset(&sample, 0, sizeof(sample));
	sample.fd = sample.in = sample.out = -1;
	return sample;
}

/* Writes it, reads it, and compares every byte. */
static void expect_round_trip(const struct sample *sample)
{
	struct sample again;

	memset(&again, 0xa5, sizeof(again));
	ck_assert_int_eq(ftruncate(memory, 0), 0);
	ck_assert_int_eq(lseek(memory, 0, SEEK_SET), 0);
	begin(STATE_CARRY);
	state_put(&writer, &sample_kind, sample);
	turn(false);
	ck_assert_msg(state_get(&reader, &sample_kind, &again), "%s", state_error(&reader));
	ck_assert_mem_eq(&again, sample, sizeof(again));
	expect_end();
}

START_TEST(nothing_comes_back_as_nothing)
{
	struct sample sample = none();

	expect_round_trip(&sample);
	ck_assert_str_eq(text, "state format=1\nsample\n");
}
END_TEST

START_TEST(the_largest_and_smallest_numbers_come_back)
{
	struct sample sample = none();

	sample.u64 = UINT64_MAX;
	sample.u32 = UINT32_MAX;
	sample.u16 = UINT16_MAX;
	sample.u8 = UINT8_MAX;
	sample.yes = true;
	sample.number = INT_MIN;
	sample.large = INT64_MIN;
	memcpy(sample.many, (uint64_t[]){0, UINT64_MAX, 0}, sizeof(sample.many));
	memcpy(sample.small, (uint8_t[]){255, 254, 253, 252}, sizeof(sample.small));
	expect_round_trip(&sample);
	ck_assert_str_eq(text,
	                 "state format=1\nsample u64=18446744073709551615 many=0,18446744073709551615 "
	                 "u32=4294967295 u16=65535 u8=255 small=255,254,253,252 yes=1 number=-2147483648 "
	                 "large=-9223372036854775808\n");
	sample.number = INT_MAX;
	sample.large = INT64_MAX;
	expect_round_trip(&sample);
	sample.number = -1;
	sample.large = -1;
	expect_round_trip(&sample);
}
END_TEST

START_TEST(text_comes_back_whatever_is_in_it)
{
	static const char *const texts[] = {"a b", "a\nb\r\t", "a=b%20%", "\x01\x7f\xff\xc3\xa4", "1234567"};
	struct sample sample = none();

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		memset(sample.text, 0, sizeof(sample.text));
		memcpy(sample.text, texts[i], strlen(texts[i]));
		expect_round_trip(&sample);
	}
}
END_TEST

START_TEST(addresses_come_back)
{
	const struct sockaddr_in in = {AF_INET, 0x5000, {0x0100007f}, {1, 2, 3}};
	const struct sockaddr_in6 in6 = {AF_INET6, 0x5000, 7, {.s6_addr = {0xfe, 0x80, [15] = 1}}, 12345};
	struct sample sample = none();

	sample.endpoint.length = sizeof(in);
	sample.endpoint.in = in;
	sample.client.in = in;
	expect_round_trip(&sample);
	sample.endpoint.length = sizeof(in6);
	sample.endpoint.in6 = in6;
	sample.client.in6 = in6;
	expect_round_trip(&sample);
}
END_TEST

START_TEST(unix_addresses_come_back)
{
	struct sample sample = none();

	sample.client.any.sa_family = AF_UNIX;
	sample.endpoint.un.sun_family = AF_UNIX;
	for (size_t i = 0; i < sizeof(sample.endpoint.un.sun_path); i++)
		sample.endpoint.un.sun_path[i] = (char)(2 * i + 1);
	sample.endpoint.length = sizeof(struct sockaddr_un);
	expect_round_trip(&sample);
	/* Abstract, with NULs in it and at its end. */
	memset(sample.endpoint.un.sun_path, 0, sizeof(sample.endpoint.un.sun_path));
	memcpy(sample.endpoint.un.sun_path, "\0a\0 \n=%", 7);
	sample.endpoint.length = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 9;
	expect_round_trip(&sample);
	memset(sample.endpoint.un.sun_path, 0, sizeof(sample.endpoint.un.sun_path));
	sample.endpoint.length = sizeof(sa_family_t);
	expect_round_trip(&sample);
}
END_TEST

/* ---- bytes ---- */

static void put_bytes(const char *first, const char *second)
{
	struct sample sample = none();
	const struct file file = {4};

	sample.bytes = strlen(first) + strlen(second);
	state_put(&writer, &sample_kind, &sample);
	state_put_bytes(&writer, first, strlen(first));
	state_put_bytes(&writer, second, strlen(second));
	state_put(&writer, &file_kind, &file);
	state_put_bytes(&writer, "a\nb\n", 4);
}

static void expect_bytes(const char *expected)
{
	size_t size;
	const void *bytes = state_bytes(&reader, &size);

	ck_assert_uint_eq(size, strlen(expected));
	ck_assert(size > 0 ? memcmp(bytes, expected, size) == 0 : bytes == NULL);
}

START_TEST(bytes_follow_a_record)
{
	struct sample sample;
	struct file file;

	begin(STATE_CARRY);
	put_bytes("sample u64=1\n", "\n");
	turn(false);
	ck_assert(state_get(&reader, &sample_kind, &sample));
	ck_assert_uint_eq(sample.bytes, 14);
	ck_assert_uint_eq(state_left_out(&reader), 0);
	expect_bytes("sample u64=1\n\n");
	ck_assert(state_get(&reader, &file_kind, &file));
	expect_bytes("a\nb\n");
	expect_end();
}
END_TEST

START_TEST(a_rehearsal_has_text_but_no_bytes)
{
	struct sample sample;
	struct file file;

	begin(STATE_REHEARSE);
	put_bytes("secret", "secret");
	turn(true);
	ck_assert_ptr_null(strstr(text, "secret"));
	ck_assert(state_is_rehearsal(&reader));
	ck_assert(state_get(&reader, &sample_kind, &sample));
	ck_assert_uint_eq(sample.bytes, 12);
	expect_bytes("");
	ck_assert(state_get(&reader, &file_kind, &file));
	expect_bytes("a\nb\n");
	ck_assert_uint_eq(state_left_out(&reader), 12);
	expect_end();
}
END_TEST

START_TEST(a_record_that_is_left_out_takes_its_bytes_along)
{
	struct file file;

	begin(STATE_CARRY);
	put_bytes("file text=1\n", "x");
	turn(false);
	ck_assert_str_eq(state_peek(&reader), "sample");
	ck_assert(!state_is_next(&reader, &file_kind));
	state_skip(&reader);
	ck_assert(state_is_next(&reader, &file_kind));
	ck_assert(state_get(&reader, &file_kind, &file));
	ck_assert_uint_eq(file.text, 4);
	expect_end();
}
END_TEST

START_TEST(bytes_that_do_not_add_up_are_an_error)
{
	const struct file file = {4};

	begin(STATE_CARRY);
	state_put(&writer, &file_kind, &file);
	state_put_bytes(&writer, "abc", 3);
	ck_assert_int_eq(state_writer_finish(&writer), -EPROTO);
	begin(STATE_CARRY);
	state_put(&writer, &file_kind, &file);
	state_put_bytes(&writer, "abcde", 5);
	ck_assert_int_eq(state_writer_finish(&writer), -EPROTO);
	begin(STATE_CARRY);
	state_put(&writer, &file_kind, &file);
	state_put(&writer, &file_kind, &file);
	ck_assert_int_eq(state_writer_finish(&writer), -EPROTO);
}
END_TEST

START_TEST(more_than_the_buffer_holds_comes_back)
{
	const size_t size = 1000000;
	char *bytes = malloc(size), *state;
	struct sample sample = none();
	size_t read_size;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 'x', size);
	begin(STATE_CARRY);
	for (sample.u64 = 1; sample.u64 <= 10000; sample.u64++)
		state_put(&writer, &sample_kind, &sample);
	sample.bytes = size;
	state_put(&writer, &sample_kind, &sample);
	state_put_bytes(&writer, bytes, size);
	ck_assert_int_eq(state_writer_finish(&writer), 0);
	read_size = (size_t)lseek(memory, 0, SEEK_CUR);
	state = mmap(NULL, read_size, PROT_READ, MAP_PRIVATE, memory, 0);
	ck_assert_ptr_ne(state, MAP_FAILED);
	read_text(state, read_size, false);
	for (uint64_t i = 1; i <= 10001; i++) {
		ck_assert(state_get(&reader, &sample_kind, &sample));
		ck_assert_uint_eq(sample.u64, i);
	}
	ck_assert_mem_eq(state_bytes(&reader, &read_size), bytes, size);
	ck_assert_uint_eq(read_size, size);
	expect_end();
	munmap(state, (size_t)lseek(memory, 0, SEEK_CUR));
	free(bytes);
}
END_TEST

START_TEST(a_full_file_system_is_an_error)
{
	struct sample sample = none();
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(state_writer_init(&writer, full, STATE_CARRY), 0);
	for (sample.u64 = 1; sample.u64 <= 10000; sample.u64++)
		state_put(&writer, &sample_kind, &sample);
	ck_assert_int_eq(state_writer_finish(&writer), -ENOSPC);
	close(full);
}
END_TEST

START_TEST(whoever_writes_may_fail)
{
	begin(STATE_CARRY);
	state_writer_fail(&writer, -ENOMEM);
	state_writer_fail(&writer, -EIO);
	ck_assert_int_eq(state_writer_finish(&writer), -ENOMEM);
	ck_assert_int_eq(lseek(memory, 0, SEEK_END), 0);
}
END_TEST

/* ---- descriptors ---- */

static struct sample with_descriptors(void)
{
	struct sample sample = none();
	int ends[2];

	sample.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(sample.fd, 3);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	sample.in = ends[0];
	sample.out = ends[1];
	return sample;
}

static void close_descriptors(const struct sample *sample)
{
	close(sample->fd);
	close(sample->in);
	close(sample->out);
}

static void expect_flags(const struct sample *sample, int flags)
{
	ck_assert_int_eq(fcntl(sample->fd, F_GETFD), flags);
	ck_assert_int_eq(fcntl(sample->in, F_GETFD), flags);
	ck_assert_int_eq(fcntl(sample->out, F_GETFD), flags);
}

START_TEST(descriptors_are_handed_over)
{
	struct sample sample = with_descriptors(), again;

	begin(STATE_CARRY);
	state_put(&writer, &sample_kind, &sample);
	turn(false);
	expect_flags(&sample, 0);
	ck_assert(state_get(&reader, &sample_kind, &again));
	ck_assert_mem_eq(&again, &sample, sizeof(again));
	expect_flags(&sample, FD_CLOEXEC);
	close_descriptors(&sample);
}
END_TEST

START_TEST(a_rehearsal_hands_none_over)
{
	struct sample sample = with_descriptors(), again;

	begin(STATE_REHEARSE);
	state_put(&writer, &sample_kind, &sample);
	turn(true);
	expect_flags(&sample, FD_CLOEXEC);
	ck_assert(state_get(&reader, &sample_kind, &again));
	expect_flags(&again, FD_CLOEXEC);
	ck_assert(again.fd != sample.fd && again.in != sample.in && again.out != sample.out);
	close_descriptors(&sample);
	close_descriptors(&again);
}
END_TEST

START_TEST(a_record_with_a_wrong_descriptor_gives_none)
{
	struct sample sample = with_descriptors(), again;
	const int pipe_end = sample.in;

	begin(STATE_CARRY);
	sample.in = sample.fd;
	state_put(&writer, &sample_kind, &sample);
	sample.in = pipe_end;
	turn(false);
	ck_assert(!state_get(&reader, &sample_kind, &again));
	ck_assert_str_eq(state_error(&reader), "record 2, sample: in: not what was inherited");
	ck_assert(again.fd == -1 && again.in == -1 && again.out == -1);
	/* It was claimed for the record. The one behind the wrong one was not. */
	ck_assert_int_eq(fcntl(sample.fd, F_GETFD), -1);
	ck_assert_int_eq(fcntl(sample.out, F_GETFD), 0);
	close(sample.in);
	close(sample.out);
}
END_TEST

/* ---- order and keys ---- */

START_TEST(keys_may_come_in_any_order_and_others_are_passed)
{
	static const char state[] =
	        "state format=1 later=x\nsample text=a new=1,2,%% u64=3 +other=2 newer= u8=4\nab\n";
	struct sample sample;

	read_text(state, strlen(state), false);
	ck_assert_msg(state_get(&reader, &sample_kind, &sample), "%s", state_error(&reader));
	ck_assert_str_eq(sample.text, "a");
	ck_assert_uint_eq(sample.u64, 3);
	ck_assert_uint_eq(sample.u8, 4);
	expect_bytes("ab");
	expect_end();
}
END_TEST

static const struct {
	const char *record, *error;
} wrong[] = {
        {"sample u64=18446744073709551616\n", "record 2, sample: u64: no value for it"},
        {"sample u64=99999999999999999999999\n", "record 2, sample: u64: no value for it"},
        {"sample u32=4294967296\n", "record 2, sample: u32: no value for it"},
        {"sample u16=65536\n", "record 2, sample: u16: no value for it"},
        {"sample u8=256\n", "record 2, sample: u8: no value for it"},
        {"sample yes=2\n", "record 2, sample: yes: no value for it"},
        {"sample number=2147483648\n", "record 2, sample: number: no value for it"},
        {"sample number=-2147483649\n", "record 2, sample: number: no value for it"},
        {"sample large=9223372036854775808\n", "record 2, sample: large: no value for it"},
        {"sample large=-\n", "record 2, sample: large: no value for it"},
        {"sample u64=\n", "record 2, sample: u64: no value for it"},
        {"sample u64=1x\n", "record 2, sample: u64: no value for it"},
        {"sample u64=-1\n", "record 2, sample: u64: no value for it"},
        {"sample u64=1,2\n", "record 2, sample: u64: no value for it"},
        {"sample many=1,2,3,4\n", "record 2, sample: many: no value for it"},
        {"sample many=1,\n", "record 2, sample: many: no value for it"},
        {"sample fd=2147483648\n", "record 2, sample: fd: no value for it"},
        {"sample fd=-1\n", "record 2, sample: fd: no value for it"},
        {"sample text=12345678\n", "record 2, sample: text: no value for it"},
        {"sample text=%0\n", "record 2, sample: text: no value for it"},
        {"sample text=%00\n", "record 2, sample: text: no value for it"},
        {"sample text=a\tb\n", "record 2, sample: text: no value for it"},
        {"sample endpoint=0\n", "record 2, sample: endpoint: no value for it"},
        {"sample endpoint=02\n", "record 2, sample: endpoint: no value for it"},
        {"sample endpoint=0000\n", "record 2, sample: endpoint: no value for it"},
        {"sample endpoint=020000500000000000000000000000\n", "record 2, sample: endpoint: no value for it"},
        {"sample client=010000\n", "record 2, sample: client: no value for it"},
        {"sample u64=1 u8=2 u64=1\n", "record 2, sample: u64: it is there twice"},
        {"sample u64\n", "record 2, sample: a key without a value"},
        {"sample u64 u8=2\n", "record 2, sample: a key without a value"},
        {"sample =1\n", "record 2, sample: a key is missing"},
        {"sample  u64=1\n", "record 2, sample: a key is missing"},
        {"sample \n", "record 2, sample: a key without a value"},
        {"sample u64=1", "record 2: it is cut off"},
        {"sample +bytes=3\nab", "record 2, sample: its bytes are cut off"},
        {"sample +bytes=2\nab", "record 2, sample: its bytes are cut off"},
        {"sample +bytes=18446744073709551615\nab\n", "record 2, sample: its bytes are cut off"},
        {"sample +bytes=1 +other=1\na\n", "record 2, sample: how many bytes it has was expected once"},
        {"sample +other=x\na\n", "record 2, sample: how many bytes it has was expected once"},
        {"sample +bytes=2\nabc\n", "record 2, sample: it has more bytes than it says"},
        {"other\n", "record 2, other: sample was expected"},
        {"samples\n", "record 2, samples: sample was expected"},
        {"sample=1\n", "record 2: it has no kind"},
        {"\n", "record 2: it has no kind"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n", "record 2: it has no kind"},
        {"", "record 2: sample was expected"},
};

START_TEST(a_wrong_record_is_refused)
{
	struct sample sample;

	snprintf(text, sizeof(text), "state format=1\n%s", wrong[_i].record);
	read_text(text, strlen(text), false);
	ck_assert(!state_get(&reader, &sample_kind, &sample));
	ck_assert_str_eq(state_error(&reader), wrong[_i].error);
	ck_assert_ptr_null(state_peek(&reader));
	ck_assert_int_eq(sample.fd, -1);
	state_fail(&reader, "later");
	ck_assert_str_eq(state_error(&reader), wrong[_i].error);
}
END_TEST

START_TEST(whoever_takes_a_record_may_refuse_it)
{
	static const char state[] = "state format=1\nsample\n";
	struct sample sample;

	read_text(state, strlen(state), false);
	ck_assert(state_get(&reader, &sample_kind, &sample));
	state_fail(&reader, "a sample that is none");
	ck_assert_str_eq(state_error(&reader), "record 2: a sample that is none");
}
END_TEST

/* ---- formats ---- */

static void expect_refused(const char *state, bool rehearsal, const char *error)
{
	read_text(state, strlen(state), rehearsal);
	ck_assert_ptr_nonnull(state_error(&reader));
	ck_assert_str_eq(state_error(&reader), error);
	ck_assert_ptr_null(state_peek(&reader));
}

START_TEST(other_formats_are_refused)
{
	char next[40], error[80];

	expect_refused("state\nsample\n", false, "record 1: format 0 cannot be read, only 1 to 1");
	snprintf(next, sizeof(next), "state format=%d x=1\nnew\n", STATE_FORMAT + 1);
	snprintf(error, sizeof(error), "record 1: format %d cannot be read, only %d to %d", STATE_FORMAT + 1,
	         STATE_FORMAT_MIN, STATE_FORMAT);
	expect_refused(next, false, error);
	expect_refused("state format=3\n", false, "record 1: format 3 cannot be read, only 1 to 1");
	expect_refused("", false, "record 1: state was expected");
	expect_refused("\x7f"
	               "ELF",
	               false, "record 1: it is cut off");
	expect_refused("[relay web]\n", false, "record 1: it has no kind");
}
END_TEST

START_TEST(a_rehearsal_is_nothing_else)
{
	expect_refused("state format=1 rehearsal=1\n", false, "record 1: it is for a rehearsal");
	expect_refused("state format=1\n", true, "record 1: it is not for a rehearsal");
}
END_TEST

/* This one and the one before: raise both numbers together. */
START_TEST(the_format_before_is_read)
{
	char state[40];

	ck_assert_int_eq(STATE_FORMAT_MIN, STATE_FORMAT > 1 ? STATE_FORMAT - 1 : 1);
	for (unsigned format = STATE_FORMAT_MIN; format <= STATE_FORMAT; format++) {
		snprintf(state, sizeof(state), "state format=%u\n", format);
		read_text(state, strlen(state), false);
		ck_assert_uint_eq(state_format(&reader), format);
		expect_end();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state");
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_comes_back_as_nothing);
	tcase_add_test(tcase, the_largest_and_smallest_numbers_come_back);
	tcase_add_test(tcase, text_comes_back_whatever_is_in_it);
	tcase_add_test(tcase, addresses_come_back);
	tcase_add_test(tcase, unix_addresses_come_back);
	tcase_add_test(tcase, bytes_follow_a_record);
	tcase_add_test(tcase, a_rehearsal_has_text_but_no_bytes);
	tcase_add_test(tcase, a_record_that_is_left_out_takes_its_bytes_along);
	tcase_add_test(tcase, bytes_that_do_not_add_up_are_an_error);
	tcase_add_test(tcase, more_than_the_buffer_holds_comes_back);
	tcase_add_test(tcase, a_full_file_system_is_an_error);
	tcase_add_test(tcase, descriptors_are_handed_over);
	tcase_add_test(tcase, a_rehearsal_hands_none_over);
	tcase_add_test(tcase, whoever_writes_may_fail);
	tcase_add_test(tcase, a_record_with_a_wrong_descriptor_gives_none);
	tcase_add_test(tcase, keys_may_come_in_any_order_and_others_are_passed);
	tcase_add_loop_test(tcase, a_wrong_record_is_refused, 0, sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(tcase, whoever_takes_a_record_may_refuse_it);
	tcase_add_test(tcase, other_formats_are_refused);
	tcase_add_test(tcase, a_rehearsal_is_nothing_else);
	tcase_add_test(tcase, the_format_before_is_read);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
