#include "build_config.h"

#include "actor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 65536, US_PER_MS = 1000, LOOK_MS = 20 };

static const char piece[PIECE];

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void account_enter(struct account *account, enum doing doing)
{
	uint64_t now = now_us();

	pthread_mutex_lock(&account->lock);
	account->total[account->doing] += now - account->since;
	account->doing = doing;
	account->since = now;
	pthread_mutex_unlock(&account->lock);
}

void account_read(struct account *account, uint64_t now, uint64_t total[DOINGS])
{
	pthread_mutex_lock(&account->lock);
	memcpy(total, account->total, sizeof(account->total));
	if (now > account->since)
		total[account->doing] += now - account->since;
	pthread_mutex_unlock(&account->lock);
}

static const struct {
	const char *word;
	enum act act;
} acts[] = {
        {"send=", ACT_SEND},   {"flood=", ACT_FLOOD}, {"wait=", ACT_WAIT}, {"read=", ACT_READ},
        {"after=", ACT_AFTER}, {"rest=", ACT_REST},   {"end", ACT_END},    {"stop", ACT_STOP},
};

bool part_add(struct part *part, const char *word)
{
	if (!strcmp(word, "loop")) {
		part->loop = part->count;
		return true;
	}
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		size_t length = strlen(acts[i].word);
		struct line *line = &part->lines[part->count];
		char *rest;

		if (part->count == LINES_MAX || strncmp(word, acts[i].word, length) != 0)
			continue;
		line->act = acts[i].act;
		line->from = line->to = strtoull(word + length, &rest, 10);
		if (*rest == '-')
			line->to = strtoull(rest + 1, &rest, 10);
		part->count++;
		return *rest == '\0' && line->to >= line->from;
	}
	return false;
}

static uint64_t number_of(struct end *end, const struct line *line)
{
	return line->from + (uint64_t)rand_r(&end->seed) % (line->to - line->from + 1);
}

static void sleep_until(uint64_t when)
{
	struct timespec time = {(time_t)(when / 1000000), (long)(when % 1000000) * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

/* True once it may go on; false when the connection has failed. */
static bool poll_for(struct end *end, struct account *account, short events, enum doing doing)
{
	struct pollfd one = {.fd = end->fd, .events = events};
	int r;

	account_enter(account, doing);
	do
		r = poll(&one, 1, -1);
	while (r < 0 && errno == EINTR);
	account_enter(account, DOING_WORK);
	return r > 0 && !(events == POLLOUT && one.revents & (POLLERR | POLLHUP));
}

static void say_news(struct end *end, uint64_t bytes)
{
	pthread_mutex_lock(&end->lock);
	end->said += bytes;
	pthread_cond_broadcast(&end->news);
	pthread_mutex_unlock(&end->lock);
}

static bool say_piece(struct end *end, size_t size)
{
	ssize_t sent;

	end->spoke_last = true; /* before, as the other thread may hear the answer at once */
	sent = send(end->fd, piece, size < PIECE ? size : PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0) {
		say_news(end, (uint64_t)sent);
		return true;
	}
	return errno == EAGAIN && poll_for(end, &end->saying, POLLOUT, DOING_BLOCKED);
}

static bool say_bytes(struct end *end, uint64_t bytes)
{
	uint64_t goal = end->said + bytes;

	while (end->said < goal) {
		if (!say_piece(end, goal - end->said))
			return false;
	}
	return true;
}

static bool say_for(struct end *end, uint64_t ms)
{
	uint64_t goal = now_us() + ms * US_PER_MS;

	while (now_us() < goal) {
		if (!say_piece(end, PIECE))
			return false;
	}
	return true;
}

/* Until so many bytes have been heard. */
static bool say_wait(struct end *end, uint64_t goal)
{
	account_enter(&end->saying, DOING_WAITING);
	pthread_mutex_lock(&end->lock);
	while (end->heard < goal && !end->over)
		pthread_cond_wait(&end->news, &end->lock);
	pthread_mutex_unlock(&end->lock);
	account_enter(&end->saying, DOING_WORK);
	return end->heard >= goal;
}

static void say_rest(struct end *end, uint64_t ms)
{
	account_enter(&end->saying, end->spoke_last ? DOING_SENDING : DOING_TURN);
	sleep_until(now_us() + ms * US_PER_MS);
	account_enter(&end->saying, DOING_WORK);
}

static bool say_line(struct end *end, const struct line *line, uint64_t *awaited)
{
	switch (line->act) {
	case ACT_SEND:
		return say_bytes(end, number_of(end, line));
	case ACT_FLOOD:
		return say_for(end, number_of(end, line));
	case ACT_WAIT:
		*awaited += number_of(end, line);
		return say_wait(end, *awaited);
	case ACT_REST:
		say_rest(end, number_of(end, line));
		return true;
	case ACT_END:
		shutdown(end->fd, SHUT_WR);
		return false;
	default:
		return false;
	}
}

static void *say(void *context)
{
	struct end *end = context;
	const struct part *part = end->say;
	uint64_t awaited = 0;

	for (unsigned i = 0; i < part->count; i = i + 1 < part->count ? i + 1 : part->loop) {
		if (!say_line(end, &part->lines[i], &awaited))
			break;
	}
	account_enter(&end->saying, DOING_OVER);
	return NULL;
}

static void hear_news(struct end *end, uint64_t bytes, bool over)
{
	pthread_mutex_lock(&end->lock);
	end->heard += bytes;
	end->over = over;
	pthread_cond_broadcast(&end->news);
	pthread_mutex_unlock(&end->lock);
}

static bool hear_bytes(struct end *end, uint64_t bytes)
{
	static _Thread_local char buffer[PIECE];
	uint64_t goal = end->heard + bytes;

	while (end->heard < goal) {
		uint64_t wanted = goal - end->heard;
		ssize_t got = recv(end->fd, buffer, wanted < PIECE ? wanted : PIECE, MSG_DONTWAIT);

		if (got > 0) {
			end->spoke_last = false;
			hear_news(end, (uint64_t)got, false);
		} else if (got == 0 || errno != EAGAIN ||
		           !poll_for(end, &end->hearing, POLLIN, DOING_WAITING)) {
			return false;
		}
	}
	return true;
}

static bool bytes_wait(const struct end *end)
{
	int count = 0;

	return ioctl(end->fd, FIONREAD, &count) == 0 && count > 0;
}

/* Looks often, as the kernel would not wake it up for a second byte behind an end. */
static void hear_rest(struct end *end, uint64_t until)
{
	account_enter(&end->hearing, DOING_REST);
	while (now_us() < until && !bytes_wait(end))
		sleep_until(now_us() + (uint64_t)LOOK_MS * US_PER_MS < until ? now_us() + LOOK_MS * US_PER_MS
		                                                             : until);
	account_enter(&end->hearing, DOING_UNREAD);
	sleep_until(until);
	account_enter(&end->hearing, DOING_WORK);
}

/* Until so many bytes have been said, in vain if nothing more is said. */
static void hear_after(struct end *end, uint64_t goal)
{
	pthread_mutex_lock(&end->lock);
	while (end->said < goal)
		pthread_cond_wait(&end->news, &end->lock);
	pthread_mutex_unlock(&end->lock);
}

static bool hear_line(struct end *end, const struct line *line, uint64_t *awaited)
{
	switch (line->act) {
	case ACT_AFTER:
		*awaited += number_of(end, line);
		hear_after(end, *awaited);
		return true;
	case ACT_READ:
		return hear_bytes(end, number_of(end, line));
	case ACT_REST:
		hear_rest(end, now_us() + number_of(end, line) * US_PER_MS);
		return true;
	default:
		hear_rest(end, UINT64_MAX / 2);
		return false;
	}
}

static void *hear(void *context)
{
	struct end *end = context;
	const struct part *part = end->hear;
	uint64_t awaited = 0;

	for (unsigned i = 0; i < part->count; i = i + 1 < part->count ? i + 1 : part->loop) {
		if (!hear_line(end, &part->lines[i], &awaited))
			break;
	}
	hear_news(end, 0, true);
	account_enter(&end->hearing, DOING_OVER);
	return NULL;
}

/* Nobody waits for it: it ends with the process. */
static int start(void *(*part)(void *), struct end *end)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, part, end);

	return r != 0 ? -r : -pthread_detach(thread);
}

int end_play(struct end *end)
{
	int r;

	end->saying.since = end->hearing.since = now_us();
	pthread_mutex_init(&end->lock, NULL);
	pthread_cond_init(&end->news, NULL);
	pthread_mutex_init(&end->saying.lock, NULL);
	pthread_mutex_init(&end->hearing.lock, NULL);
	r = start(say, end);
	return r < 0 ? r : start(hear, end);
}
