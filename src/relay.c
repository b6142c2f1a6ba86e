extern int weir_relay; /* to be written */
