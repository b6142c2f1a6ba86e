#include "build_config.h"

#include "relay/tried.h"

#include "relay/health.h"

#include <errno.h>
#include <stdlib.h>

int tried_add(struct tried **tried, struct health *health)
{
	size_t count = *tried ? (*tried)->count : 0;
	struct tried *grown = realloc(*tried, sizeof(*grown) + (count + 1) * sizeof(health));

	if (!grown)
		return -ENOMEM;
	grown->health[count] = health_get(health);
	grown->count = count + 1;
	*tried = grown;
	return 0;
}

bool tried_has(const struct tried *tried, const struct health *health)
{
	for (size_t i = 0; tried && i < tried->count; i++)
		if (tried->health[i] == health)
			return true;
	return false;
}

void tried_forget(struct tried **tried)
{
	if (!*tried)
		return;
	for (size_t i = 0; i < (*tried)->count; i++)
		health_put((*tried)->health[i]);
	free(*tried);
	*tried = NULL;
}
