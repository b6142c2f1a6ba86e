extern int weir_address; /* to be written */
