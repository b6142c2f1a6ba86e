extern int weir_listener; /* to be written */
