# The daemon as a black box, driven by a scripted peer. The scripts expect to be run in the build directory.
check_PROGRAMS += \
	tests/scenario/farm \
	tests/scenario/jsonrecords \
	tests/scenario/manager \
	tests/scenario/passer \
	tests/scenario/rawpeer \
	tests/scenario/visitors
tests_scenario_farm_SOURCES = tests/scenario/farm.c tests/scenario/farm.h tests/scenario/farm_target.c
tests_scenario_farm_LDADD = src/libweir.a
tests_scenario_jsonrecords_SOURCES = tests/scenario/jsonrecords.c
tests_scenario_jsonrecords_LDADD = $(JANSSON_LIBS)
tests_scenario_manager_SOURCES = tests/scenario/manager.c
tests_scenario_passer_SOURCES = tests/scenario/passer.c
tests_scenario_passer_LDADD = src/libweir.a
tests_scenario_rawpeer_SOURCES = \
	tests/scenario/ask_again.c tests/scenario/ask_again.h \
	tests/scenario/pattern.c tests/scenario/pattern.h \
	tests/scenario/rawpeer.c tests/scenario/rawpeer.h \
	tests/scenario/rawpeer_proxy.c \
	tests/scenario/rawpeer_socket.c \
	tests/scenario/rawpeer_stream.c \
	tests/scenario/rawpeer_words.c
tests_scenario_rawpeer_LDADD = src/libweir.a
tests_scenario_visitors_SOURCES = tests/scenario/visitors.c
tests_scenario_visitors_LDADD = src/libweir.a

# To be preloaded, so without the sanitizers of what it is loaded into.
check_PROGRAMS += tests/scenario/connects.so
tests_scenario_connects_so_SOURCES = tests/scenario/connects.c
tests_scenario_connects_so_CFLAGS = -std=gnu17 -Wall -Wextra -fPIC
tests_scenario_connects_so_LDFLAGS = -shared

# The longest first, for make -j.
SCENARIOS = \
	tests/scenario/closing.sh \
	tests/scenario/rates.sh \
	tests/scenario/waits.sh \
	tests/scenario/pressure.sh \
	tests/scenario/estimate.sh \
	tests/scenario/held.sh \
	tests/scenario/proxy_accept.sh \
	tests/scenario/health.sh \
	tests/scenario/checks.sh \
	tests/scenario/balance.sh \
	tests/scenario/marks.sh \
	tests/scenario/memory.sh \
	tests/scenario/transfer.sh \
	tests/scenario/timeouts.sh \
	tests/scenario/limits.sh \
	tests/scenario/access.sh \
	tests/scenario/reload_entrances.sh \
	tests/scenario/reload.sh \
	tests/scenario/stopping.sh \
	tests/scenario/starting.sh \
	tests/scenario/addresses.sh \
	tests/scenario/ranges.sh \
	tests/scenario/activation.sh \
	tests/scenario/connect_on.sh \
	tests/scenario/connecting.sh \
	tests/scenario/links.sh \
	tests/scenario/source.sh \
	tests/scenario/retrying.sh \
	tests/scenario/send_proxy.sh \
	tests/scenario/refusing.sh \
	tests/scenario/dump.sh \
	tests/scenario/http.sh \
	tests/scenario/workers.sh \
	tests/scenario/service.sh \
	tests/scenario/command.sh \
	tests/scenario/selftest.sh
TESTS += $(SCENARIOS)
EXTRA_DIST += tests/scenario/browse.py
EXTRA_DIST += $(SCENARIOS) tests/scenario/cases.sh tests/scenario/lib.sh tests/scenario/oracle.sh tests/scenario/reload_lib.sh \
	tests/scenario/takeover_lib.sh tests/scenario/targets_lib.sh tests/scenario/control.sh tests/control tests/README.md
