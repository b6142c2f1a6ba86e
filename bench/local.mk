# The side-by-side benchmark. Its load generator is built on demand only: "make bench", or scripts/bench.
EXTRA_PROGRAMS += bench/load
bench_load_SOURCES = \
	bench/load.c bench/load.h \
	bench/load_bulk.c \
	bench/load_client.c bench/load_client.h \
	bench/load_connect.c \
	bench/load_echo.c \
	bench/load_hold.c \
	bench/load_live.c bench/load_live.h \
	bench/load_samples.c bench/load_samples.h \
	bench/load_scrape.c \
	bench/load_server.c \
	bench/load_stream.c bench/load_stream.h
bench_load_LDADD = src/libweir.a
CLEANFILES += bench/load$(EXEEXT)

EXTRA_DIST += \
	bench/README.md bench/RESULTS.md \
	bench/activate.py \
	bench/arena.py \
	bench/cases.py \
	bench/goals.py \
	bench/marks.py \
	bench/paths.py \
	bench/processes.py \
	bench/relays.py \
	bench/report.py \
	bench/reports.py \
	bench/run.py \
	bench/spread.py \
	bench/takeovers.py \
	scripts/bench

.PHONY: bench
bench: bench/load$(EXEEXT) tests/world/wire$(EXEEXT)
