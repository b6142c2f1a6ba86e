# What the world does to a daemon: networks, clocks, names, crowds.
check_PROGRAMS += \
	tests/world/halt \
	tests/world/honest \
	tests/world/storm \
	tests/world/wire
tests_world_halt_SOURCES = tests/world/halt.c
tests_world_honest_SOURCES = tests/world/honest.c
tests_world_storm_SOURCES = tests/scenario/pattern.c tests/scenario/pattern.h tests/world/storm.c
tests_world_storm_LDADD = src/libweir.a
tests_world_wire_SOURCES = tests/world/wire.c

# To be preloaded, so without the sanitizers of what they are loaded into.
check_PROGRAMS += \
	tests/world/clock.so \
	tests/world/names.so
tests_world_clock_so_SOURCES = tests/world/clock.c
tests_world_clock_so_CFLAGS = -std=gnu17 -Wall -Wextra -fPIC
tests_world_clock_so_LDFLAGS = -shared
tests_world_names_so_SOURCES = tests/world/names.c
tests_world_names_so_CFLAGS = $(tests_world_clock_so_CFLAGS)
tests_world_names_so_LDFLAGS = -shared

# The longest first, for make -j.
WORLD = \
	tests/world/network.sh \
	tests/world/reloads.sh \
	tests/world/hostile.sh \
	tests/world/names.sh \
	tests/world/time.sh
EXTRA_DIST += $(WORLD) tests/world/halt.sh
