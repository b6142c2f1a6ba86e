# Pairs that a daemon carries from one program to the next.
check_PROGRAMS += tests/takeover/passengers
tests_takeover_passengers_SOURCES = \
	tests/scenario/pattern.c tests/scenario/pattern.h \
	tests/takeover/hosts.c tests/takeover/hosts.h \
	tests/takeover/kinds.c \
	tests/takeover/passengers.c tests/takeover/passengers.h \
	tests/takeover/side.c tests/takeover/side.h
tests_takeover_passengers_LDADD = src/libweir.a

EXTRA_DIST += \
	scripts/takeover \
	tests/takeover/carriage.py \
	tests/takeover/cases.py \
	tests/takeover/journey.py \
	tests/takeover/run.py \
	tests/takeover/takeover.sh
