extern int weir_dump; /* to be written */
