# weir-top, a program beside the daemon. All but its main.c is a library, so that tests link it.
TOP_CPPFLAGS = $(AM_CPPFLAGS) $(TOP_CFLAGS)
if HAVE_TOP
noinst_LIBRARIES += src/libtop.a
src_libtop_a_SOURCES = \
	src/top/allowance.c src/top/allowance.h \
	src/top/amounts.c src/top/amounts.h \
	src/top/canvas.c src/top/canvas.h \
	src/top/compare.c \
	src/top/control.c src/top/control.h \
	src/top/fetch.c src/top/fetch.h \
	src/top/order.c src/top/order.h \
	src/top/place.c src/top/place.h \
	src/top/scene.c src/top/scene.h \
	src/top/screen.c src/top/screen.h \
	src/top/table.c src/top/table.h \
	src/top/view.c src/top/view.h src/top/view_columns.c src/top/view_detail.c \
	src/top/watch.c src/top/watch.h \
	src/top/words.c src/top/words.h
src_libtop_a_CPPFLAGS = $(TOP_CPPFLAGS)
TOP_LDADD = src/libtop.a src/libweir.a $(TOP_LIBS) $(INIH_LIBS) $(JANSSON_LIBS)

bin_PROGRAMS += weir-top
weir_top_SOURCES = src/top/main.c
weir_top_CPPFLAGS = $(TOP_CPPFLAGS)
weir_top_LDADD = $(TOP_LDADD)
endif
