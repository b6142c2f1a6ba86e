#include "build_config.h"

#include "base/bell.h"

static void take_message(void *arg, struct message *message)
{
	struct bell *bell = arg;

	(void)message;
	bell->heard(bell->arg);
}

int bell_open(struct bell *bell, struct event_base *base, void (*heard)(void *arg), void *arg)
{
	*bell = (struct bell){.mailbox = {.fd = -1}, .heard = heard, .arg = arg};
	return mailbox_open(&bell->mailbox, base, take_message, bell);
}

void bell_close(struct bell *bell)
{
	mailbox_close(&bell->mailbox);
}

void bell_await(struct bell *bell)
{
	atomic_store(&bell->awaited, true);
}

bool bell_is_awaited(const struct bell *bell)
{
	return atomic_load(&bell->awaited);
}

/* Of several threads, one posts. */
void bell_ring_awaited(struct bell *bell)
{
	if (atomic_exchange(&bell->awaited, false))
		mailbox_post(&bell->mailbox, &bell->message);
}
