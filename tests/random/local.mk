# Many connections that behave at random, each held to the closing rules.
check_PROGRAMS += tests/random/crowd
tests_random_crowd_SOURCES = \
	tests/scenario/ask_again.c tests/scenario/ask_again.h \
	tests/scenario/pattern.c tests/scenario/pattern.h \
	tests/random/crowd.c \
	tests/random/end.c tests/random/end.h \
	tests/random/judge.c tests/random/judge.h

WORLD += tests/random/random.sh
EXTRA_DIST += tests/random/lib.sh
EXTRA_DIST += scripts/soak
