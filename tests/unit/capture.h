/* What the log writes, kept in memory so that a test can look at it. */
#ifndef WEIR_UNIT_CAPTURE_H
#define WEIR_UNIT_CAPTURE_H

/* From here on standard error goes to a file in memory. */
void capture_begin(void);
void capture_end(void);
/* How many lines of the log hold text. */
unsigned captured(const char *text);

#endif
