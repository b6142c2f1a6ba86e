extern int weir_log; /* to be written */
