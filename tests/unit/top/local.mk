# What weir-top is made of, without a terminal.
if HAVE_CHECK
if HAVE_TOP
TOP_TESTS = \
	tests/unit/top/test_amounts \
	tests/unit/top/test_control \
	tests/unit/top/test_place \
	tests/unit/top/test_scene \
	tests/unit/top/test_table \
	tests/unit/top/test_view \
	tests/unit/top/test_watch
UNIT_TESTS += $(TOP_TESTS)
check_PROGRAMS += $(TOP_TESTS)
TESTS += $(TOP_TESTS)
TOP_UNIT_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS) $(TOP_CFLAGS)
TOP_UNIT_LIBS = tests/unit/libunit.a $(TOP_LDADD) $(LIBEVENT_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)

tests_unit_top_test_amounts_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_amounts_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_control_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_control_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_place_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_place_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_scene_SOURCES = tests/unit/top/test_scene.c tests/unit/faults.c
tests_unit_top_test_scene_LDFLAGS = $(FAULTS_WRAP)
tests_unit_top_test_scene_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_scene_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_table_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_table_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_view_SOURCES = tests/unit/top/test_view.c tests/unit/faults.c
tests_unit_top_test_view_LDFLAGS = $(FAULTS_WRAP)
tests_unit_top_test_view_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_view_LDADD = $(TOP_UNIT_LIBS)
tests_unit_top_test_watch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=curl_multi_add_handle
tests_unit_top_test_watch_CPPFLAGS = $(TOP_UNIT_CPPFLAGS)
tests_unit_top_test_watch_LDADD = $(TOP_UNIT_LIBS)
endif
endif
