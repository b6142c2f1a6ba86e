#include "build_config.h"

#include "base/signals.h"

#include <stddef.h>

/* XFSZ is sent when a dump is larger than the service may write. */
static const int strays[] = {SIGALRM, SIGIO, SIGPIPE, SIGPROF, SIGPWR, SIGXFSZ, SIGSTKFLT, SIGVTALRM};

void signals_fill(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
	sigdelset(set, SIGFPE);
	sigdelset(set, SIGILL);
}

void signals_hold(sigset_t *before)
{
	sigset_t held;

	signals_fill(&held);
	pthread_sigmask(SIG_BLOCK, &held, before);
}

void signals_restore(const sigset_t *before)
{
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void signals_deliver(void)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

void signals_ignore_strays(void)
{
	for (size_t i = 0; i < sizeof(strays) / sizeof(strays[0]); i++)
		signal(strays[i], SIG_IGN);
	/* The last one is Valgrind's. */
	for (int number = SIGRTMIN; number < SIGRTMAX; number++)
		signal(number, SIG_IGN);
}
