#include "build_config.h"

#include "net/local_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void local_address_init(struct local_address *local, const struct endpoint *addresses, size_t count,
                        const char *interface)
{
	*local = (struct local_address){0};
	for (size_t i = 0; i < count; i++)
		if (addresses[i].any.sa_family == AF_INET6)
			local->ipv6 = addresses[i].in6;
		else
			local->ipv4 = addresses[i].in;
	snprintf(local->interface, sizeof(local->interface), "%s", interface ? interface : "");
}

bool local_address_for(const struct local_address *local, const struct endpoint *to, struct endpoint *from)
{
	if (to->any.sa_family == AF_INET6)
		*from = (struct endpoint){.length = sizeof(from->in6), .in6 = local->ipv6};
	else
		*from = (struct endpoint){.length = sizeof(from->in), .in = local->ipv4};
	return from->any.sa_family == to->any.sa_family;
}

int local_address_bind_interface(const struct local_address *local, int fd)
{
	const char *name = local->interface;

	if (name[0] == '\0')
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0 ? -errno : 0;
}

int local_address_bind(int fd, const struct endpoint *from)
{
	static const int on = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, &from->any, from->length) == 0)
		return 0;
	return errno == EADDRNOTAVAIL ? -ENXIO : -errno;
}

char *local_address_error_text(const struct local_address *local, const struct endpoint *to, int error,
                               char buf[LOCAL_ADDRESS_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN] = "";
	const bool ipv6 = to->any.sa_family == AF_INET6;

	if (error == -ENODEV) {
		snprintf(buf, LOCAL_ADDRESS_TEXT_MAX, "there is no interface %s (source_interface)",
		         local->interface);
		return buf;
	}
	inet_ntop(to->any.sa_family, ipv6 ? (const void *)&local->ipv6.sin6_addr : &local->ipv4.sin_addr,
	          text, sizeof(text));
	snprintf(buf, LOCAL_ADDRESS_TEXT_MAX, "the machine does not have %s (source_address)", text);
	return buf;
}
