/* The checksums are those of RFC 3720, B.4, and of the catalogue's "123456789". */
#include "build_config.h"

#include "base/crc32c.h"
#include "unit.h"

START_TEST(checksums_of_the_standard)
{
	unsigned char bytes[32] = {0};

	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (unsigned char i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	ck_assert_uint_eq(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
}
END_TEST

START_TEST(in_parts)
{
	static const char bytes[] = "123456789";

	ck_assert_uint_eq(crc32c(0, bytes, 0), 0);
	for (size_t i = 0; i <= 9; i++)
		ck_assert_uint_eq(crc32c(crc32c(0, bytes, i), bytes + i, 9 - i), 0xe3069283);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *tcase = tcase_create("crc32c");

	tcase_add_test(tcase, checksums_of_the_standard);
	tcase_add_test(tcase, in_parts);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
