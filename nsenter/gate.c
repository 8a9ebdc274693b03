/*
 * gate: wait for `start`.
 *
 *   poll; accept4, sendmsg for each that comes; recvmsg
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { CALLERS = 8 }; /* at once */

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

int64_t send_fds(uint64_t conn, void *payload, size_t len, const int *fds, size_t n)
{
	union control control;
	struct iovec iov = { .iov_base = payload, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	int64_t r;

	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	do
		r = SC(SYS_sendmsg, conn, &m, MSG_NOSIGNAL, 0, 0, 0);
	while (r == -EINTR);
	return r < 0 ? r : 0;
}

/* Wait for the word to go on; the descriptor that may come with it, or standard error. */
static int64_t recv_go(int64_t conn)
{
	union control control;
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control };
	int64_t r;
	int fd = 2;

	m.msg_controllen = CMSG_LEN(sizeof(int)); /* CMSG_SPACE would have room for two */
	do
		r = SC(SYS_recvmsg, conn, &m, MSG_CMSG_CLOEXEC, 0, 0, 0);
	while (r == -EINTR);
	if (r < 0)
		return r;
	if (r == 0 || byte != BYTE_GO)
		return -EPROTO;
	if (m.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_level == SOL_SOCKET &&
	    control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* Take the caller at[i] out of the list, whose others keep their order. */
static void leave(struct pollfd *at, int *n, int i, int shut)
{
	if (shut)
		SC(SYS_close, at[i].fd, 0, 0, 0, 0, 0);
	(*n)--;
	memmove(at + i, at + i + 1, (size_t)(*n - i) * sizeof(*at));
}

/*
 * Whoever has connected is heard beside the others, and the gate opens for the first that says go: one that comes and says
 * nothing keeps nobody out. When too many do the first to come has to go.
 */
int64_t gate(struct vm *vm, const struct call *c)
{
	struct pollfd at[1 + CALLERS];
	int fds[2] = { vm->report_fd, vm->program_fd };
	char hello = BYTE_AT_GATE;
	int n = 1;

	memset(at, 0, sizeof(at));
	at[0].fd = (int)c->v[0];
	at[0].events = POLLIN;
	vm->report->status = ST_AT_GATE;
	for (;;) {
		int64_t conn, r = SC(SYS_poll, at, n, -1, 0, 0, 0);

		if (r < 0 && r != -EINTR)
			return r;
		if (r <= 0)
			continue;
		for (int i = n - 1; i > 0; i--) {
			if (!at[i].revents)
				continue;
			r = recv_go(at[i].fd);
			if (r >= 0) { /* its connection stays open until exec */
				leave(at, &n, i, 0);
				while (n > 1)
					leave(at, &n, 1, 1);
				vm->report->status = ST_RUNNING;
				return r;
			}
			leave(at, &n, i, 1);
		}
		if (!at[0].revents)
			continue;
		conn = SC(SYS_accept4, c->v[0], 0, 0, SOCK_CLOEXEC, 0, 0);
		if (conn == -EINTR || conn == -ECONNABORTED)
			continue;
		if (conn < 0)
			return conn;
		if (send_fds((uint64_t)conn, &hello, 1, fds, 2) < 0) {
			SC(SYS_close, conn, 0, 0, 0, 0, 0);
			continue;
		}
		if (n == 1 + CALLERS)
			leave(at, &n, 1, 1);
		at[n].fd = (int)conn;
		at[n].events = POLLIN;
		at[n++].revents = 0;
	}
}
