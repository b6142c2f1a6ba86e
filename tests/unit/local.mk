# One program per module, each linking the library.
EXTRA_DIST += tests/unit/capture.h tests/unit/faults.h tests/unit/unit.h tests/unit/loop.h tests/unit/one_flow.h tests/unit/relays.h
if HAVE_CHECK
UNIT_TESTS = \
	tests/unit/test_address \
	tests/unit/test_base \
	tests/unit/test_budget \
	tests/unit/test_config \
	tests/unit/test_report \
	tests/unit/test_estimate \
	tests/unit/test_flow \
	tests/unit/test_flow_queue \
	tests/unit/test_acceptor \
	tests/unit/test_log \
	tests/unit/test_mailbox \
	tests/unit/test_pair \
	tests/unit/test_relay \
	tests/unit/test_resolver \
	tests/unit/test_slots \
	tests/unit/test_socket \
	tests/unit/test_stream \
	tests/unit/test_units \
	tests/unit/test_worker
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit -DSRCDIR=\"$(abs_top_srcdir)\"
UNIT_LIBS = $(WEIR_LIBS) $(CHECK_LIBS)

# Programs with faults.c: see faults.h.
FAULTS_WRAP = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup \
	-Wl,--wrap=event_new,--wrap=event_add,--wrap=bufferevent_enable \
	-Wl,--wrap=accept4,--wrap=socket,--wrap=recv,--wrap=splice

tests_unit_test_address_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_address_LDADD = $(UNIT_LIBS)
tests_unit_test_base_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_base_LDADD = $(UNIT_LIBS)
tests_unit_test_budget_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_budget_LDADD = $(UNIT_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/faults.c
tests_unit_test_config_LDFLAGS = $(FAULTS_WRAP)
tests_unit_test_config_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_config_LDADD = $(UNIT_LIBS)
tests_unit_test_report_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_report_LDADD = $(UNIT_LIBS)
tests_unit_test_estimate_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_estimate_LDADD = $(UNIT_LIBS)
tests_unit_test_flow_SOURCES = tests/unit/test_flow.c tests/unit/one_flow.c tests/unit/faults.c
tests_unit_test_flow_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=flow_take_turn
tests_unit_test_flow_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_flow_LDADD = $(UNIT_LIBS)
tests_unit_test_flow_queue_SOURCES = tests/unit/test_flow_queue.c tests/unit/one_flow.c tests/unit/faults.c
tests_unit_test_flow_queue_LDFLAGS = $(FAULTS_WRAP)
tests_unit_test_flow_queue_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_flow_queue_LDADD = $(UNIT_LIBS)
tests_unit_test_acceptor_SOURCES = tests/unit/test_acceptor.c tests/unit/faults.c
tests_unit_test_acceptor_LDFLAGS = $(FAULTS_WRAP)
tests_unit_test_acceptor_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_acceptor_LDADD = $(UNIT_LIBS)
tests_unit_test_log_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_log_LDADD = $(UNIT_LIBS)
tests_unit_test_mailbox_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mailbox_LDADD = $(UNIT_LIBS)
tests_unit_test_pair_SOURCES = tests/unit/test_pair.c tests/unit/faults.c
tests_unit_test_pair_LDFLAGS = $(FAULTS_WRAP)
tests_unit_test_pair_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_pair_LDADD = $(UNIT_LIBS)
tests_unit_test_relay_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_relay_LDADD = $(UNIT_LIBS)
tests_unit_test_resolver_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_resolver_LDADD = $(UNIT_LIBS)
tests_unit_test_slots_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_slots_LDADD = $(UNIT_LIBS)
tests_unit_test_socket_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_socket_LDADD = $(UNIT_LIBS)
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c tests/unit/faults.c
tests_unit_test_stream_LDFLAGS = $(FAULTS_WRAP)
tests_unit_test_stream_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_LDADD = $(UNIT_LIBS)
tests_unit_test_units_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_units_LDADD = $(UNIT_LIBS)
tests_unit_test_worker_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_test_worker_LDADD = $(UNIT_LIBS)
endif
