# Pairs that a daemon carries from one program to the next.
check_PROGRAMS += tests/takeover/impostor tests/takeover/passengers
tests_takeover_impostor_SOURCES = tests/takeover/impostor.c
tests_takeover_passengers_SOURCES = \
	tests/scenario/pattern.c tests/scenario/pattern.h \
	tests/takeover/hosts.c tests/takeover/hosts.h \
	tests/takeover/kinds.c \
	tests/takeover/passengers.c tests/takeover/passengers.h \
	tests/takeover/side.c tests/takeover/side.h
tests_takeover_passengers_LDADD = src/libweir.a

TESTS += tests/takeover/takeover.sh
EXTRA_DIST += \
	scripts/takeover \
	tests/takeover/carriage.py \
	tests/takeover/carried.py \
	tests/takeover/cases.py \
	tests/takeover/entrances.py \
	tests/takeover/failures.py \
	tests/takeover/journey.py \
	tests/takeover/plain.py \
	tests/takeover/run.py \
	tests/takeover/takeover.sh
