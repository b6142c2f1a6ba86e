# The daemon is a library plus a small main.c, so that tests link the library.
noinst_LIBRARIES = src/libweir.a
src_libweir_a_SOURCES = \
	src/net/accept_error.c src/net/accept_error.h \
	src/net/activation.c src/net/activation.h \
	src/net/address.c src/net/address.h \
	src/net/host.c src/net/host.h \
	src/flow/budget.c src/flow/budget.h \
	src/base/backoff.h \
	src/base/bell.c src/base/bell.h \
	src/base/clock.h \
	src/base/cpu_share.c src/base/cpu_share.h \
	src/base/crc32c.c src/base/crc32c.h \
	src/base/decimal.h \
	src/base/episode.h \
	src/base/give_way.h \
	src/base/grow.h \
	src/base/hash.h \
	src/base/inheritance.c src/base/inheritance.h \
	src/base/evmemory.c src/base/evmemory.h \
	src/base/number.h \
	src/base/memory_file.c src/base/memory_file.h \
	src/base/pool.c src/base/pool.h \
	src/base/printable.c src/base/printable.h \
	src/base/rate.c src/base/rate.h \
	src/base/refcount.h \
	src/base/slab.c src/base/slab.h \
	src/base/timers.c src/base/timers.h \
	src/config/complaints.c src/config/complaints.h \
	src/config/config.c src/config/config.h src/config/config_text.c \
	src/daemon/daemon.c src/daemon/daemon.h src/daemon/daemon_private.h \
	src/daemon/changeover.c src/daemon/changeover.h \
	src/daemon/check.c src/daemon/check.h \
	src/daemon/checks.c src/daemon/checks.h \
	src/daemon/daemon_reload.c \
	src/daemon/daemon_bulletin.c \
	src/daemon/daemon_start.c \
	src/daemon/daemon_stop.c \
	src/report/fields.c src/report/fields.h \
	src/report/file.c src/report/file.h \
	src/report/json.c src/report/json.h \
	src/report/prometheus.c src/report/prometheus.h \
	src/report/ranking.c src/report/ranking.h \
	src/report/records.c src/report/records.h \
	src/report/state.h src/report/state_episode.h src/report/state_reader.c \
	src/report/state_values.c src/report/state_values.h \
	src/report/state_writer.c \
	src/report/target_sums.c src/report/target_sums.h \
	src/report/text.c src/report/text.h \
	src/daemon/collector.c src/daemon/collector.h \
	src/daemon/dump.c src/daemon/dump.h \
	src/daemon/loading.c src/daemon/loading.h \
	src/daemon/handed_over.c src/daemon/handed_over.h \
	src/daemon/program.c src/daemon/program.h \
	src/daemon/rehearsal.c src/daemon/rehearsal.h \
	src/daemon/takeover.c src/daemon/takeover.h \
	src/daemon/daemon_takeover.c src/daemon/daemon_restore.c \
	src/daemon/takeover_files.c src/daemon/takeover_files.h \
	src/daemon/takeover_reading.c src/daemon/takeover_reading.h \
	src/daemon/takeover_state.c src/daemon/takeover_state.h \
	src/daemon/takeover_again.c src/daemon/takeover_again.h \
	src/daemon/daemon_health.c \
	src/daemon/target_records.c src/daemon/target_records.h \
	src/daemon/names_state.c src/daemon/names_state.h \
	src/daemon/outages.c src/daemon/outages.h \
	src/daemon/memory.c src/daemon/memory.h \
	src/daemon/estimate.c src/daemon/estimate.h \
	src/daemon/passed.c src/daemon/passed.h \
	src/daemon/http.h src/daemon/readers.c src/daemon/readers.h \
	src/daemon/preparation.c src/daemon/preparation.h \
	src/daemon/refusals.c src/daemon/refusals.h \
	src/daemon/lookout.c src/daemon/lookout.h \
	src/daemon/stand_ins.c src/daemon/stand_ins.h \
	src/base/evloop.c src/base/evloop.h \
	src/base/jobs.c src/base/jobs.h \
	src/base/mailbox.c src/base/mailbox.h \
	src/flow/flow.c src/flow/flow.h src/flow/flow_private.h \
	src/flow/flow_buffer.c \
	src/flow/flow_bulk.c \
	src/flow/flow_copy.c \
	src/flow/flow_end.c \
	src/flow/flow_memory.c \
	src/flow/flow_pause.c \
	src/flow/flow_pipes.c \
	src/flow/flow_queue.c \
	src/flow/flow_rate.c \
	src/flow/flow_report.c \
	src/flow/flow_room.c \
	src/flow/flow_splice.c \
	src/flow/flow_state.c src/flow/flow_state.h \
	src/flow/flow_turns.c \
	src/flow/flow_wait.c \
	src/config/ini_reader.c src/config/ini_reader.h \
	src/relay/retuning.c src/relay/retuning.h \
	src/relay/generation.c src/relay/generation.h \
	src/relay/generations.c src/relay/generations.h \
	src/relay/balance.c src/relay/balance.h \
	src/relay/health.c src/relay/health.h src/relay/health_group.c \
	src/relay/health_private.h src/relay/healths.c \
	src/relay/health_state.c src/relay/health_state.h \
	src/relay/standing.c src/relay/standing.h \
	src/relay/standing_state.c src/relay/standing_state.h src/relay/tally_state.c \
	src/relay/entrance.c src/relay/entrance.h \
	src/relay/entrances.c src/relay/entrances.h \
	src/relay/entrance_index.c src/relay/entrance_index.h \
	src/relay/facade.c src/relay/facade.h \
	src/relay/entrance_state.c src/relay/entrance_state.h \
	src/relay/facade_state.c src/relay/facade_state.h \
	src/worker/acceptor_state.c src/worker/acceptor_state.h \
	src/worker/handover_state.c src/worker/handover_state.h \
	src/worker/acceptor.c src/worker/acceptor.h src/worker/acceptor_private.h \
	src/worker/acceptor_life.c src/worker/acceptor_log.c \
	src/worker/adoption.c src/worker/adoption.h \
	src/worker/asking.h \
	src/worker/handover.c src/worker/handover.h \
	src/worker/newcomers.c src/worker/newcomers.h \
	src/worker/parking.c src/worker/parking.h \
	src/worker/worker_private.h src/worker/worker_state.c \
	src/config/misfits.c src/config/misfits.h \
	src/config/loader.c src/config/loader.h \
	src/base/label.h \
	src/base/log.c src/base/log.h \
	src/base/log_line.c src/base/log_line.h \
	src/base/log_batch.c src/base/log_batch.h \
	src/base/log_prefix.c src/base/log_prefix.h \
	src/base/log_writer.c src/base/log_writer.h \
	src/config/option_table.c \
	src/config/option_types.c src/config/option_types.h \
	src/config/options.c src/config/options.h \
	src/pair/pair_state.c src/pair/pair_state.h \
	src/pair/pair_seek_state.c src/pair/pair_open_state.c \
	src/pair/pair_looks_state.c src/pair/pair_looks.h \
	src/pair/waits_state.c src/pair/waits_state.h \
	src/pair/pair.c src/pair/pair.h src/pair/pair_private.h \
	src/pair/pair_block.c \
	src/pair/pair_connect.c \
	src/pair/pair_rate.c \
	src/pair/pair_damp.c \
	src/pair/pair_end.c \
	src/pair/pair_entry.c \
	src/pair/pair_header.c \
	src/pair/pair_recap.c \
	src/pair/pair_hold.c \
	src/pair/pair_limits.c \
	src/pair/pair_report.c \
	src/pair/pair_survey.c \
	src/pair/pair_time.c \
	src/pair/pair_vanish.c \
	src/pair/pair_verdict.c \
	src/pair/pair_waits.c \
	src/pair/pair_watch.c \
	src/pair/life.c src/pair/life.h \
	src/pair/verdict.c src/pair/verdict.h \
	src/pair/verdict_rules.h src/pair/verdict_tcp.c \
	src/pair/blocks.c src/pair/blocks.h \
	src/pair/waits.c src/pair/waits.h \
	src/report/reason.c src/report/reason.h \
	src/net/tcp_state.c src/net/tcp_state.h \
	src/flow/pipe_pool.c src/flow/pipe_pool.h \
	src/relay/apart.c src/relay/apart.h \
	src/relay/admission.c src/relay/admission.h \
	src/relay/admission_state.c src/relay/admission_state.h \
	src/relay/choice_state.c src/relay/choice_state.h \
	src/relay/loops.c src/relay/loops.h \
	src/relay/damper.c src/relay/damper.h \
	src/relay/denials.c src/relay/denials.h \
	src/relay/gate.h \
	src/relay/refusal.c src/relay/refusal.h \
	src/relay/relay.c src/relay/relay.h \
	src/relay/shortage.c src/relay/shortage.h \
	src/relay/span.c src/relay/span.h \
	src/net/address_list.c src/net/address_list.h \
	src/net/local_ports.c src/net/local_ports.h \
	src/net/lookups.c src/net/lookups.h \
	src/net/proxy_header.c src/net/proxy_header.h src/net/proxy_header_private.h \
	src/net/proxy_header_v1.c \
	src/net/proxy_header_v2.c \
	src/net/proxy_send.c src/net/proxy_send.h \
	src/net/networks.c src/net/networks.h \
	src/net/resolver.c src/net/resolver.h src/net/known_hosts.c \
	src/net/resolver_private.h src/net/resolving.c \
	src/config/access.c src/config/access.h \
	src/config/addresses.c src/config/addresses.h \
	src/config/clashes.c src/config/clashes.h \
	src/config/paths.c src/config/paths.h \
	src/config/rings.c src/config/rings.h \
	src/config/spots.c src/config/spots.h \
	src/daemon/bulletin.c src/daemon/bulletin.h \
	src/daemon/service.c src/daemon/service.h \
	src/daemon/watchdog.c src/daemon/watchdog.h \
	src/config/section.c src/config/section.h \
	src/config/settings.c src/config/settings.h \
	src/config/sources.c src/config/sources.h \
	src/base/signals.c src/base/signals.h \
	src/base/slots.c src/base/slots.h \
	src/net/socket.c src/net/socket.h src/net/socket_private.h \
	src/net/connecting.c \
	src/net/local_address.c src/net/local_address.h \
	src/net/retune.c \
	src/net/stream.c src/net/stream.h \
	src/net/unix_path.c src/net/unix_path.h \
	src/relay/origins.c src/relay/origins.h \
	src/relay/targets.c src/relay/targets.h \
	src/relay/target_table.c src/relay/target_table.h \
	src/relay/tried.c src/relay/tried.h \
	src/base/thread.h \
	src/base/units.c src/base/units.h \
	src/worker/worker.c src/worker/worker.h

# The page is made of its parts.
PAGE = src/daemon/page/page.html src/daemon/page/page.css src/daemon/page/figures.js \
	src/daemon/page/tables.js src/daemon/page/page.js
EXTRA_DIST += $(PAGE) src/daemon/page/embed
CLEANFILES += src/daemon/page.c
src/daemon/page.c: $(PAGE) src/daemon/page/embed
	$(AM_V_GEN)$(MKDIR_P) src/daemon && $(srcdir)/src/daemon/page/embed $(srcdir)/src/daemon/page >$@.new && mv $@.new $@

if HAVE_MICROHTTPD
src_libweir_a_SOURCES += \
	src/daemon/http.c \
	src/daemon/http_answer.c \
	src/daemon/http_clients.c \
	src/daemon/http_host.c src/daemon/http_host.h \
	src/daemon/http_library.c src/daemon/http_library.h \
	src/daemon/http_private.h \
	src/daemon/http_texts.c \
	src/daemon/http_thread.c src/daemon/http_thread.h \
	src/daemon/page.h
nodist_src_libweir_a_SOURCES = src/daemon/page.c
else
src_libweir_a_SOURCES += src/daemon/http_absent.c
endif

WEIR_LIBS = src/libweir.a $(LIBEVENT_LIBS) $(INIH_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS)

weir_SOURCES = src/main.c
weir_LDADD = $(WEIR_LIBS)
