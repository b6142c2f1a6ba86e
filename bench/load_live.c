/*
 * A live stream: its source writes a time stamp into it now and then, and its sink compares that with the
 * time at which it reads it. So it measures how old a byte is when it arrives.
 *
 * A stamp is renewed until its bytes are handed to the kernel. The time for which a source is held up before
 * that does not make its bytes older: a live source has newer ones by then. It is measured by itself.
 */
#include "build_config.h"

#include "load_live.h"

#include "load_client.h"
#include "load_samples.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000u
/* A slow reader may be so late and keeps its rate; it reads for so long at once. */
#define LATE_NS 2000000u

struct stamp {
	uint64_t written; /* when, in ns of CLOCK_MONOTONIC */
	uint64_t held;    /* for how long the source has been held up until then, in ns */
};

static void sleep_until(uint64_t ns)
{
	const struct timespec due = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

static uint64_t duration_of(uint64_t bytes, uint64_t rate)
{
	return (uint64_t)((double)bytes / (double)rate * NS_PER_S);
}

/* ---- the source ---- */

struct source {
	int fd;
	struct load_request request;
	char *piece;
	uint64_t held;
};

/* Stamps what is not sent yet. A stamp that is partly sent stays as it is. */
static void put_stamps(struct source *source, size_t sent)
{
	size_t distance = source->request.stamp;
	const struct stamp stamp = {.written = load_now_ns(), .held = source->held};

	for (size_t i = (sent + distance - 1) / distance * distance; i < source->request.piece; i += distance)
		memcpy(source->piece + i, &stamp, sizeof(stamp));
}

static void wait_for_room(struct source *source)
{
	struct pollfd wanted = {.fd = source->fd, .events = POLLOUT};
	uint64_t start = load_now_ns();

	poll(&wanted, 1, -1);
	source->held += load_now_ns() - start;
}

/* False when the connection is over. */
static bool give_piece(struct source *source)
{
	size_t done = 0, length = source->request.piece;

	while (done < length) {
		ssize_t sent;

		put_stamps(source, done);
		sent = send(source->fd, source->piece + done, length - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0)
			wait_for_room(source);
		else
			done += (size_t)sent;
	}
	return true;
}

static void *source_loop(void *arg)
{
	struct source *source = arg;
	uint64_t start = load_now_ns(), rate = source->request.rate, given = 0;

	prctl(PR_SET_TIMERSLACK, 1ul);
	while (give_piece(source)) {
		given += source->request.piece;
		if (rate != 0)
			sleep_until(start + duration_of(given, rate));
	}
	close(source->fd);
	free(source->piece);
	free(source);
	return NULL;
}

void live_give(int fd, const struct load_request *request)
{
	struct source *source = load_alloc(1, sizeof(*source));
	pthread_t thread;

	*source = (struct source){.fd = fd, .request = *request, .piece = load_alloc(1, request->piece)};
	errno = pthread_create(&thread, NULL, source_loop, source);
	if (errno != 0)
		load_die("pthread_create");
	pthread_detach(thread);
}

/* ---- the sink ---- */

struct sink {
	const struct load_options *options;
	int fd;
	size_t at; /* bytes since the last stamp began */
	struct stamp stamp, first;
	uint64_t start, measured, end; /* measured: bytes count from here on */
	uint64_t due;                  /* when a slow reader reads on */
	uint64_t bytes, bytes_before;  /* all, and those that do not count */
	struct samples ages;
	struct client_failures failures;
};

static void take_stamp(struct sink *sink, uint64_t last_written)
{
	uint64_t now = load_now_ns();

	if (sink->stamp.written < last_written || sink->stamp.written > now)
		client_failed(&sink->failures, "a wrong time stamp arrived");
	if (now < sink->measured)
		return;
	if (sink->ages.count == 0)
		sink->first = sink->stamp;
	samples_add(&sink->ages, now - sink->stamp.written);
}

/* Takes a stamp or what follows it, without copying that. Returns what recv(2) does. */
static ssize_t take(struct sink *sink)
{
	uint64_t last_written = sink->stamp.written;
	char *stamp = (char *)&sink->stamp;
	size_t distance = sink->options->size;
	ssize_t taken = sink->at < sizeof(sink->stamp)
	                        ? recv(sink->fd, stamp + sink->at, sizeof(sink->stamp) - sink->at, 0)
	                        : recv(sink->fd, NULL, distance - sink->at, MSG_TRUNC);

	if (taken <= 0)
		return taken;
	sink->at += (size_t)taken;
	if (sink->at == sizeof(sink->stamp))
		take_stamp(sink, last_written);
	if (sink->at == distance)
		sink->at = 0;
	return taken;
}

static void count(struct sink *sink, uint64_t taken, uint64_t now)
{
	uint64_t rate = sink->options->rate;

	sink->bytes += taken;
	if (now < sink->measured)
		sink->bytes_before += taken;
	if (rate == 0)
		return;
	if (sink->due + LATE_NS < now)
		sink->due = now - LATE_NS;
	sink->due += duration_of(taken, rate);
}

/* Returns when the reader reads on, which may be now. */
static uint64_t next_read(const struct sink *sink, uint64_t now)
{
	uint64_t rest = sink->options->rest * 1000000;
	uint64_t part = rest == 0 ? 0 : (now - sink->start) / rest;

	if (part % 2 == 1)
		return sink->start + (part + 1) * rest;
	return sink->due > now + LATE_NS ? sink->due : now;
}

static void wait_for_bytes(const struct sink *sink, uint64_t now)
{
	struct pollfd wanted = {.fd = sink->fd, .events = POLLIN};

	if (poll(&wanted, 1, (int)((sink->end - now) / 1000000) + 1) < 0)
		load_die("poll");
}

static void read_on(struct sink *sink, uint64_t now)
{
	ssize_t taken = take(sink);

	if (taken > 0)
		count(sink, (uint64_t)taken, now);
	else if (taken < 0 && errno == EAGAIN)
		wait_for_bytes(sink, now);
	else
		client_failed(&sink->failures, taken < 0 ? strerror(errno) : "end of stream");
}

static void sink_run(struct sink *sink)
{
	uint64_t now, next;

	while ((now = load_now_ns()) < sink->end && sink->failures.count == 0) {
		next = next_read(sink, now);
		if (next > now)
			sleep_until(next < sink->end ? next : sink->end);
		else
			read_on(sink, now);
	}
	if (sink->ages.count == 0)
		client_failed(&sink->failures, "no time stamp arrived");
}

static void sink_print(struct sink *sink)
{
	uint64_t time = sink->stamp.written - sink->first.written;
	uint64_t held = sink->stamp.held - sink->first.held;

	printf("{\"seconds\": %.6f, \"bytes\": %llu, ", (double)(sink->end - sink->measured) / 1e9,
	       (unsigned long long)(sink->bytes - sink->bytes_before));
	printf("\"all_seconds\": %.6f, \"all_bytes\": %llu, \"held\": %.4f, ",
	       (double)(sink->end - sink->start) / 1e9, (unsigned long long)sink->bytes,
	       time == 0 ? 0 : (double)held / (double)time);
	samples_print(&sink->ages);
	client_print_failures(&sink->failures);
}

int load_live(const struct load_options *options)
{
	const struct load_request request = {.magic = LOAD_MAGIC,
	                                     .flags = LOAD_GIVE | LOAD_LIVE,
	                                     .piece = options->piece,
	                                     .stamp = (uint32_t)options->size,
	                                     .send_buffer = options->buffer,
	                                     .rate = options->source_rate};
	struct sink sink = {.options = options, .fd = client_open(options, &request)};

	samples_init(&sink.ages);
	prctl(PR_SET_TIMERSLACK, 1ul);
	client_start();
	client_ask_to_give(sink.fd);
	sink.start = load_now_ns();
	sink.measured = sink.start + options->warmup * 1000000;
	sink.end = sink.measured + options->milliseconds * 1000000;
	sink_run(&sink);
	sink_print(&sink);
	client_finish();
	samples_deinit(&sink.ages);
	return EXIT_SUCCESS;
}
