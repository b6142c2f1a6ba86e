/*
 * Preloaded, it is the name service of one program. NAMES names a file that is read for each lookup. It
 * holds words, which are obeyed in order, separated by white space.
 *
 *   wait MS        the answer takes that long
 *   until FILE     or until that file exists
 *   fail           there is none for now
 *   ADDRESS        one address of the answer
 *   many N         N addresses, 127.9.0.1 and on
 */
#include "build_config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct answer {
	struct addrinfo info;
	struct sockaddr_in address;
};

static void add(struct addrinfo **list, in_addr_t address, const char *service)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		abort();
	answer->address.sin_family = AF_INET;
	answer->address.sin_addr.s_addr = address;
	answer->address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
	answer->info.ai_family = AF_INET;
	answer->info.ai_socktype = SOCK_STREAM;
	answer->info.ai_addr = (struct sockaddr *)&answer->address;
	answer->info.ai_addrlen = sizeof(answer->address);
	answer->info.ai_next = *list;
	*list = &answer->info;
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): the list's first member is the answer */
}

static void add_many(struct addrinfo **list, unsigned count, const char *service)
{
	for (unsigned i = 1; i <= count; i++)
		add(list, htonl(0x7f090000 + i), service);
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list); /* the first member of an answer */
		list = next;
	}
}

static void wait_until_there(const char *path)
{
	while (access(path, F_OK) < 0)
		usleep(5000);
}

/* False for a failed lookup. */
static int follow(FILE *script, const char *service, struct addrinfo **list)
{
	char word[64];
	unsigned number;

	while (fscanf(script, "%63s", word) == 1) {
		if (strcmp(word, "fail") == 0)
			return 0;
		if (strcmp(word, "wait") == 0 && fscanf(script, "%u", &number) == 1)
			usleep(number * 1000);
		else if (strcmp(word, "until") == 0 && fscanf(script, "%63s", word) == 1)
			wait_until_there(word);
		else if (strcmp(word, "many") == 0 && fscanf(script, "%u", &number) == 1)
			add_many(list, number, service);
		else
			add(list, inet_addr(word), service);
	}
	return *list != NULL;
}

int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	const char *path = getenv("NAMES");
	FILE *script = path ? fopen(path, "re") : NULL;
	struct addrinfo *list = NULL;
	int found = script && follow(script, service, &list);

	(void)host;
	(void)hints;
	if (script)
		fclose(script);
	if (!found) {
		freeaddrinfo(list);
		return EAI_AGAIN;
	}
	*result = list;
	return 0;
}
