# What the world does to a daemon: networks, clocks, names, crowds.
check_PROGRAMS += tests/world/wire
tests_world_wire_SOURCES = tests/world/wire.c

WORLD = \
	tests/world/network.sh
EXTRA_DIST += $(WORLD)
