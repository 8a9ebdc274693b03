/*
 * listen: load a filter that has a listener, and pass that on, by calls that the filter itself may catch
 * (SCMP_ACT_NOTIFY: config-linux.md, "Seccomp" and "The Container Process State").
 *
 *   this thread                       the helper: a thread of this process that the filter does not bind
 *     clone ──────────────────────────▶ sched_yield, until there is a descriptor
 *     seccomp, NEW_LISTENER
 *     fd = … ─────────────────────────▶ pread, sendmsg with the descriptor; pread, sendmsg …; close, close
 *     looks at tid ◀─────────────────── exit: the kernel clears tid (CLONE_CHILD_CLEARTID)
 *
 * From the load on this thread makes no call: it would have to wait for whoever gets the listener, which is not passed on
 * yet. So it waits by looking at memory. The wait ends with the helper, which has a bound: the socket has a send timeout.
 * A helper that is killed alone, by a filter of a container around this one, ends the wait too. One that cannot send ends
 * the process.
 *
 * A thread, and no process, leaves no child behind, and the exec that follows ends it, if it is still on its way out. It
 * shares the descriptors, so that what it closes is closed: as long as this process had the listener open as well, the end
 * of whoever got it would not end the wait for an answer. It shares errno too. Only a call that fails writes to that: as
 * long as this thread makes calls, the helper makes none but sched_yield, which does not fail; after that this one makes
 * none.
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* In the report's detail: what failed. program/error.go has the same. */
enum { LISTEN_THREAD = 1, LISTEN_LOAD, LISTEN_SEND };

enum { NOT_LOADED = -4096 }; /* no errno */
enum { FPROG_LEN = 16 };
/* All of a usual state goes into the first message, which is all that some receivers read. */
enum { PART_LEN = 32 << 10 };
enum { CPU_WORDS = 128 }; /* 8192, the most that Linux is built for on x86 */

struct helper {
	uint64_t sock, state;
	int64_t fd; /* the listener, an errno, or NOT_LOADED */
	int32_t sent, tid;
	struct report *report;
};

/* Send what the socket takes of p, with descriptor fd unless it is -1. */
static int64_t send_some(uint64_t sock, uint8_t *p, size_t len, int64_t fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = p, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int64_t r;
	int n = (int)fd;

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &n, sizeof(n));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	do
		r = SC(SYS_sendmsg, sock, &m, MSG_NOSIGNAL, 0, 0, 0);
	while (r == -EINTR);
	if (r == -EAGAIN)
		return -ETIMEDOUT; /* SO_SNDTIMEO */
	return r == 0 || r > (int64_t)len ? -EIO : r;
}

/* Several messages may bring the state; only the first has the descriptor. */
static int64_t send_state(const struct helper *h, int64_t fd)
{
	static uint8_t part[PART_LEN];
	uint64_t off = 0;

	for (;;) {
		int64_t n = SC(SYS_pread64, h->state, part, sizeof(part), off, 0, 0);

		if (n <= 0)
			return n == 0 && !off ? -ENODATA : n;
		for (int64_t sent = 0; sent < n;) {
			int64_t r = send_some(h->sock, part + sent, (size_t)(n - sent), off || sent ? -1 : fd);

			if (r < 0)
				return r;
			sent += r;
		}
		off += (uint64_t)n;
	}
}

static int help(void *arg)
{
	struct helper *h = arg;
	int64_t r, fd;

	while ((fd = __atomic_load_n(&h->fd, __ATOMIC_ACQUIRE)) == NOT_LOADED)
		SC(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	if (fd < 0)
		return 0;
	r = send_state(h, fd);
	if (r < 0) {
		/* The other thread might have to ask to end, of somebody who has the listener and does not answer. */
		h->report->err = (uint32_t)-r;
		__atomic_store_n(&h->report->status, ST_FAILED, __ATOMIC_SEQ_CST);
		die(1);
	}
	/* A call that waits for an answer fails once nobody has the listener any more (ENOSYS). */
	SC(SYS_close, fd, 0, 0, 0, 0, 0);
	SC(SYS_close, h->sock, 0, 0, 0, 0, 0);
	__atomic_store_n(&h->sent, 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the kernel clears tid */
	return 0;
}

/* Under SCHED_FIFO a thread that waits by looking at memory keeps its only processor from any other for ever. */
static int never_yields(void)
{
	static uint64_t cpus[CPU_WORDS];
	int64_t policy = SC(SYS_sched_getscheduler, 0, 0, 0, 0, 0, 0), len;
	int count = 0;

	if (policy < 0 || (policy & ~SCHED_RESET_ON_FORK) != SCHED_FIFO)
		return 0;
	len = SC(SYS_sched_getaffinity, 0, sizeof(cpus), cpus, 0, 0, 0);
	for (int64_t i = 0; i < len / 8 && i < CPU_WORDS; i++)
		count += __builtin_popcountll(cpus[i]);
	return count == 1;
}

int64_t listen_and_pass(struct vm *vm, const struct call *c)
{
	static struct helper h;
	int64_t r;

	vm->report->detail = LISTEN_THREAD;
	if (c->len[3] != FPROG_LEN)
		return -EINVAL;
	if (never_yields())
		return -EDEADLK;
	h = (struct helper){ .sock = c->v[0], .state = c->v[1], .fd = NOT_LOADED, .report = vm->report };
	r = start_thread(help, &h, &h.tid);
	if (r < 0)
		return r;
	vm->report->detail = LISTEN_LOAD;
	r = SC(SYS_seccomp, SECCOMP_SET_MODE_FILTER, c->v[2], c->v[3], 0, 0, 0);
	if (r >= 0)
		vm->report->detail = LISTEN_SEND;
	__atomic_store_n(&h.fd, r, __ATOMIC_RELEASE);
	while (__atomic_load_n(&h.tid, __ATOMIC_ACQUIRE))
		relax();
	if (r < 0)
		return r;
	if (!__atomic_load_n(&h.sent, __ATOMIC_ACQUIRE))
		return -ESRCH;
	vm->report->detail = 0;
	if (c->in->kind[0] == K_USE)
		vm->slot[c->in->arg[0]] = -EBADF; /* closed */
	return 0;
}
