extern int weir_socket; /* to be written */
