/* Loading the configuration again, beside the main loop. What is in one is tested with config/. */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/loading.h"
#include "loop.h"
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#define RELAY "[relay %s]\nlisten = 127.0.0.1:0\ntarget = 127.0.0.1:1\n"

static struct event_base *base;
static struct loading *loading;
static char file[UNIT_PATH_MAX];
static const struct config_request request = {.file = file};

static struct config *loaded;
static char error[512];
static unsigned done;

/* The linker redirects the calls of our modules. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
struct config *__real_config_load(const struct config_request *request, struct config_errors *errors);
struct config *__wrap_config_load(const struct config_request *request, struct config_errors *errors);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
static _Atomic bool hangs;
static _Atomic unsigned loads, ended;
static sem_t gate;
static pthread_t loaded_on;

struct config *__wrap_config_load(const struct config_request *asked, struct config_errors *errors)
{
	struct config *config;

	loaded_on = pthread_self();
	loads++;
	while (hangs && sem_wait(&gate) != 0)
		;
	config = __real_config_load(asked, errors);
	ended++;
	return config;
}

static void on_done(void *arg, struct config *config, const struct config_errors *errors)
{
	ck_assert_ptr_eq(arg, &done);
	done++;
	loaded = config;
	snprintf(error, sizeof(error), "%s", errors->count > 0 ? errors->text[0] : "");
}

static void write_relay(const char *name)
{
	FILE *out = fopen(file, "w");

	ck_assert_ptr_nonnull(out);
	fprintf(out, RELAY, name);
	fclose(out);
}

static void setup(void)
{
	snprintf(file, sizeof(file), "%s/XXXXXX", unit_folder);
	close(mkstemp(file));
	sem_init(&gate, 0, 0);
	base = evloop_new();
	loading = loading_new(base, &request, on_done, &done);
	ck_assert_ptr_nonnull(loading);
}

/* Its thread is waited for for a moment only, and may not have the CPU then. */
static void teardown(void)
{
	if (!loading_free(loading))
		while (unit_threads("weir-jobs") > 0)
			sched_yield();
	event_base_free(base);
	unlink(file);
}

START_TEST(file_is_read_again_each_time)
{
	write_relay("one");
	ck_assert_int_eq(loading_begin(loading), 0);
	LOOP_UNTIL(base, done == 1);
	ck_assert(!pthread_equal(loaded_on, pthread_self()));
	ck_assert_str_eq(loaded->relays[0].name, "one");
	config_put(loaded);
	write_relay("two");
	ck_assert_int_eq(loading_begin(loading), 0);
	LOOP_UNTIL(base, done == 2);
	ck_assert_str_eq(loaded->relays[0].name, "two");
	ck_assert_str_eq(error, "");
	config_put(loaded);
}
END_TEST

START_TEST(bad_file_comes_as_its_errors)
{
	write_relay("not a name");
	ck_assert_int_eq(loading_begin(loading), 0);
	LOOP_UNTIL(base, done == 1);
	ck_assert_ptr_null(loaded);
	ck_assert_ptr_nonnull(strstr(error, ":1: "));
}
END_TEST

/* A sanitizer would find what nobody takes. */
START_TEST(what_was_given_up_is_dropped)
{
	write_relay("one");
	hangs = true;
	ck_assert_int_eq(loading_begin(loading), 0);
	while (loads == 0)
		sched_yield();
	loading_give_up(loading);
	hangs = false;
	sem_post(&gate);
	LOOP_UNTIL(base, ended == 1);
	loop_passes_in(base, 50);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(loading_begin(loading), 0);
	LOOP_UNTIL(base, done == 1);
	config_put(loaded);
}
END_TEST

START_TEST(file_system_that_hangs_holds_nothing_up)
{
	write_relay("one");
	hangs = true;
	ck_assert_int_eq(loading_begin(loading), 0);
	while (loads == 0)
		sched_yield();
	ck_assert(!loading_free(loading));
	loading = NULL;
	sem_post(&gate);
	while (ended == 0)
		sched_yield();
	ck_assert_uint_eq(done, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loading");
	TCase *tcase = tcase_create("loading");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, file_is_read_again_each_time);
	tcase_add_test(tcase, bad_file_comes_as_its_errors);
	tcase_add_test(tcase, what_was_given_up_is_dropped);
	tcase_add_test(tcase, file_system_that_hangs_holds_nothing_up);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
