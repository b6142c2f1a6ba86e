/* Keeps the output of the log in memory, where a test can look at it. */
#ifndef WEIR_UNIT_CAPTURE_H
#define WEIR_UNIT_CAPTURE_H

/* From now on, standard error goes to a file in memory. */
void capture_begin(void);
void capture_end(void);
/* How many lines of the log contain text. */
unsigned captured(const char *text);

#endif
