/* Loads configurations from a file in the test's own folder. */
#ifndef WEIR_UNIT_CONFIG_STAGE_H
#define WEIR_UNIT_CONFIG_STAGE_H

#include "base/units.h"
#include "config/config.h"
#include "config/ini_reader.h"
#include "config/options.h"
#include "faults.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX     65536

#define RELAY "[relay r]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n" /* a valid relay in three lines */
#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG                                                                                                 \
	FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY      \
	        FIFTY FIFTY FIFTY FIFTY FIFTY /* 1050 bytes */

#define EXPECT_LISTEN                                                                                        \
	"HOST:PORT, [IPV6]:PORT or *:PORT (PORT may be a range like 30000-30099), systemd:NAME, "            \
	"unix:@NAME or unix:/PATH, which may have mode=OCTAL, owner=USER and group=GROUP after it"
#define EXPECT_TARGET                                                                                        \
	"HOST:PORT or [IPV6]:PORT (PORT may be a range like 30000-30099), unix:/PATH or unix:@NAME, "        \
	"which may have weight=N, from 1 to 100, after it"

extern char folder[UNIT_PATH_MAX], file[64]; /* the test's own; file is in folder */
extern struct config_errors errors;

void setup(void);
void teardown(void);
void write_file(const char *text, size_t length);
struct config *load(const char *text);
struct config *load_good(const char *text);
/* A good text. Every allocation fails once, the C library's aside; there is never half an answer. */
void load_without_memory(const char *text);
/* All errors, one per line, with FILE in place of the path. */
const char *errors_text(void);
char *print(const struct config *config);
/* The arguments after text, up to NULL, are arguments of --option. */
struct config *load_with(const char *text, ...);
/* NOLINTNEXTLINE(readability-non-const-parameter): target is the one element of a char *[] */
void check_command_line(char *listen, char *second, char *target, const char *text, const char *expected);

#endif
