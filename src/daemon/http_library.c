#include "build_config.h"

#include "daemon/http_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct http_library mhd;

/* One that is older than what weir was built with may lack something. */
static bool find_all(void *library)
{
	static const struct {
		const char *name;
		size_t offset;
	} functions[] = {
#define ENTRY(name) {"MHD_" #name, offsetof(struct http_library, name)},
	        HTTP_LIBRARY(ENTRY)
#undef ENTRY
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(library, functions[i].name);

		if (!function)
			return false;
		memcpy((char *)&mhd + functions[i].offset, &function, sizeof(function));
	}
	return true;
}

int http_library_load(void)
{
	static bool loaded;
	void *library;

	if (loaded)
		return 0;
	library = dlopen(MICROHTTPD_LIBRARY, RTLD_NOW);
	loaded = library && find_all(library);
	if (loaded)
		return 0;
	if (library)
		dlclose(library);
	return -ELIBACC;
}
