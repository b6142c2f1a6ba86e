# Each target twice: with replay.c as a test over the corpus, and with libFuzzer's main for scripts/fuzz,
# which configures for clang and asks for those programs by name.
FUZZ_REPLAYS = \
	tests/fuzz/replay_address \
	tests/fuzz/replay_command \
	tests/fuzz/replay_config \
	tests/fuzz/replay_proxy_header \
	tests/fuzz/replay_network \
	tests/fuzz/replay_state \
	tests/fuzz/replay_units \
	tests/fuzz/replay_words
check_PROGRAMS += $(FUZZ_REPLAYS)
TESTS += $(FUZZ_REPLAYS)
EXTRA_PROGRAMS += \
	tests/fuzz/fuzz_address \
	tests/fuzz/fuzz_command \
	tests/fuzz/fuzz_config \
	tests/fuzz/fuzz_proxy_header \
	tests/fuzz/fuzz_network \
	tests/fuzz/fuzz_state \
	tests/fuzz/fuzz_units \
	tests/fuzz/fuzz_words
EXTRA_DIST += tests/fuzz/corpus

FUZZ_SHARED = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
FUZZ_LIBS = src/libweir.a $(INIH_LIBS)
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_CORPUS = $(AM_CPPFLAGS) -DFUZZ_CORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus

tests_fuzz_replay_address_SOURCES = tests/fuzz/fuzz_address.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_address_CPPFLAGS = $(FUZZ_CORPUS)/address\"
tests_fuzz_replay_address_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_command_SOURCES = tests/fuzz/fuzz_command.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_command_CPPFLAGS = $(FUZZ_CORPUS)/command\"
tests_fuzz_replay_command_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_config_CPPFLAGS = $(FUZZ_CORPUS)/config\"
tests_fuzz_replay_config_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_proxy_header_SOURCES = tests/fuzz/fuzz_proxy_header.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_proxy_header_CPPFLAGS = $(FUZZ_CORPUS)/proxy_header\"
tests_fuzz_replay_proxy_header_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_network_SOURCES = tests/fuzz/fuzz_network.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_network_CPPFLAGS = $(FUZZ_CORPUS)/network\"
tests_fuzz_replay_network_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_state_SOURCES = tests/fuzz/fuzz_state.c tests/fuzz/fuzz_pairs.c tests/fuzz/fuzz_pairs.h tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_state_CPPFLAGS = $(FUZZ_CORPUS)/state\"
tests_fuzz_replay_state_LDADD = $(WEIR_LIBS)
tests_fuzz_replay_units_SOURCES = tests/fuzz/fuzz_units.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_units_CPPFLAGS = $(FUZZ_CORPUS)/units\"
tests_fuzz_replay_units_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_words_SOURCES = tests/fuzz/fuzz_words.c tests/fuzz/replay.c $(FUZZ_SHARED)
tests_fuzz_replay_words_CPPFLAGS = $(FUZZ_CORPUS)/words\"
tests_fuzz_replay_words_LDADD = $(FUZZ_LIBS)

tests_fuzz_fuzz_address_SOURCES = tests/fuzz/fuzz_address.c $(FUZZ_SHARED)
tests_fuzz_fuzz_address_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_address_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c $(FUZZ_SHARED)
tests_fuzz_fuzz_command_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_command_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(FUZZ_SHARED)
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_proxy_header_SOURCES = tests/fuzz/fuzz_proxy_header.c $(FUZZ_SHARED)
tests_fuzz_fuzz_proxy_header_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_proxy_header_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_network_SOURCES = tests/fuzz/fuzz_network.c $(FUZZ_SHARED)
tests_fuzz_fuzz_network_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_network_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c tests/fuzz/fuzz_pairs.c tests/fuzz/fuzz_pairs.h $(FUZZ_SHARED)
tests_fuzz_fuzz_state_LDADD = $(WEIR_LIBS)
tests_fuzz_fuzz_state_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_units_SOURCES = tests/fuzz/fuzz_units.c $(FUZZ_SHARED)
tests_fuzz_fuzz_units_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_units_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_words_SOURCES = tests/fuzz/fuzz_words.c $(FUZZ_SHARED)
tests_fuzz_fuzz_words_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_words_LDFLAGS = $(FUZZ_LINK)
