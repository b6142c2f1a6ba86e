/* Messages between threads. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/mailbox.h"
#include "loop.h"
#include "unit.h"

#include <pthread.h>

#define THREADS  4
#define MESSAGES 1000

static struct event_base *base;
static struct mailbox mailbox;
static struct message one, two, three;
static struct message *delivered[10];
static unsigned count;
static struct message *again; /* deliver() posts it once more */

static void deliver(void *arg, struct message *message)
{
	ck_assert_ptr_eq(arg, &count);
	if (count < sizeof(delivered) / sizeof(delivered[0]))
		delivered[count] = message;
	count++;
	if (message == again) {
		again = NULL;
		mailbox_post(&mailbox, message);
	}
}

static void setup(void)
{
	base = evloop_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(mailbox_open(&mailbox, base, deliver, &count), 0);
}

static void teardown(void)
{
	mailbox_close(&mailbox);
	mailbox_close(&mailbox);
	event_base_free(base);
}

START_TEST(messages_come_in_their_order)
{
	mailbox_post(&mailbox, &one);
	mailbox_post(&mailbox, &two);
	mailbox_post(&mailbox, &three);
	ck_assert_uint_eq(count, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 3);
	ck_assert_ptr_eq(delivered[0], &one);
	ck_assert_ptr_eq(delivered[1], &two);
	ck_assert_ptr_eq(delivered[2], &three);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 3);
}
END_TEST

START_TEST(message_that_is_posted_twice_comes_once)
{
	mailbox_post(&mailbox, &one);
	mailbox_post(&mailbox, &two);
	mailbox_post(&mailbox, &one);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 2);
	mailbox_post(&mailbox, &one);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 3);
}
END_TEST

START_TEST(message_may_be_posted_by_its_own_delivery)
{
	again = &one;
	mailbox_post(&mailbox, &one);
	LOOP_UNTIL(base, count == 2);
}
END_TEST

START_TEST(stopped_mailbox_may_be_posted_to)
{
	mailbox_stop(&mailbox);
	mailbox_post(&mailbox, &one);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 0);
}
END_TEST

static struct message many[THREADS][MESSAGES];

static void *post_many(void *arg)
{
	struct message *messages = arg;

	for (int i = 0; i < MESSAGES; i++)
		mailbox_post(&mailbox, &messages[i]);
	return NULL;
}

/* At the end of the process, the base no longer runs. */
START_TEST(messages_are_delivered_without_the_base)
{
	struct mailbox unopened = {.fd = -1};

	mailbox_post(&mailbox, &one);
	mailbox_post(&mailbox, &two);
	mailbox_take(&mailbox);
	ck_assert_uint_eq(count, 2);
	ck_assert_ptr_eq(delivered[0], &one);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, 2);
	mailbox_take(&unopened);
}
END_TEST

START_TEST(messages_of_many_threads_all_come)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, post_many, many[i]), 0);
	LOOP_UNTIL(base, count == THREADS * MESSAGES);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(count, THREADS * MESSAGES);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *tcase = tcase_create("mailbox");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, messages_come_in_their_order);
	tcase_add_test(tcase, message_that_is_posted_twice_comes_once);
	tcase_add_test(tcase, message_may_be_posted_by_its_own_delivery);
	tcase_add_test(tcase, stopped_mailbox_may_be_posted_to);
	tcase_add_test(tcase, messages_are_delivered_without_the_base);
	tcase_add_test(tcase, messages_of_many_threads_all_come);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
