extern int weir_config; /* to be written */
