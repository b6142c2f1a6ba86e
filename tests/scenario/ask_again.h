/*
 * A reset is sent only once, and a machine that is busy drops packets, even on loopback. Whoever has heard
 * nothing for seconds then asks whether the other end is there, and is reset again if it is not.
 */
#ifndef WEIR_TESTS_ASK_AGAIN_H
#define WEIR_TESTS_ASK_AGAIN_H

/* For a TCP socket; those that it accepts do the same. */
void ask_again(int fd);

#endif
