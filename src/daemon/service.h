/* Reports to the service manager with sd_notify(3). Does nothing if weir was built without libsystemd. */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

void service_ready(const char *status); /* READY=1 with a STATUS line */
void service_stopping(void);

#endif
