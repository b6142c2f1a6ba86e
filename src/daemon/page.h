/*
 * The page that shows a report in a browser: one document, with its style and script in it. page.c is made of
 * the files in page/ by page/embed.
 */
#ifndef WEIR_PAGE_H
#define WEIR_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[]; /* UTF-8 */
extern const size_t page_html_size;
/* The value of Content-Security-Policy: nothing from elsewhere, and no style or script but those in it. */
extern const char page_policy[];

#endif
