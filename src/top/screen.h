/* The terminal: shows a canvas, tells keys. */
#ifndef WEIR_SCREEN_H
#define WEIR_SCREEN_H

#include "top/canvas.h"

#include <stdbool.h>

/* NULL, or why this terminal cannot be used, and then nothing has been changed. */
const char *screen_open(void);
/* As it was before. */
void screen_close(void);

void screen_size(int *width, int *height);
void screen_show(const struct canvas *canvas);
/* The next key: a character, or an enum press; PRESS_NONE if none is there. Never waits. */
int screen_key(void);

/* Whether the locale has nothing but ASCII for us. */
bool screen_is_ascii(void);

#endif
