/*
 * Signals for a foreground runtime, as bytes in a pipe. The Go runtime's own way (os/signal.Notify) costs several
 * thread switches for each signal number, 300 futex calls in all for the 56 that are forwarded: 1 ms of every run.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "signals.h"

static int signal_pipe = -1;

static void note(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	/* A full pipe has 64 Ki signals in it already. */
	if (write(signal_pipe, &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

int teu_catch(int pipe_fd, const unsigned char *signals, int n)
{
	/* The Go runtime wants handlers to run on its signal stacks (os/signal, "Go programs that use cgo or SWIG"). */
	struct sigaction sa = { .sa_handler = note, .sa_flags = SA_ONSTACK | SA_RESTART };

	sigfillset(&sa.sa_mask);
	signal_pipe = pipe_fd;
	for (int i = 0; i < n; i++)
		if (sigaction(signals[i], &sa, NULL) < 0)
			return errno;
	return 0;
}
