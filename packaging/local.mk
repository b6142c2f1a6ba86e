# The packages, and what makes the tarball the same from every checkout.

# am__tar of configure.ac gives this time to all files: that of the last entry of debian/changelog, which is in
# the tarball as well, or SOURCE_DATE_EPOCH.
DIST_TIME = `if test "$$SOURCE_DATE_EPOCH"; then echo "@$$SOURCE_DATE_EPOCH"; \
	else sed -n 's/^ -- .*>  //p;/^ -- /q' $(top_srcdir)/debian/changelog; fi`

# Newer versions of xz use as many threads as there are processors, and write other bytes then.
export XZ_DEFAULTS = --threads=1

EXTRA_DIST += \
	debian/README.Debian \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/rules \
	debian/source/format \
	debian/source/options \
	debian/tests/control \
	debian/tests/relay \
	debian/weir.lintian-overrides \
	debian/weir.postinst \
	debian/weir.postrm \
	packaging/rpmlint.toml \
	packaging/weir.spec
