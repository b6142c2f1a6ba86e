/*
 * What the fuzz targets share. Each target is one function over arbitrary bytes; libFuzzer calls it with what
 * it makes up (scripts/fuzz), replay.c with what is kept in corpus/ ("make check").
 */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include "config/config.h"

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Returns 0, and aborts when something that must hold does not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts the program, and says which condition failed, unless it holds. */
#define fuzz_require(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* A NUL-terminated copy, no byte larger, so that a read beyond it is seen. Never NULL; to be freed. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The path of a file in memory with this content; the same file every time. */
const char *fuzz_file(const void *data, size_t size);

/*
 * Loads request. It must give a configuration or complaints, never both, and what config_print writes of a
 * configuration must load to the same again.
 */
void fuzz_load(const struct config_request *request);

#endif
