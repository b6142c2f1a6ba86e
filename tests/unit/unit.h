/* Shared by all unit test programs: runs one Check suite and reports it as TAP for automake's driver. */
#ifndef WEIR_UNIT_H
#define WEIR_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs suite and returns the exit status for main. In TAP, the lines carry the result, not the status. */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);
	return EXIT_SUCCESS;
}

#endif
