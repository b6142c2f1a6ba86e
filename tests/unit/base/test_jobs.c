/* Calls that may block, on threads of their own. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/jobs.h"
#include "loop.h"
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct call {
	struct job job;
	pthread_t ran_on;
	sem_t *waits_for; /* NULL: returns at once */
	bool again;       /* done submits it once more */
	_Atomic unsigned runs, ends, drops;
	unsigned end; /* its place among all that ended */
};

static struct event_base *base;
static struct jobs *jobs;
static struct call calls[8];
static unsigned ended;
static sem_t gate;

static void run(struct job *job)
{
	struct call *call = (struct call *)job;

	call->ran_on = pthread_self();
	call->runs++;
	while (call->waits_for && sem_wait(call->waits_for) != 0)
		;
}

static void done(struct job *job)
{
	struct call *call = (struct call *)job;

	ck_assert(!pthread_equal(call->ran_on, pthread_self()));
	call->ends++;
	call->end = ++ended;
	if (call->again) {
		call->again = false;
		ck_assert_int_eq(jobs_submit(jobs, job), 0);
	}
}

static void drop(struct job *job)
{
	((struct call *)job)->drops++;
}

static void submit(struct call *call, sem_t *waits_for)
{
	call->job = (struct job){.run = run, .done = done, .drop = drop};
	call->waits_for = waits_for;
	ck_assert_int_eq(jobs_submit(jobs, &call->job), 0);
}

static void setup(void)
{
	base = evloop_new();
	ck_assert_ptr_nonnull(base);
	jobs = jobs_new(base, 2);
	ck_assert_ptr_nonnull(jobs);
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
}

static void teardown(void)
{
	jobs_free(jobs);
	event_base_free(base);
}

START_TEST(done_is_called_on_the_thread_of_the_base)
{
	submit(&calls[0], NULL);
	LOOP_UNTIL(base, calls[0].ends == 1);
	ck_assert_uint_eq(calls[0].runs, 1);
}
END_TEST

START_TEST(done_may_submit_the_job_again)
{
	calls[0].again = true;
	submit(&calls[0], NULL);
	LOOP_UNTIL(base, calls[0].ends == 2);
	ck_assert_uint_eq(calls[0].runs, 2);
}
END_TEST

START_TEST(call_that_blocks_holds_up_none_of_the_others)
{
	submit(&calls[0], &gate);
	for (int i = 1; i < 8; i++)
		submit(&calls[i], NULL);
	LOOP_UNTIL(base, ended == 7);
	ck_assert_uint_eq(calls[0].ends, 0);
	for (unsigned i = 1; i < 8; i++)
		ck_assert_uint_eq(calls[i].end, i);
	sem_post(&gate);
	LOOP_UNTIL(base, calls[0].ends == 1);
}
END_TEST

/* The second is submitted before the thread that was woken for the first runs. */
START_TEST(job_does_not_wait_behind_one_that_a_woken_thread_is_about_to_take)
{
	submit(&calls[0], NULL);
	LOOP_UNTIL(base, ended == 1);
	submit(&calls[1], &gate);
	submit(&calls[2], NULL);
	LOOP_UNTIL(base, calls[2].ends == 1);
	ck_assert_uint_eq(calls[1].ends, 0);
	sem_post(&gate);
}
END_TEST

START_TEST(no_more_calls_at_a_time_than_threads)
{
	submit(&calls[0], &gate);
	submit(&calls[1], &gate);
	submit(&calls[2], NULL);
	LOOP_UNTIL(base, calls[0].runs == 1 && calls[1].runs == 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(calls[2].runs, 0);
	sem_post(&gate);
	LOOP_UNTIL(base, calls[2].ends == 1);
	sem_post(&gate);
}
END_TEST

/* At the latest when their calls end, if the machine lets their threads go on too late to be waited for. */
START_TEST(jobs_that_are_not_done_are_dropped)
{
	bool all_ended;

	submit(&calls[0], &gate);
	submit(&calls[1], NULL); /* ends, but nobody runs the base */
	submit(&calls[2], &gate);
	submit(&calls[3], NULL);
	while (calls[0].runs + calls[1].runs + calls[2].runs < 3)
		sched_yield();
	sem_post(&gate);
	sem_post(&gate);
	all_ended = jobs_free(jobs);
	jobs = NULL;
	ck_assert_uint_eq(ended, 0);
	for (int i = 0; i < 4; i++) {
		while (!all_ended && calls[i].drops == 0)
			sched_yield();
		ck_assert_uint_eq(calls[i].drops, 1);
	}
}
END_TEST

START_TEST(call_that_blocks_is_left_alone_and_dropped_at_its_end)
{
	submit(&calls[0], &gate);
	while (calls[0].runs == 0)
		sched_yield();
	jobs_free(jobs);
	jobs = NULL;
	ck_assert_uint_eq(calls[0].drops, 0);
	sem_post(&gate);
	while (calls[0].drops == 0)
		sched_yield();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs");
	TCase *tcase = tcase_create("jobs");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, done_is_called_on_the_thread_of_the_base);
	tcase_add_test(tcase, done_may_submit_the_job_again);
	tcase_add_test(tcase, call_that_blocks_holds_up_none_of_the_others);
	tcase_add_test(tcase, job_does_not_wait_behind_one_that_a_woken_thread_is_about_to_take);
	tcase_add_test(tcase, no_more_calls_at_a_time_than_threads);
	tcase_add_test(tcase, jobs_that_are_not_done_are_dropped);
	tcase_add_test(tcase, call_that_blocks_is_left_alone_and_dropped_at_its_end);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
