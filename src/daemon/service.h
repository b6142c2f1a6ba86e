/* What the service manager is told: sd_notify(3) where weir was built with libsystemd, nothing otherwise. */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

void service_ready(const char *status); /* READY=1 with a STATUS line */
void service_stopping(void);

#endif
