extern int weir_ini_reader; /* to be written */
