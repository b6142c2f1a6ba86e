# Programs that link the library.
EXTRA_DIST += tests/unit/config/config_stage.h tests/unit/daemon/manager_stage.h tests/unit/daemon/workers_stage.h tests/unit/net/socket_stage.h tests/unit/pair/pair_stage.h tests/unit/relay/relay_stage.h tests/unit/worker/accepting_stage.h tests/unit/capture.h tests/unit/faults.h tests/unit/unit.h tests/unit/loop.h tests/unit/flow/one_flow.h tests/unit/handing_over.h tests/unit/relays.h
if HAVE_CHECK
UNIT_TESTS = \
	tests/unit/net/test_activation \
	tests/unit/net/test_address \
	tests/unit/base/test_base \
	tests/unit/base/test_bell \
	tests/unit/base/test_crc32c \
	tests/unit/base/test_inheritance \
	tests/unit/base/test_cpu_share \
	tests/unit/flow/test_budget \
	tests/unit/config/test_access \
	tests/unit/config/test_clashes \
	tests/unit/config/test_config \
	tests/unit/config/test_config_text \
	tests/unit/config/test_lists \
	tests/unit/config/test_misfits \
	tests/unit/config/test_options \
	tests/unit/config/test_paths \
	tests/unit/config/test_http_listen \
	tests/unit/config/test_rings \
	tests/unit/report/test_prometheus \
	tests/unit/report/test_ranking \
	tests/unit/report/test_report \
	tests/unit/report/test_state \
	tests/unit/daemon/test_changeover \
	tests/unit/daemon/test_checks \
	tests/unit/daemon/test_names_state \
	tests/unit/daemon/test_outages \
	tests/unit/daemon/test_target_records \
	tests/unit/daemon/test_dump \
	tests/unit/daemon/test_loading \
	tests/unit/daemon/test_program \
	tests/unit/daemon/test_rehearsal \
	tests/unit/daemon/test_takeover \
	tests/unit/daemon/test_takeover_files \
	tests/unit/base/test_memory_file \
	tests/unit/daemon/test_bulletin \
	tests/unit/daemon/test_service \
	tests/unit/daemon/test_watchdog \
	tests/unit/daemon/test_lookout \
	tests/unit/daemon/test_stand_ins \
	tests/unit/daemon/test_estimate \
	tests/unit/daemon/test_memory \
	tests/unit/flow/test_flow \
	tests/unit/flow/test_flow_chains \
	tests/unit/flow/test_flow_queue \
	tests/unit/flow/test_flow_rate \
	tests/unit/flow/test_flow_room \
	tests/unit/flow/test_flow_splice \
	tests/unit/flow/test_flow_state \
	tests/unit/flow/test_flow_turns \
	tests/unit/flow/test_flow_wait \
	tests/unit/worker/test_acceptor \
	tests/unit/worker/test_acceptor_state \
	tests/unit/worker/test_denied \
	tests/unit/worker/test_adoption \
	tests/unit/worker/test_handover \
	tests/unit/base/test_log \
	tests/unit/base/test_jobs \
	tests/unit/base/test_mailbox \
	tests/unit/base/test_printable \
	tests/unit/pair/test_pair_life \
	tests/unit/pair/test_pair_connect \
	tests/unit/pair/test_pair_proxy \
	tests/unit/pair/test_pair_header \
	tests/unit/pair/test_pair_hold \
	tests/unit/pair/test_pair_silent \
	tests/unit/pair/test_pair_end \
	tests/unit/pair/test_pair_reset \
	tests/unit/pair/test_pair_time \
	tests/unit/pair/test_pair_limits \
	tests/unit/pair/test_pair_waits \
	tests/unit/pair/test_pair_rate \
	tests/unit/pair/test_pair_vanish \
	tests/unit/pair/test_pair_block \
	tests/unit/pair/test_pair_records \
	tests/unit/pair/test_pair_tuning \
	tests/unit/pair/test_pair_state \
	tests/unit/pair/test_pair_verdict \
	tests/unit/pair/test_life \
	tests/unit/pair/test_verdict \
	tests/unit/pair/test_waits \
	tests/unit/pair/test_blocks \
	tests/unit/relay/test_admission \
	tests/unit/relay/test_damper \
	tests/unit/relay/test_denials \
	tests/unit/relay/test_entrance \
	tests/unit/relay/test_facade \
	tests/unit/relay/test_facade_state \
	tests/unit/relay/test_generation \
	tests/unit/relay/test_generations \
	tests/unit/relay/test_loops \
	tests/unit/relay/test_passed \
	tests/unit/relay/test_refusal \
	tests/unit/relay/test_relay \
	tests/unit/relay/test_balance \
	tests/unit/relay/test_health \
	tests/unit/relay/test_standing \
	tests/unit/relay/test_standing_state \
	tests/unit/relay/test_target_table \
	tests/unit/relay/test_targets \
	tests/unit/net/test_local_ports \
	tests/unit/net/test_lookups \
	tests/unit/net/test_proxy_header \
	tests/unit/net/test_proxy_send \
	tests/unit/net/test_networks \
	tests/unit/net/test_resolver \
	tests/unit/base/test_evmemory \
	tests/unit/base/test_pool \
	tests/unit/base/test_rate \
	tests/unit/base/test_slab \
	tests/unit/base/test_slots \
	tests/unit/base/test_timers \
	tests/unit/net/test_socket \
	tests/unit/net/test_local_address \
	tests/unit/net/test_stream \
	tests/unit/net/test_tcp_state \
	tests/unit/net/test_unix_path \
	tests/unit/base/test_units \
	tests/unit/worker/test_worker
if HAVE_MICROHTTPD
UNIT_TESTS += tests/unit/daemon/test_http
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit -DSRCDIR=\"$(abs_top_srcdir)\"
UNIT_LIBS = tests/unit/libunit.a $(WEIR_LIBS) $(CHECK_LIBS)

# What several programs share.
check_LIBRARIES = tests/unit/libunit.a
tests_unit_libunit_a_SOURCES = tests/unit/capture.c tests/unit/unit.c
tests_unit_libunit_a_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)

# Programs with faults.c: see faults.h.
FAULTS_WRAP = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup \
	-Wl,--wrap=event_new,--wrap=event_add,--wrap=evbuffer_write_atmost \
	-Wl,--wrap=accept4,--wrap=socket,--wrap=recv,--wrap=send,--wrap=splice

tests_unit_net_test_activation_SOURCES = tests/unit/net/test_activation.c tests/unit/net/socket_stage.c
tests_unit_net_test_activation_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_activation_LDADD = $(UNIT_LIBS)
tests_unit_net_test_address_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_address_LDADD = $(UNIT_LIBS)
tests_unit_base_test_base_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_base_LDADD = $(UNIT_LIBS)
tests_unit_base_test_bell_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_bell_LDADD = $(UNIT_LIBS)
tests_unit_base_test_cpu_share_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_cpu_share_LDADD = $(UNIT_LIBS)
tests_unit_base_test_crc32c_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_crc32c_LDADD = $(UNIT_LIBS)
tests_unit_base_test_inheritance_SOURCES = tests/unit/base/test_inheritance.c tests/unit/faults.c
tests_unit_base_test_inheritance_LDFLAGS = $(FAULTS_WRAP)
tests_unit_base_test_inheritance_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_inheritance_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_standing_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_standing_state_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_names_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_names_state_LDADD = $(UNIT_LIBS)
tests_unit_report_test_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_report_test_state_LDADD = $(UNIT_LIBS)
tests_unit_base_test_evmemory_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_evmemory_LDADD = $(UNIT_LIBS)
tests_unit_base_test_pool_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_pool_LDADD = $(UNIT_LIBS)
tests_unit_base_test_slab_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_slab_LDADD = $(UNIT_LIBS)
tests_unit_base_test_timers_SOURCES = tests/unit/base/test_timers.c tests/unit/faults.c
tests_unit_base_test_timers_LDFLAGS = $(FAULTS_WRAP)
tests_unit_base_test_timers_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_timers_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_chains_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_chains_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_budget_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_budget_LDADD = $(UNIT_LIBS)
tests_unit_config_test_access_SOURCES = tests/unit/config/test_access.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_access_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_access_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_access_LDADD = $(UNIT_LIBS)
tests_unit_config_test_clashes_SOURCES = tests/unit/config/test_clashes.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_clashes_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_clashes_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_clashes_LDADD = $(UNIT_LIBS)
tests_unit_config_test_config_SOURCES = tests/unit/config/test_config.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_config_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_config_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_config_LDADD = $(UNIT_LIBS)
tests_unit_config_test_options_SOURCES = tests/unit/config/test_options.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_options_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_options_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_options_LDADD = $(UNIT_LIBS)
tests_unit_config_test_paths_SOURCES = tests/unit/config/test_paths.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_paths_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_paths_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_paths_LDADD = $(UNIT_LIBS)
tests_unit_config_test_lists_SOURCES = tests/unit/config/test_lists.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_lists_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_lists_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_lists_LDADD = $(UNIT_LIBS)
tests_unit_config_test_misfits_SOURCES = tests/unit/config/test_misfits.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_misfits_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_misfits_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_misfits_LDADD = $(UNIT_LIBS)
tests_unit_config_test_http_listen_SOURCES = tests/unit/config/test_http_listen.c \
	tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_http_listen_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_http_listen_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_http_listen_LDADD = $(UNIT_LIBS)
tests_unit_config_test_config_text_SOURCES = tests/unit/config/test_config_text.c \
	tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_config_text_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_config_text_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_config_text_LDADD = $(UNIT_LIBS)
tests_unit_config_test_rings_SOURCES = tests/unit/config/test_rings.c tests/unit/config/config_stage.c tests/unit/faults.c
tests_unit_config_test_rings_LDFLAGS = $(FAULTS_WRAP)
tests_unit_config_test_rings_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_config_test_rings_LDADD = $(UNIT_LIBS)
tests_unit_report_test_prometheus_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_report_test_prometheus_LDADD = $(UNIT_LIBS)
tests_unit_report_test_ranking_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_report_test_ranking_LDADD = $(UNIT_LIBS)
tests_unit_report_test_report_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_report_test_report_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_target_records_SOURCES = tests/unit/daemon/test_target_records.c tests/unit/relay/relay_stage.c tests/unit/faults.c
tests_unit_daemon_test_target_records_LDFLAGS = $(FAULTS_WRAP)
tests_unit_daemon_test_target_records_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_target_records_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_outages_SOURCES = tests/unit/daemon/test_outages.c tests/unit/relay/relay_stage.c
tests_unit_daemon_test_outages_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=event_add
tests_unit_daemon_test_outages_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_outages_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_http_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_http_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_changeover_SOURCES = tests/unit/daemon/test_changeover.c tests/unit/daemon/workers_stage.c tests/unit/faults.c
tests_unit_daemon_test_changeover_LDFLAGS = $(FAULTS_WRAP)
tests_unit_daemon_test_changeover_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_changeover_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_checks_SOURCES = tests/unit/daemon/test_checks.c tests/unit/faults.c
tests_unit_daemon_test_checks_LDFLAGS = $(FAULTS_WRAP)
tests_unit_daemon_test_checks_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_checks_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_program_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_program_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_rehearsal_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_rehearsal_LDADD = $(UNIT_LIBS)
tests_unit_base_test_memory_file_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_memory_file_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_takeover_files_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_takeover_files_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_takeover_SOURCES = tests/unit/daemon/test_takeover.c tests/unit/daemon/workers_stage.c
tests_unit_daemon_test_takeover_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=execveat,--wrap=memfd_create
tests_unit_daemon_test_takeover_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_takeover_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_loading_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=config_load
tests_unit_daemon_test_loading_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_loading_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_dump_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=rename
tests_unit_daemon_test_dump_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_dump_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_bulletin_SOURCES = tests/unit/daemon/test_bulletin.c tests/unit/daemon/manager_stage.c
tests_unit_daemon_test_bulletin_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=event_add,--wrap=clock_gettime
tests_unit_daemon_test_bulletin_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_bulletin_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_watchdog_SOURCES = tests/unit/daemon/test_watchdog.c tests/unit/daemon/manager_stage.c tests/unit/daemon/workers_stage.c
tests_unit_daemon_test_watchdog_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=event_add
tests_unit_daemon_test_watchdog_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_watchdog_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_service_SOURCES = tests/unit/daemon/test_service.c tests/unit/daemon/manager_stage.c
tests_unit_daemon_test_service_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_service_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_lookout_SOURCES = tests/unit/daemon/test_lookout.c
tests_unit_daemon_test_lookout_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_lookout_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_stand_ins_SOURCES = tests/unit/daemon/test_stand_ins.c tests/unit/daemon/workers_stage.c
tests_unit_daemon_test_stand_ins_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_stand_ins_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_estimate_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_estimate_LDADD = $(UNIT_LIBS)
tests_unit_daemon_test_memory_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_daemon_test_memory_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_SOURCES = tests/unit/flow/test_flow.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_splice_SOURCES = tests/unit/flow/test_flow_splice.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_splice_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_splice_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_splice_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_state_SOURCES = tests/unit/flow/test_flow_state.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_state_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_state_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_room_SOURCES = tests/unit/flow/test_flow_room.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_room_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_room_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_room_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_turns_SOURCES = tests/unit/flow/test_flow_turns.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_turns_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=flow_take_turn
tests_unit_flow_test_flow_turns_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_turns_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_rate_SOURCES = tests/unit/flow/test_flow_rate.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_rate_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_rate_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_rate_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_wait_SOURCES = tests/unit/flow/test_flow_wait.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_wait_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_wait_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_wait_LDADD = $(UNIT_LIBS)
tests_unit_flow_test_flow_queue_SOURCES = tests/unit/flow/test_flow_queue.c tests/unit/flow/one_flow.c tests/unit/faults.c
tests_unit_flow_test_flow_queue_LDFLAGS = $(FAULTS_WRAP)
tests_unit_flow_test_flow_queue_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_flow_test_flow_queue_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_handover_SOURCES = tests/unit/worker/test_handover.c tests/unit/faults.c
tests_unit_worker_test_handover_LDFLAGS = $(FAULTS_WRAP)
tests_unit_worker_test_handover_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_handover_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_adoption_SOURCES = tests/unit/worker/test_adoption.c tests/unit/worker/accepting_stage.c tests/unit/faults.c
tests_unit_worker_test_adoption_LDFLAGS = $(FAULTS_WRAP)
tests_unit_worker_test_adoption_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_adoption_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_denied_SOURCES = tests/unit/worker/test_denied.c tests/unit/worker/accepting_stage.c
tests_unit_worker_test_denied_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_denied_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_acceptor_state_SOURCES = tests/unit/worker/test_acceptor_state.c \
	tests/unit/worker/accepting_stage.c tests/unit/faults.c
tests_unit_worker_test_acceptor_state_LDFLAGS = $(FAULTS_WRAP)
tests_unit_worker_test_acceptor_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_acceptor_state_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_acceptor_SOURCES = tests/unit/worker/test_acceptor.c tests/unit/worker/accepting_stage.c tests/unit/faults.c
tests_unit_worker_test_acceptor_LDFLAGS = $(FAULTS_WRAP)
tests_unit_worker_test_acceptor_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_acceptor_LDADD = $(UNIT_LIBS)
tests_unit_base_test_log_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_log_LDADD = $(UNIT_LIBS)
tests_unit_base_test_jobs_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_jobs_LDADD = $(UNIT_LIBS)
tests_unit_base_test_mailbox_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_mailbox_LDADD = $(UNIT_LIBS)
tests_unit_base_test_printable_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_printable_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_blocks_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_blocks_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_waits_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_waits_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_life_SOURCES = tests/unit/pair/test_pair_life.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_life_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_life_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_life_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_connect_SOURCES = tests/unit/pair/test_pair_connect.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_connect_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_connect_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_connect_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_proxy_SOURCES = tests/unit/pair/test_pair_proxy.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_proxy_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_proxy_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_proxy_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_hold_SOURCES = tests/unit/pair/test_pair_hold.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_hold_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_hold_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_hold_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_end_SOURCES = tests/unit/pair/test_pair_end.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_end_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_end_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_end_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_reset_SOURCES = tests/unit/pair/test_pair_reset.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_reset_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_reset_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_reset_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_time_SOURCES = tests/unit/pair/test_pair_time.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_time_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_time_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_time_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_waits_SOURCES = tests/unit/pair/test_pair_waits.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_waits_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_waits_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_waits_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_limits_SOURCES = tests/unit/pair/test_pair_limits.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_limits_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_limits_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_limits_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_header_SOURCES = tests/unit/pair/test_pair_header.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_header_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_header_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_header_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_silent_SOURCES = tests/unit/pair/test_pair_silent.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_silent_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_silent_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_silent_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_rate_SOURCES = tests/unit/pair/test_pair_rate.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_rate_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_rate_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_rate_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_verdict_SOURCES = tests/unit/pair/test_pair_verdict.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_verdict_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=tcp_state
tests_unit_pair_test_pair_verdict_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_verdict_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_life_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_life_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_verdict_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_verdict_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_vanish_SOURCES = tests/unit/pair/test_pair_vanish.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_vanish_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=tcp_state
tests_unit_pair_test_pair_vanish_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_vanish_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_block_SOURCES = tests/unit/pair/test_pair_block.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_block_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=tcp_state
tests_unit_pair_test_pair_block_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_block_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_records_SOURCES = tests/unit/pair/test_pair_records.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_records_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_records_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_records_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_state_SOURCES = tests/unit/pair/test_pair_state.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_state_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_state_LDADD = $(UNIT_LIBS)
tests_unit_pair_test_pair_tuning_SOURCES = tests/unit/pair/test_pair_tuning.c tests/unit/pair/pair_stage.c tests/unit/faults.c
tests_unit_pair_test_pair_tuning_LDFLAGS = $(FAULTS_WRAP)
tests_unit_pair_test_pair_tuning_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_pair_test_pair_tuning_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_admission_SOURCES = tests/unit/relay/test_admission.c tests/unit/relay/relay_stage.c
tests_unit_relay_test_admission_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_admission_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_damper_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_damper_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_denials_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_denials_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime
tests_unit_relay_test_denials_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_entrance_SOURCES = \
	tests/unit/relay/test_entrance.c tests/unit/net/socket_stage.c tests/unit/faults.c
tests_unit_relay_test_entrance_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=bind
tests_unit_relay_test_entrance_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_entrance_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_generation_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_generation_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_facade_state_SOURCES = tests/unit/relay/test_facade_state.c tests/unit/faults.c
tests_unit_relay_test_facade_state_LDFLAGS = $(FAULTS_WRAP)
tests_unit_relay_test_facade_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_facade_state_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_generations_SOURCES = tests/unit/relay/test_generations.c tests/unit/faults.c
tests_unit_relay_test_generations_LDFLAGS = $(FAULTS_WRAP)
tests_unit_relay_test_generations_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_generations_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_balance_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_balance_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_health_SOURCES = tests/unit/relay/test_health.c tests/unit/faults.c
tests_unit_relay_test_health_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=clock_gettime
tests_unit_relay_test_health_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_health_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_standing_SOURCES = tests/unit/relay/test_standing.c tests/unit/faults.c
tests_unit_relay_test_standing_LDFLAGS = $(FAULTS_WRAP)
tests_unit_relay_test_standing_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_standing_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_facade_SOURCES = \
	tests/unit/relay/test_facade.c tests/unit/relay/relay_stage.c tests/unit/faults.c
tests_unit_relay_test_facade_LDFLAGS = $(FAULTS_WRAP) -Wl,--wrap=tsearch
tests_unit_relay_test_facade_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_facade_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_loops_SOURCES = tests/unit/relay/test_loops.c tests/unit/relay/relay_stage.c
tests_unit_relay_test_loops_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_loops_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_passed_SOURCES = tests/unit/relay/test_passed.c tests/unit/relay/relay_stage.c
tests_unit_relay_test_passed_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_passed_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_refusal_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_refusal_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_relay_SOURCES = tests/unit/relay/test_relay.c tests/unit/relay/relay_stage.c
tests_unit_relay_test_relay_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_relay_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_target_table_SOURCES = tests/unit/relay/test_target_table.c tests/unit/faults.c
tests_unit_relay_test_target_table_LDFLAGS = $(FAULTS_WRAP)
tests_unit_relay_test_target_table_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_target_table_LDADD = $(UNIT_LIBS)
tests_unit_relay_test_targets_SOURCES = tests/unit/relay/test_targets.c tests/unit/relay/relay_stage.c
tests_unit_relay_test_targets_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_relay_test_targets_LDADD = $(UNIT_LIBS)
tests_unit_net_test_local_ports_SOURCES = tests/unit/net/test_local_ports.c tests/unit/net/socket_stage.c
tests_unit_net_test_local_ports_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_local_ports_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime
tests_unit_net_test_local_ports_LDADD = $(UNIT_LIBS)
tests_unit_net_test_lookups_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_lookups_LDADD = $(UNIT_LIBS)
tests_unit_net_test_proxy_header_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_proxy_header_LDADD = $(UNIT_LIBS)
tests_unit_net_test_proxy_send_SOURCES = tests/unit/net/test_proxy_send.c tests/unit/faults.c
tests_unit_net_test_proxy_send_LDFLAGS = $(FAULTS_WRAP)
tests_unit_net_test_proxy_send_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_proxy_send_LDADD = $(UNIT_LIBS)
tests_unit_net_test_networks_SOURCES = tests/unit/net/test_networks.c tests/unit/faults.c
tests_unit_net_test_networks_LDFLAGS = $(FAULTS_WRAP)
tests_unit_net_test_networks_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_networks_LDADD = $(UNIT_LIBS)
tests_unit_net_test_resolver_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_resolver_LDADD = $(UNIT_LIBS)
tests_unit_base_test_rate_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_rate_LDADD = $(UNIT_LIBS)
tests_unit_base_test_slots_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_slots_LDADD = $(UNIT_LIBS)
tests_unit_net_test_socket_SOURCES = tests/unit/net/test_socket.c tests/unit/net/socket_stage.c
tests_unit_net_test_socket_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=unlink,--wrap=flock,--wrap=getsockopt
tests_unit_net_test_socket_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_socket_LDADD = $(UNIT_LIBS)
tests_unit_net_test_local_address_SOURCES = tests/unit/net/test_local_address.c tests/unit/net/socket_stage.c
tests_unit_net_test_local_address_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_local_address_LDADD = $(UNIT_LIBS)
tests_unit_net_test_stream_SOURCES = tests/unit/net/test_stream.c tests/unit/faults.c
tests_unit_net_test_stream_LDFLAGS = $(FAULTS_WRAP)
tests_unit_net_test_stream_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_stream_LDADD = $(UNIT_LIBS)
tests_unit_net_test_tcp_state_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getsockopt
tests_unit_net_test_tcp_state_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_tcp_state_LDADD = $(UNIT_LIBS)
tests_unit_net_test_unix_path_SOURCES = tests/unit/net/test_unix_path.c tests/unit/net/socket_stage.c
tests_unit_net_test_unix_path_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=chmod
tests_unit_net_test_unix_path_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_net_test_unix_path_LDADD = $(UNIT_LIBS)
tests_unit_base_test_units_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_base_test_units_LDADD = $(UNIT_LIBS)
tests_unit_worker_test_worker_CPPFLAGS = $(UNIT_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_worker_test_worker_LDADD = $(UNIT_LIBS)
endif
