/*
 * The memory files that are handed over: what the file of the configuration says, the main part of the state,
 * and the part of each worker.
 */
#ifndef WEIR_TAKEOVER_FILES_H
#define WEIR_TAKEOVER_FILES_H

#include "daemon/handed_over.h"

#include <stddef.h>

struct takeover_files {
	int *fds; /* in the order of TAKEOVER_CONFIG and so on; -1: there is none */
	size_t count;
};

/* 0 or -ENOMEM. takeover_files_deinit takes a zeroed one too. */
int takeover_files_init(struct takeover_files *files, unsigned workers);
void takeover_files_deinit(struct takeover_files *files);

/* Makes those of the state. 0 or -errno; takeover_files_close_state must follow. */
int takeover_files_make_state(struct takeover_files *files);
/* Nothing more is written to them. 0 or -errno */
int takeover_files_seal_state(const struct takeover_files *files);
void takeover_files_close_state(struct takeover_files *files);
/* All of them. */
void takeover_files_close(struct takeover_files *files);

#endif
