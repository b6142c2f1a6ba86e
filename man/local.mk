# The files of this folder; included by the Makefile.am at the top.
dist_man_MANS += man/relay.ini.5
dist_man_MANS += man/weir.8
dist_man_MANS += man/weir-operation.7
