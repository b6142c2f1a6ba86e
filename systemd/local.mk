# The unit and its user. Directories are put in by make, as configure does not expand them.
EXTRA_DIST += systemd/weir.service.in systemd/weir.socket.in systemd/weir.sysusers
nodist_systemdsystemunit_DATA = systemd/weir.service
nodist_sysusers_DATA = systemd/weir.conf
CLEANFILES += systemd/weir.service systemd/weir.socket systemd/weir.conf

# Without libsystemd, weir takes no sockets.
if HAVE_SYSTEMD
nodist_systemdsystemunit_DATA += systemd/weir.socket
endif

systemd/weir.service: systemd/weir.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && \
	sed -e 's|@sbindir[@]|$(sbindir)|' -e 's|@sysconfdir[@]|$(sysconfdir)|' \
		$(srcdir)/systemd/weir.service.in > $@.tmp && mv $@.tmp $@

systemd/weir.socket: systemd/weir.socket.in
	$(AM_V_GEN)$(MKDIR_P) systemd && cp $(srcdir)/systemd/weir.socket.in $@

# sysusers.d(5) reads only what ends in .conf.
systemd/weir.conf: systemd/weir.sysusers
	$(AM_V_GEN)$(MKDIR_P) systemd && cp $(srcdir)/systemd/weir.sysusers $@
