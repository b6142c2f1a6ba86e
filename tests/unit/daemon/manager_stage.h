/* A service manager that the test plays. */
#ifndef WEIR_MANAGER_STAGE_H
#define WEIR_MANAGER_STAGE_H

/* Sets NOTIFY_SOCKET to a name of its own, and no watchdog is wanted. */
void manager_begin(void);
void manager_end(void);
/* Listens at a path instead, until the next call. */
void manager_move(const char *path);
/* The next message, or "" if there is none. Valid until the next call. */
const char *manager_received(void);

#endif
