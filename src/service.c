extern int weir_service; /* to be written */
