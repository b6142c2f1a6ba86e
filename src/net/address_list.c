#include "build_config.h"

#include "net/address_list.h"

#include <stdlib.h>

struct address_list *address_list_new(size_t capacity)
{
	struct address_list *list = calloc(1, sizeof(*list) + capacity * sizeof(list->endpoint[0]));

	if (list)
		refcount_init(&list->references);
	return list;
}

struct address_list *address_list_get(struct address_list *list)
{
	refcount_get(&list->references);
	return list;
}

void address_list_put(struct address_list *list)
{
	if (list && refcount_put(&list->references))
		free(list);
}

struct address_list *address_list_single(const struct endpoint *endpoint)
{
	struct address_list *list = address_list_new(1);

	if (list)
		list->endpoint[list->count++] = *endpoint;
	return list;
}

struct address_list *address_list_with_port(const struct address_list *list, uint16_t port)
{
	struct address_list *copy = address_list_new(list->count);

	if (!copy)
		return NULL;
	for (; copy->count < list->count; copy->count++) {
		copy->endpoint[copy->count] = list->endpoint[copy->count];
		endpoint_set_port(&copy->endpoint[copy->count], port);
	}
	return copy;
}

bool address_list_has(const struct address_list *list, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < list->count; i++)
		if (endpoint_equal(&list->endpoint[i], endpoint))
			return true;
	return false;
}

bool address_list_equal(const struct address_list *one, const struct address_list *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (!address_list_has(other, &one->endpoint[i]))
			return false;
	return true;
}
