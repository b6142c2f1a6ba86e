# What a pair waits for, staged: whether weir says so.
check_PROGRAMS += tests/verdict/actor
tests_verdict_actor_SOURCES = tests/verdict/actor.c tests/verdict/actor.h tests/verdict/actor_part.c
tests_verdict_actor_LDADD = src/libweir.a

TESTS += tests/verdict/verdict.sh
EXTRA_DIST += \
	scripts/verdict \
	tests/verdict/path_situations.py \
	tests/verdict/random_situations.py \
	tests/verdict/run.py \
	tests/verdict/situations.py \
	tests/verdict/stage.py \
	tests/verdict/table.py \
	tests/verdict/tap.py \
	tests/verdict/test_truth.py \
	tests/verdict/truth.py \
	tests/verdict/verdict.sh \
	tests/verdict/wires.py
