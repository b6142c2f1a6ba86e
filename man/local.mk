# The files of this folder; included by the Makefile.am at the top.
dist_man_MANS += man/relay.ini.5
dist_man_MANS += man/weir.8
dist_man_MANS += man/weir-metrics.7
if HAVE_TOP
dist_man_MANS += man/weir-top.1
endif
dist_man_MANS += man/weir-operation.7
dist_man_MANS += man/weir-recipes.7

# The recipes of that page as files, to be copied.
RECIPES = \
	conf/recipe-balancer.ini \
	conf/recipe-database.ini \
	conf/recipe-ftp.ini \
	conf/recipe-game.ini \
	conf/recipe-haproxy.cfg \
	conf/recipe-ipvs.ini \
	conf/recipe-keepalived.conf \
	conf/recipe-mail.ini \
	conf/recipe-mx.ini \
	conf/recipe-mx-master.cf \
	conf/recipe-proxy.ini \
	conf/recipe-proxy-haproxy.cfg \
	conf/recipe-proxy-nginx.conf \
	conf/recipe-restarts.ini \
	conf/recipe-sites.ini \
	conf/recipe-ssh.ini \
	conf/recipe-standby.ini \
	conf/recipe-targets.ini \
	conf/recipe-unix.ini \
	conf/recipe-vsftpd.conf
$(RECIPES): man/weir-recipes.7 man/recipe.awk
	$(AM_V_GEN)$(MKDIR_P) conf && \
	$(AWK) -v name=`echo $@ | sed 's/^conf.recipe-//'` -f $(srcdir)/man/recipe.awk \
		$(srcdir)/man/weir-recipes.7 >$@.tmp && mv $@.tmp $@
EXTRA_DIST += man/recipe.awk
CLEANFILES += $(RECIPES)
