extern int weir_flow; /* to be written */
