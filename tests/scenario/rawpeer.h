/*
 * rawpeer: a scripted peer. Every connection runs the same words in order; one thread and one epoll set drive
 * thousands of them.
 *
 *   rawpeer.c         command line, event loop, life of a connection
 *   rawpeer_words.c   the table of words, parsing a script, words that touch no socket
 *   rawpeer_socket.c  words that make, tune, end and watch sockets
 *   rawpeer_stream.c  words that send and receive
 *   rawpeer_proxy.c   the word that receives a PROXY header
 *   pattern.c         the bytes that travel
 */
#ifndef WEIR_TESTS_RAWPEER_H
#define WEIR_TESTS_RAWPEER_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct peer;
struct word;

/* What a word says when it has done what can be done now. */
enum step {
	STEP_DONE, /* go on with the next word */
	STEP_WAIT, /* call again when peer->want is there or peer->wake_us has come */
	STEP_FAIL, /* the connection has failed; peer_fail has said why */
};

typedef enum step word_step(struct peer *peer, struct word *word);

struct word_kind {
	const char *name;
	const char *arguments; /* one letter each: a address, n number, s size, t text */
	word_step *step;
};

enum { WORD_ARGUMENTS = 2 };

struct word {
	const struct word_kind *kind;
	char **argv; /* the word and its arguments as they were written, borrowed */
	struct endpoint endpoint;
	uint64_t number[WORD_ARGUMENTS]; /* n and s, by position */
	const char *text;
	unsigned passed; /* connections that have left this word behind */
};

struct script {
	struct word *words;
	size_t count;
};

/*
 * One direction of a connection. Texts and urgent bytes are not part of the pattern: they advance bytes, but
 * not offset.
 */
struct stream {
	uint64_t seed;
	uint64_t offset; /* in the pattern */
	uint64_t bytes;
};

struct peer {
	LIST_ENTRY(peer) entry;
	unsigned number; /* from 0, in order of making */
	int fd;          /* -1: none */
	size_t position; /* of the word that runs */
	struct stream out, in;
	uint64_t filled;    /* bytes that the last fill sent */
	bool fin_seen;      /* an end of stream was received */
	bool rst_seen;      /* a reset was, by connect */
	const char *end;    /* how the connection ended, for its line */
	int rcvbuf, sndbuf; /* for sockets to be made; 0: the kernel's default */
	size_t piece;       /* most that one send gives to the kernel; 0: as much as there is */

	/* Of the word that runs; zero when it begins. */
	uint64_t progress, progress_in; /* bytes */
	uint64_t since_us;              /* 0, or when it last got on */
	unsigned char *echo;            /* owned, freed with the peer: bytes to be echoed */
	size_t echo_start, echo_end;

	/* Waiting. */
	uint32_t want;    /* epoll events */
	uint32_t armed;   /* epoll events that are set; 0: the descriptor is not in the set */
	uint32_t events;  /* epoll events that woke this call */
	uint64_t wake_us; /* 0: not by time */
	bool accepting;   /* waits for the listening socket */
};

/* The one process; words share its listening socket and its clock. */
struct process {
	struct script script;
	unsigned connections; /* that the command line asks for */
	bool serve;           /* an accepted connection makes room for another, until SIGTERM */
	uint64_t now_us;
	uint64_t deadline_us;
	int listener; /* -1: none */
	int epoll;
};

extern struct process process;

/* rawpeer.c */
void peer_close(struct peer *peer);
/* After accept in serve mode: another peer must wait for the next client. */
void peer_spawn_next(void);
/* Says on standard error which connection failed at which word, and why. Returns STEP_FAIL. */
enum step peer_fail(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Waits for epoll events; 0 for none. */
enum step peer_wait(struct peer *peer, uint32_t events);
enum step peer_wait_us(struct peer *peer, uint32_t events, uint64_t wake_us);
/* The listening socket has no client now: peers in accept run again when it has. */
void process_await_client(void);

/* rawpeer_words.c */
/* Parses argv into script, or says what is wrong and returns -EINVAL. */
int script_parse(char **argv, struct script *script);
void script_free(struct script *script);
/* The word and its arguments as written. Returns buf. */
char *word_format(const struct word *word, char *buf, size_t size);

/* rawpeer_socket.c */
word_step word_accept, word_backlog, word_bind, word_close, word_connect, word_expect_end, word_expect_fin,
        word_expect_open, word_expect_refused, word_expect_rst, word_fin, word_insist, word_listen, word_loud,
        word_port_file, word_rcvbuf, word_refuse, word_rst, word_silent, word_sndbuf, word_unlisten,
        word_wait_acked;

/* rawpeer_proxy.c */
word_step word_recv_proxy;

/* rawpeer_stream.c */
word_step word_dribble, word_duplex, word_echo, word_fill, word_pieces, word_recv, word_recv_all,
        word_recv_slow, word_recv_text, word_recv_until_end, word_send, word_send_proxy, word_send_text,
        word_urgent;

#endif
