# What the world does to a daemon: networks, clocks, names, crowds.
WORLD =
