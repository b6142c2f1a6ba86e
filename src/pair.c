extern int weir_pair; /* to be written */
