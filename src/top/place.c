#include "build_config.h"

#include "top/place.h"

#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A URL has no '%' of its own: the one before the interface of a link-local address is written as "%25". */
static void take_host(struct place *place)
{
	size_t length = 0;

	for (const char *at = place->text; *at && length + sizeof("%25") <= sizeof(place->host); at++) {
		if (*at == '%')
			length = (size_t)(stpcpy(place->host + length, "%25") - place->host);
		else
			place->host[length++] = *at;
	}
	place->host[length] = '\0';
}

static void take_path(struct place *place)
{
	const char *path = place->text + strlen("unix:");

	place->is_abstract = *path == '@';
	strcpy(place->path, place->is_abstract ? path + 1 : path);
	strcpy(place->host, "localhost");
}

int place_of(const struct address *address, struct place *place)
{
	struct address reached = *address;

	*place = (struct place){.is_abstract = false};
	if (address->kind == ADDRESS_SYSTEMD || address->ports > 1)
		return -ENOTSUP;
	if (address->kind == ADDRESS_WILDCARD)
		snprintf(place->text, sizeof(place->text), "127.0.0.1:%u", address->port);
	if (address->kind == ADDRESS_LITERAL)
		reached.endpoint = endpoint_reached(&address->endpoint);
	if (address->kind != ADDRESS_WILDCARD)
		address_format(&reached, place->text);
	if (address_is_unix(address)) {
		take_path(place);
		return 0;
	}
	take_host(place);
	return address->port > 0 ? 0 : -ENOTSUP;
}

int place_parse(const char *text, struct place *place)
{
	struct address address;
	int error = address_parse(text, &address);

	if (error)
		return error == -ENOMEM ? error : -EINVAL;
	error = place_of(&address, place);
	address_deinit(&address);
	return error;
}

int place_load(const char *file, struct place *place)
{
	const struct config_request request = {.file = file, .only_looks = true};
	struct config_errors errors = {.count = 0};
	struct config *config = config_load(&request, &errors);
	int error = -EINVAL;

	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "weir-top: %s\n", errors.text[i]);
	config_errors_deinit(&errors);
	if (config)
		error = config_serves_http(&config->global) ? place_of(&config->global.http_listen, place)
		                                            : -ENOENT;
	config_put(config);
	return error;
}
