# The packages.
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
	debian/weir.postrm
