#include "build_config.h"

#include "daemon/http_host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_port(const char *text)
{
	return *text == '\0' || (*text == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

bool http_host_is_ours(const char *host)
{
	bool bracket = *host == '[';
	size_t length = strcspn(host + bracket, bracket ? "]" : ":");
	char name[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length >= sizeof(name))
		return false;
	memcpy(name, host + bracket, length);
	name[length] = '\0';
	if (!is_port(host + bracket + length + (bracket && host[1 + length])))
		return false;
	if (bracket)
		return host[1 + length] && inet_pton(AF_INET6, name, &address) == 1;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1;
}
