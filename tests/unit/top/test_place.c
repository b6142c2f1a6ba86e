#include "build_config.h"

#include "top/place.h"
#include "unit.h"

#include <errno.h>

static const struct {
	const char *text, *shown, *host, *path;
	bool is_abstract;
} good[] = {
        {"127.0.0.1:9347", "127.0.0.1:9347", "127.0.0.1:9347", "", false},
        {"[::1]:9347", "[::1]:9347", "[::1]:9347", "", false},
        {"*:9347", "127.0.0.1:9347", "127.0.0.1:9347", "", false},
        {"0.0.0.0:9347", "127.0.0.1:9347", "127.0.0.1:9347", "", false},
        {"[::]:9347", "[::1]:9347", "[::1]:9347", "", false},
        {"weir.example:9347", "weir.example:9347", "weir.example:9347", "", false},
        {"[fe80::1%lo]:9347", "[fe80::1%lo]:9347", "[fe80::1%25lo]:9347", "", false},
        {"unix:/run/weir/http", "unix:/run/weir/http", "localhost", "/run/weir/http", false},
        {"unix:@weir", "unix:@weir", "localhost", "weir", true},
};

START_TEST(places)
{
	struct place place;

	ck_assert_int_eq(place_parse(good[_i].text, &place), 0);
	ck_assert_str_eq(place.text, good[_i].shown);
	ck_assert_str_eq(place.host, good[_i].host);
	ck_assert_str_eq(place.path, good[_i].path);
	ck_assert_int_eq(place.is_abstract, good[_i].is_abstract);
}
END_TEST

static const struct {
	const char *text;
	int error;
} bad[] = {
        {"", -EINVAL},
        {"9347", -EINVAL},
        {"http://x", -EINVAL},
        {"x:99999", -EINVAL},
        {"127.0.0.1:0", -ENOTSUP},
        {"127.0.0.1:1-9", -ENOTSUP},
        {"systemd:http", -ENOTSUP},
};

START_TEST(no_places)
{
	struct place place;

	ck_assert_int_eq(place_parse(bad[_i].text, &place), bad[_i].error);
}
END_TEST

static int load(const char *global, struct place *place)
{
	char path[UNIT_PATH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/relay.ini", unit_folder);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "[global]\n%s\n[relay web]\nlisten = unix:/no/such/folder/socket\ntarget = web:80\n",
	        global);
	fclose(file);
	return place_load(path, place);
}

/* Whoever looks on need not be able to do what weir does with its paths. */
START_TEST(without_http)
{
	struct place place;

	ck_assert_int_eq(load("", &place), -ENOENT);
}
END_TEST

START_TEST(no_file)
{
	struct place place;

	ck_assert_int_eq(place_load("/no/such/file", &place), -EINVAL);
	ck_assert_int_eq(load("nonsense = 1", &place), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place");
	TCase *tcase = tcase_create("place");

	tcase_add_loop_test(tcase, places, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, no_places, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, without_http);
	tcase_add_test(tcase, no_file);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
