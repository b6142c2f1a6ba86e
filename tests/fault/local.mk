# Faults: calls and memory that fail under traffic, descriptors and ports that run out. Built without
# sanitizers, because it stands before their libraries.
check_DATA = tests/fault/shim.so
tests/fault/shim.so: tests/fault/shim.c
	$(AM_V_CC)$(MKDIR_P) tests/fault && $(CC) $(CPPFLAGS) -I. -std=gnu17 $(WEIR_CFLAGS) $(CFLAGS) \
		-U_FORTIFY_SOURCE -fno-sanitize=all -fPIC -shared -o $@ $(srcdir)/tests/fault/shim.c

FAULTS = \
	tests/fault/aside.sh \
	tests/fault/calls.sh \
	tests/fault/memory.sh \
	tests/fault/reload.sh \
	tests/fault/resources.sh \
	tests/fault/takeover.sh \
	tests/fault/targets.sh
TESTS += $(FAULTS)
EXTRA_DIST += $(FAULTS) tests/fault/lib.sh tests/fault/faulty tests/fault/shim.c
CLEANFILES += tests/fault/shim.so
