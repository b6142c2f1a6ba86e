extern int weir_units; /* to be written */
