/* Objects in units of a pool. */
#include "build_config.h"

#include "base/slab.h"
#include "unit.h"

#include <stdint.h>
#include <string.h>

#define UNIT 8192
#define SIZE 1000 /* eight in a unit */

static struct pool pool;
static struct slab slab;

static void setup(void)
{
	ck_assert_int_eq(pool_init(&pool, UNIT, UNIT, 0, 0), 0);
	slab_init(&slab, &pool, SIZE);
}

static void teardown(void)
{
	pool_deinit(&pool);
}

static void get(unsigned char *objects[], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		objects[i] = slab_get(&slab);
		ck_assert_ptr_nonnull(objects[i]);
		for (unsigned k = 0; k < SIZE; k++)
			if (objects[i][k] != 0)
				ck_abort_msg("an object that is not zeroed");
		memset(objects[i], 1, SIZE);
	}
}

static uintptr_t unit_of(const void *object)
{
	return (uintptr_t)object / UNIT;
}

START_TEST(eight_share_a_unit)
{
	unsigned char *objects[9];

	get(objects, 9);
	for (int i = 1; i < 8; i++)
		ck_assert_uint_eq(unit_of(objects[i]), unit_of(objects[0]));
	ck_assert_uint_ne(unit_of(objects[8]), unit_of(objects[0]));
	ck_assert(pool_owns(&pool, objects[8]));
}
END_TEST

START_TEST(a_unit_goes_back_with_its_last_object)
{
	unsigned char *objects[16];

	get(objects, 16);
	for (int i = 0; i < 16; i += 2)
		slab_put(&slab, objects[i]);
	ck_assert_uint_eq(pool.spares, 0);
	for (int i = 1; i < 8; i += 2)
		slab_put(&slab, objects[i]);
	ck_assert_uint_eq(pool.spares, 1);
	for (int i = 9; i < 16; i += 2)
		slab_put(&slab, objects[i]);
	ck_assert_uint_eq(pool.spares, 2);
	get(objects, 16);
	ck_assert_uint_eq(pool.spares, 0);
}
END_TEST

START_TEST(new_objects_go_where_most_are)
{
	unsigned char *objects[16], *more;

	get(objects, 16);
	for (int i = 0; i < 7; i++)
		slab_put(&slab, objects[i]);
	slab_put(&slab, objects[15]);
	get(&more, 1);
	ck_assert_ptr_eq(more, objects[15]);
}
END_TEST

START_TEST(without_a_pool_or_its_units_there_is_malloc)
{
	unsigned char *object;
	unsigned count = 0;

	slab_init(&slab, NULL, SIZE);
	get(&object, 1);
	slab_put(&slab, object);
	slab_init(&slab, &pool, SIZE);
	for (get(&object, 1); pool_owns(&pool, object); get(&object, 1))
		ck_assert_uint_lt(++count, 10000);
	slab_put(&slab, object);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slab");
	TCase *tcase = tcase_create("slab");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, eight_share_a_unit);
	tcase_add_test(tcase, a_unit_goes_back_with_its_last_object);
	tcase_add_test(tcase, new_objects_go_where_most_are);
	tcase_add_test(tcase, without_a_pool_or_its_units_there_is_malloc);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
