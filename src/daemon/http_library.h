/*
 * libmicrohttpd, which is loaded when HTTP is first served. It brings GnuTLS with it: 2.5 MiB in every
 * process, 0.4 of them its own. Most have no use for that.
 */
#ifndef WEIR_HTTP_LIBRARY_H
#define WEIR_HTTP_LIBRARY_H

#include <microhttpd.h>

/* All functions that are called, without MHD_. */
#define HTTP_LIBRARY(DO)                                                                                     \
	DO(add_connection)                                                                                   \
	DO(add_response_header)                                                                              \
	DO(create_response_from_buffer)                                                                      \
	DO(create_response_from_buffer_with_free_callback_cls)                                               \
	DO(destroy_response)                                                                                 \
	DO(get_connection_info)                                                                              \
	DO(get_daemon_info)                                                                                  \
	DO(get_timeout)                                                                                      \
	DO(http_unescape)                                                                                    \
	DO(lookup_connection_value)                                                                          \
	DO(queue_response)                                                                                   \
	DO(resume_connection)                                                                                \
	DO(run)                                                                                              \
	DO(start_daemon)                                                                                     \
	DO(stop_daemon)                                                                                      \
	DO(suspend_connection)

struct http_library {
#define MEMBER(name) __typeof__(MHD_##name) *name;
	HTTP_LIBRARY(MEMBER)
#undef MEMBER
};

extern struct http_library mhd;

/* Unless that was done. Main thread, before any other call. 0, or -ELIBACC if it is not there. */
int http_library_load(void);

#endif
