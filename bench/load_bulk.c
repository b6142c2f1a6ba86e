/* Bulk data up, down or both ways, on many connections at once. */
#include "build_config.h"

#include "load_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS 256

struct transfer {
	int fd;
	uint32_t events;
	struct stream in, out;
	uint64_t ack; /* the server's answer to an upload, as it arrives */
	size_t ack_left;
};

struct bulk {
	const struct load_options *options;
	int epoll;
	unsigned running;
	struct transfer *transfers;
	struct client_failures failures;
};

static bool uploads(const struct bulk *bulk)
{
	return bulk->options->flags & LOAD_TAKE;
}

static bool downloads(const struct bulk *bulk)
{
	return bulk->options->flags & LOAD_GIVE;
}

/* Bytes per connection and direction. */
static uint64_t share(const struct load_options *options)
{
	unsigned directions = (options->flags & LOAD_TAKE) && (options->flags & LOAD_GIVE) ? 2 : 1;

	return options->milliseconds != 0 ? LOAD_FOREVER : options->bytes / options->connections / directions;
}

static void transfer_open(struct bulk *bulk, struct transfer *transfer, uint64_t seed)
{
	uint64_t bytes = share(bulk->options);
	struct load_request request = {.magic = LOAD_MAGIC,
	                               .flags = bulk->options->flags,
	                               .give = downloads(bulk) ? bytes : 0,
	                               .seed = seed};

	transfer->in = (struct stream){.total = request.give, .seed = seed};
	transfer->in.copied = bulk->options->address.any.sa_family == AF_UNIX;
	transfer->out = (struct stream){.total = uploads(bulk) ? bytes : 0, .seed = seed};
	transfer->ack_left = uploads(bulk) ? sizeof(transfer->ack) : 0;
	transfer->fd = client_open(bulk->options, &request);
}

static void transfer_end(struct bulk *bulk, struct transfer *transfer, const char *failure)
{
	if (failure)
		client_failed(&bulk->failures, failure);
	client_watch(bulk->epoll, EPOLL_CTL_DEL, transfer->fd, 0, NULL);
	bulk->running--;
}

/*
 * Takes the upload's acknowledgement, which ends the transfer. Returns NULL while it is incomplete, "" when
 * it is right, otherwise what went wrong.
 */
static const char *take_ack(struct transfer *transfer)
{
	char *ack = (char *)&transfer->ack + sizeof(transfer->ack) - transfer->ack_left;
	ssize_t received = recv(transfer->fd, ack, transfer->ack_left, 0);

	if (received < 0)
		return errno == EAGAIN ? NULL : strerror(errno);
	if (received == 0)
		return "end of stream instead of the acknowledgement";
	transfer->ack_left -= (size_t)received;
	if (transfer->ack_left > 0)
		return NULL;
	if (transfer->ack == LOAD_ACK_WRONG)
		return "wrong bytes arrived at the server";
	return transfer->ack == transfer->out.done ? "" : "the server acknowledged another length";
}

/* Takes the end of stream that must follow a pure download. Returns the same as take_ack. */
static const char *take_end(struct transfer *transfer)
{
	char extra;
	ssize_t received = recv(transfer->fd, &extra, 1, 0);

	if (received < 0)
		return errno == EAGAIN ? NULL : strerror(errno);
	return received == 0 ? "" : "more bytes came than were asked for";
}

/* Returns NULL while more is expected, "" at a good end, otherwise what went wrong. */
static const char *receive(struct bulk *bulk, struct transfer *transfer)
{
	int result = stream_receive(&transfer->in, transfer->fd, bulk->options->flags & LOAD_VERIFY);

	if (result < 0)
		return result == -EILSEQ ? "wrong bytes arrived at the client" : strerror(-result);
	if (result == 1)
		return "end of stream before the last byte";
	if (transfer->in.done < transfer->in.total)
		return NULL;
	return uploads(bulk) ? take_ack(transfer) : take_end(transfer);
}

static const char *transmit(struct transfer *transfer)
{
	int result = stream_send(&transfer->out, transfer->fd);

	if (result < 0)
		return strerror(-result);
	if (transfer->out.done == transfer->out.total && shutdown(transfer->fd, SHUT_WR) != 0)
		return strerror(errno);
	return NULL;
}

static void transfer_progress(struct bulk *bulk, struct transfer *transfer, uint32_t events)
{
	const char *verdict = NULL;
	uint32_t wanted;

	if (events & EPOLLOUT)
		verdict = transmit(transfer);
	if (!verdict && events & ~(uint32_t)EPOLLOUT)
		verdict = receive(bulk, transfer);
	if (verdict) {
		transfer_end(bulk, transfer, *verdict ? verdict : NULL);
		return;
	}
	wanted = EPOLLIN | (transfer->out.done < transfer->out.total ? (uint32_t)EPOLLOUT : 0);
	if (wanted != transfer->events)
		client_watch(bulk->epoll, EPOLL_CTL_MOD, transfer->fd, wanted, transfer);
	transfer->events = wanted;
}

static void bulk_pass(struct bulk *bulk, uint64_t wait_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(bulk->epoll, events, EVENTS, (int)wait_ms);

	if (count < 0 && errno != EINTR)
		load_die("epoll_wait");
	for (int i = 0; i < count; i++)
		transfer_progress(bulk, events[i].data.ptr, events[i].events);
}

static void bulk_begin(struct bulk *bulk)
{
	for (unsigned i = 0; i < bulk->options->connections; i++) {
		struct transfer *transfer = &bulk->transfers[i];

		if (downloads(bulk))
			client_ask_to_give(transfer->fd);
		transfer->events = EPOLLIN | (uploads(bulk) ? (uint32_t)EPOLLOUT : 0);
		client_watch(bulk->epoll, EPOLL_CTL_ADD, transfer->fd, transfer->events, transfer);
	}
}

static void bulk_run(struct bulk *bulk)
{
	uint64_t limit =
	        bulk->options->milliseconds != 0 ? bulk->options->milliseconds : bulk->options->timeout;
	uint64_t end = load_now_ns() + limit * 1000000, now;

	while (bulk->running > 0 && (now = load_now_ns()) < end)
		bulk_pass(bulk, (end - now) / 1000000 + 1);
	if (bulk->options->milliseconds == 0)
		for (unsigned i = 0; i < bulk->running; i++)
			client_failed(&bulk->failures, "not complete in time");
}

static uint64_t bytes_moved(const struct bulk *bulk)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < bulk->options->connections; i++)
		sum += bulk->transfers[i].in.done + bulk->transfers[i].out.done;
	return sum;
}

int load_bulk(const struct load_options *options)
{
	struct bulk bulk = {.options = options, .epoll = client_epoll(), .running = options->connections};
	uint64_t start;

	bulk.transfers = load_alloc(options->connections, sizeof(*bulk.transfers));
	for (unsigned i = 0; i < options->connections; i++)
		transfer_open(&bulk, &bulk.transfers[i], (uint64_t)i * 4099);
	client_start();

	start = load_now_ns();
	bulk_begin(&bulk);
	bulk_run(&bulk);
	printf("{\"seconds\": %.6f, \"bytes\": %llu, ", (double)(load_now_ns() - start) / 1e9,
	       (unsigned long long)bytes_moved(&bulk));
	client_print_failures(&bulk.failures);
	client_finish();
	free(bulk.transfers);
	return EXIT_SUCCESS;
}
