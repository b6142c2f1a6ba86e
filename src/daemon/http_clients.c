#include "build_config.h"

#include "daemon/http_private.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"

#include <stdlib.h>

static struct http_client *add(struct http_thread *thread, struct MHD_Connection *connection, int fd)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->thread = thread;
	client->connection = connection;
	client->fd = fd;
	client->until = clock_ms() + thread->limits.client_ms;
	if (timers_set(&thread->timers, &client->timer, client->until) == 0)
		return client;
	free(client);
	return NULL;
}

static void drop(struct http_client *client)
{
	if (!client)
		return;
	timers_stop(&client->thread->timers, &client->timer);
	if (client->waiting == HTTP_WAITING)
		TAILQ_REMOVE(&client->thread->waiting, client, entry);
	free(client);
}

/* For whoever cannot be added: there is no context, so it gets no answer. */
void http_clients_note(void *arg, struct MHD_Connection *connection, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
	struct http_thread *thread = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		        mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		thread->clients++;
		*context = add(thread, connection, info->connect_fd);
		if (!*context)
			stream_cut(info->connect_fd);
		return;
	}
	thread->clients--;
	drop(*context);
	http_thread_go_on(thread);
}

/* ---- waiting for a report ---- */

static void tell(struct http_client *client, enum http_waiting what)
{
	TAILQ_REMOVE(&client->thread->waiting, client, entry);
	client->waiting = what;
	if (timers_set(&client->thread->timers, &client->timer, client->until) < 0)
		stream_cut(client->fd);
	mhd.resume_connection(client->connection);
}

void http_client_time_out(struct timer *timer)
{
	struct http_client *client = (struct http_client *)timer;
	struct http_thread *thread = client->thread;

	if (client->waiting == HTTP_WAITING)
		tell(client, HTTP_IN_VAIN);
	else
		stream_cut(client->fd);
	http_thread_run(thread); /* client may be gone after this */
}

/* A deeper one that is wanted will do. */
static bool is_wanted(const struct http_thread *thread, enum report_depth depth)
{
	for (int wanted = (int)depth; wanted < REPORT_DEPTHS; wanted++)
		if (thread->wanted[wanted])
			return true;
	return false;
}

void http_client_wait(struct http_client *client, enum report_depth depth)
{
	struct http_thread *thread = client->thread;

	client->waiting = HTTP_WAITING;
	TAILQ_INSERT_TAIL(&thread->waiting, client, entry);
	/* It has a place already. */
	(void)timers_set(&thread->timers, &client->timer,
	                 min_u64(client->until, clock_ms() + thread->limits.wait_ms));
	mhd.suspend_connection(client->connection);
	if (is_wanted(thread, depth))
		return;
	http_texts_take(&thread->texts, NULL); /* it does not do, and there is to be one at a time */
	thread->wanted[depth] = true;
	mailbox_post(thread->wants, &thread->want[depth]);
}

void http_clients_tell(struct http_thread *thread, bool in_vain)
{
	struct http_client *client;

	while ((client = TAILQ_FIRST(&thread->waiting)))
		tell(client, in_vain ? HTTP_IN_VAIN : HTTP_NOT_WAITING);
}
