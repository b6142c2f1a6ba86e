extern int weir_daemon; /* to be written */
