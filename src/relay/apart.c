#include "build_config.h"

#include "relay/apart.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define UNIX_PORT 65536u /* stands for all unix addresses */

struct mark {
	unsigned port;
	size_t number; /* of the relay */
	const struct relay *relay;
	const struct entrance *entrance;
};

static int compare(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static size_t add_relay(struct mark *marks, size_t count, const struct relay *relay, size_t number)
{
	const struct entrances *entrances = &relay->entrances;

	for (size_t i = 0; i < entrances->count; i++) {
		const struct entrance *entrance = entrances->list[i];
		const struct endpoint *endpoint = &entrance->endpoint;
		unsigned port = endpoint->any.sa_family == AF_UNIX ? UNIX_PORT : endpoint_port(endpoint);

		marks[count++] = (struct mark){port, number, relay, entrance};
	}
	return count;
}

static int fail(const struct mark *one, const struct mark *other)
{
	const struct mark *later = one->number < other->number ? other : one;
	const struct mark *earlier = one->number < other->number ? one : other;

	log_error("relay %s: cannot listen on %s: relay %s does", later->relay->config->name,
	          later->entrance->text, earlier->relay->config->name);
	return -EADDRINUSE;
}

/* All that have one port. */
static int check_port(const struct mark *marks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!marks[i].relay->entrances.by_name)
			continue;
		for (size_t j = 0; j < count; j++)
			if (marks[i].entrance != marks[j].entrance &&
			    entrance_overlaps(marks[i].entrance, marks[j].entrance))
				return fail(&marks[i], &marks[j]);
	}
	return 0;
}

static int check_ports(struct mark *marks, size_t count)
{
	int error = 0;

	qsort(marks, count, sizeof(*marks), compare);
	for (size_t first = 0, end; !error && first < count; first = end) {
		for (end = first + 1; end < count && marks[end].port == marks[first].port;)
			end++;
		error = check_port(&marks[first], end - first);
	}
	return error;
}

static int check_all(struct relay *const *relays, size_t count, size_t entrances)
{
	struct mark *marks = calloc(entrances, sizeof(*marks));
	size_t marked = 0;
	int error;

	if (!marks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		marked = add_relay(marks, marked, relays[i], i);
	error = check_ports(marks, marked);
	free(marks);
	return error;
}

int apart_check(struct relay *const *relays, size_t count)
{
	size_t entrances = 0;
	bool in_doubt = false;

	for (size_t i = 0; i < count; i++) {
		entrances += relays[i]->entrances.count;
		in_doubt = in_doubt || relays[i]->entrances.by_name;
	}
	return in_doubt ? check_all(relays, count, entrances) : 0;
}
