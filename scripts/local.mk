# The files of this folder; included by the Makefile.am at the top.
