extern int weir_options; /* to be written */
