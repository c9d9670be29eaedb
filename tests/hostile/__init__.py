"""A hostile provider and hostile plugins: what the daemon makes of them, in figures. `make hostile` prints them."""
