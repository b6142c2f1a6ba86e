# The daemon as a black box, driven by a scripted peer.
check_PROGRAMS += tests/scenario/rawpeer
tests_scenario_rawpeer_SOURCES = \
	tests/scenario/pattern.c tests/scenario/pattern.h \
	tests/scenario/rawpeer.c tests/scenario/rawpeer.h \
	tests/scenario/rawpeer_socket.c \
	tests/scenario/rawpeer_stream.c \
	tests/scenario/rawpeer_words.c
tests_scenario_rawpeer_LDADD = src/libweir.a
