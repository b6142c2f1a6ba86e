extern int weir_budget; /* to be written */
