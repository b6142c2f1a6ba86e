
# The peers that scripts/quickstart puts around weir. Built on demand and by "make check", so that warnings
# are seen.
check_PROGRAMS += scripts/quickstart_peer
scripts_quickstart_peer_SOURCES = scripts/quickstart_peer.c
scripts_quickstart_peer_LDADD = src/libweir.a

EXTRA_DIST += .clang-tidy scripts/analyze scripts/check-format scripts/coverage scripts/described.awk scripts/fuzz scripts/lib.sh scripts/matrix scripts/quickstart scripts/test
