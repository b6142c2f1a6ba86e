extern int weir_worker; /* to be written */
