/*
 * Files in memory (memfd_create(2)): written once, sealed, and then handed on to another program by their
 * descriptor. Whoever reads one knows that it does not change any more.
 */
#ifndef WEIR_MEMORY_FILE_H
#define WEIR_MEMORY_FILE_H

#include <stddef.h>

/* A new one, close-on-exec: its descriptor, or -errno. name is for people, in /proc. */
int memory_file_new(const char *name);
/* Appends all that is in the file at path, which must be a regular one. 0 or -errno. May block. */
int memory_file_append(int fd, const char *path, size_t most);
/* Nobody can change it from now on. 0 or -errno. */
int memory_file_seal(int fd);

/* What is in one. */
struct memory_text {
	const char *start; /* NULL: nothing */
	size_t size;
};

/* Of a sealed file. 0, -EINVAL if it is none, or -errno. */
int memory_file_map(int fd, struct memory_text *text);
void memory_file_unmap(struct memory_text *text); /* also what was never mapped, if it is zeroed */

#endif
