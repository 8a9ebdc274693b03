/*
 * hook: run a hook of the container's namespaces and wait for it (config.md, "POSIX-platform Hooks").
 *
 *   lseek; clone3 ──▶ dup3 …, close_range, execve
 *   poll, pidfd_send_signal, waitid
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

/* In the report's detail while a hook runs: it could not be executed, and the errno. */
enum { HOOK_NOT_RUN = 1 << 30 };

_Noreturn static void hook_child(struct vm *vm, const struct call *c)
{
	int64_t r = SC(SYS_dup3, c->v[3], 0, 0, 0, 0, 0);

	if (r >= 0)
		r = c->v[4] == 1 ? 0 : SC(SYS_dup3, c->v[4], 1, 0, 0, 0, 0);
	if (r >= 0)
		r = c->v[4] == 2 ? 0 : SC(SYS_dup3, c->v[4], 2, 0, 0, 0, 0);
	if (r >= 0)
		r = SC(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC, 0, 0, 0);
	if (r >= 0)
		r = SC(SYS_execve, c->v[0], c->v[1], c->v[2], 0, 0, 0);
	vm->report->detail = HOOK_NOT_RUN | (uint32_t)-r;
	die(127);
}

int64_t hook(struct vm *vm, const struct call *c)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD };
	uint64_t left = c->v[5];
	struct pollfd wait = { .events = POLLIN };
	siginfo_t info;
	int64_t r;

	/* Each hook reads the whole state from its start. */
	r = SC(SYS_lseek, c->v[3], 0, SEEK_SET, 0, 0, 0);
	if (r < 0)
		return r;
	vm->report->detail = 0;
	r = SC(SYS_clone3, &args, sizeof(args), 0, 0, 0, 0);
	if (r < 0)
		return r;
	if (r == 0)
		hook_child(vm, c);

	wait.fd = pidfd;
	do { /* poll(2) takes 24 days at most */
		int slice = !left ? -1 : left < INT_MAX ? (int)left : INT_MAX;

		r = SC(SYS_poll, &wait, 1, slice, 0, 0, 0);
		if (r == 0)
			left -= (uint64_t)slice;
	} while (r == -EINTR || (r == 0 && left));
	if (r <= 0)
		SC(SYS_pidfd_send_signal, pidfd, SIGKILL, 0, 0, 0, 0);
	memset(&info, 0, sizeof(info));
	int64_t w = SC(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, 0, 0);
	SC(SYS_close, pidfd, 0, 0, 0, 0, 0);
	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	if (w < 0)
		return w;
	if (vm->report->detail & HOOK_NOT_RUN) {
		r = -(int64_t)(vm->report->detail & ~HOOK_NOT_RUN);
		vm->report->detail = 0;
		return r;
	}
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	vm->report->detail = info.si_code == CLD_EXITED ? (uint32_t)info.si_status << 8 : (uint32_t)info.si_status;
	return -ECHILD;
}
