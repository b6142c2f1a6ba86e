/* relay.ini: the input is the file. */
#include "build_config.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_request request = {.file = fuzz_file(data, size)};

	fuzz_load(&request);
	return 0;
}
