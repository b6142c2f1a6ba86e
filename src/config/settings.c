#include "build_config.h"

#include "config/settings.h"

#include <stdlib.h>

void config_free_relay(struct config_relay *relay)
{
	for (size_t i = 0; i < relay->listen_count; i++)
		address_deinit(&relay->listen[i]);
	for (size_t i = 0; i < relay->target_count; i++)
		address_deinit(&relay->target[i].address);
	for (size_t i = 0; i < relay->backup_target_count; i++)
		address_deinit(&relay->backup_target[i].address);
	free(relay->listen);
	free(relay->target);
	free(relay->backup_target);
	free(relay->allow);
	free(relay->deny);
	free(relay->accept_proxy);
	free(relay->source_address);
	free(relay->source_interface);
	free(relay->name);
	*relay = (struct config_relay){0};
}

static void config_free(struct config *config)
{
	for (size_t i = 0; i < config->relay_count; i++)
		config_free_relay(&config->relays[i]);
	for (size_t i = 0; i < config->warning_count; i++)
		free(config->warnings[i]);
	free(config->warnings);
	free(config->relays);
	address_deinit(&config->global.http_listen);
	free(config->global.dump_file);
	free(config);
}

struct config *config_get(struct config *config)
{
	refcount_get(&config->references);
	return config;
}

void config_put(struct config *config)
{
	if (config && refcount_put(&config->references))
		config_free(config);
}
