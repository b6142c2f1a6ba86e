extern int weir_resolver; /* to be written */
