/*
 * The instructions that are more than one system call.
 *
 *   check_dev   fstat            check_fs    fstatfs          check_cwd   getcwd
 *   fork        clone3, sendto   sync        sendto, read     send_fd     sendmsg
 *   sig_reset   rt_sigaction, rt_sigprocmask; tgkill, exit_group once such a signal comes
 *   exec        execve for each candidate      find        fstatat, until one is executable
 *   gate is in gate.c, hook in hook.c, copy and copy_link in copy.c, listen in listener.c, check_owner, check_root, identify and check_cover in
 *   place.c,
 *   target in target.c
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

void close_fd(int64_t fd)
{
	if (fd >= 0)
		SC(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int64_t check_dev(const struct call *c)
{
	struct stat st;
	int64_t r = SC(SYS_fstat, c->v[0], &st, 0, 0, 0, 0);

	if (r < 0)
		return r;
	if ((st.st_mode & S_IFMT) != c->v[1])
		return -ENODEV;
	return st.st_rdev == c->v[2] || c->v[1] == S_IFIFO ? 0 : -ENODEV;
}

static int64_t check_fs(const struct call *c)
{
	struct statfs st;
	int64_t r = SC(SYS_fstatfs, c->v[0], &st, 0, 0, 0, 0);

	if (r < 0)
		return r;
	return (uint64_t)st.f_type == c->v[1] ? 0 : -EXDEV;
}

static int64_t check_cwd(void)
{
	static char path[PATH_LEN];
	int64_t r = SC(SYS_getcwd, path, sizeof(path), 0, 0, 0, 0);

	if (r < 0)
		return r;
	return path[0] == '/' ? 0 : -EXDEV; /* "(unreachable)…": outside the root */
}

static int64_t send_byte(uint64_t fd, uint8_t byte)
{
	return SC(SYS_sendto, fd, &byte, 1, MSG_NOSIGNAL, 0, 0);
}

static int64_t fork_child(struct vm *vm, const struct call *c)
{
	struct clone_args args = { .flags = c->v[1], .exit_signal = c->v[1] & CLONE_PARENT ? 0 : SIGCHLD };
	int64_t r = SC(SYS_clone3, &args, sizeof(args), 0, 0, 0, 0);

	if (r <= 0)
		return r;
	vm->report->pid = (int32_t)r;
	r = send_byte(c->v[0], BYTE_FORKED);
	die(r < 0 ? 1 : 0);
}

static int64_t sync_parent(const struct call *c)
{
	uint8_t byte = 0;
	int64_t r;

	if (c->v[1]) {
		r = send_byte(c->v[0], (uint8_t)c->v[1]);
		if (r < 0)
			return r;
	}
	if (!c->v[2])
		return 0;
	do
		r = SC(SYS_read, c->v[0], &byte, 1, 0, 0, 0);
	while (r == -EINTR);
	if (r < 0)
		return r;
	if (r == 0)
		return -EPIPE;
	return byte == c->v[2] ? 0 : -EPROTO;
}

/*
 * End by sig, whose action is the default again (SA_RESETHAND). The kernel keeps that from the first process of a pid namespace
 * (pid_namespaces(7)), which then exits as a shell would say that it has been ended.
 */
static void end_by(int sig)
{
	SC(SYS_tgkill, SC(SYS_getpid, 0, 0, 0, 0, 0, 0), SC(SYS_gettid, 0, 0, 0, 0, 0, 0), sig, 0, 0, 0);
	die(128 + sig);
}

/* Never returned to, and x86 delivers no signal without one. */
enum { SA_HAS_RESTORER = 0x04000000 };

/*
 * What a caller ends a process with ends this one too, the first of a pid namespace included, for as long as it is the
 * interpreter. execve(2) makes them the default again: done any sooner, a signal that comes in between would be lost.
 */
static int64_t catch_ends(void)
{
	static const uint8_t ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	uint64_t action[4] = { (uintptr_t)end_by, SA_RESETHAND | SA_NODEFER | SA_HAS_RESTORER, (uintptr_t)end_by, 0 };
	int64_t r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(ends); i++)
		r = SC(SYS_rt_sigaction, ends[i], action, 0, 8, 0, 0);
	return r;
}

static int64_t sig_reset(void)
{
	/* struct kernel_sigaction: handler, flags, restorer, mask. All zero is SIG_DFL. */
	uint64_t action[4] = { 0 }, none = 0;
	int64_t r;

	for (int sig = 1; sig <= 64; sig++) {
		r = SC(SYS_rt_sigaction, sig, action, 0, 8, 0, 0);
		if (r < 0 && sig != SIGKILL && sig != SIGSTOP)
			return r;
	}
	r = catch_ends();
	if (r < 0)
		return r;
	return SC(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8, 0, 0);
}

/* execvp(3): go on past what is missing, remember what was denied, stop at any other error. */
static int64_t exec(struct vm *vm, const struct call *c)
{
	char *const *path = (char *const *)(uintptr_t)c->v[0];
	int64_t r = -ENOENT, result = -ENOENT;
	uint32_t i;

	__atomic_store_n(&vm->report->status, ST_EXECING, __ATOMIC_SEQ_CST);
	for (i = 0; i < c->len[0] / 8 && path[i]; i++) {
		r = SC(SYS_execve, path[i], c->v[1], c->v[2], 0, 0, 0);
		if (r != -ENOENT && r != -ENOTDIR) {
			vm->report->detail = i;
			result = r;
		}
		if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
			break;
	}
	return i == 1 ? r : result; /* ENOTDIR of a single path is the answer */
}

/* Whether there is a file that anybody may execute, or that cannot be looked at. The rest is for exec to find out. */
static int64_t find(struct vm *vm, const struct call *c)
{
	char *const *path = (char *const *)(uintptr_t)c->v[0];
	int64_t r = -ENOENT, result = -ENOENT;
	uint32_t i;

	for (i = 0; i < c->len[0] / 8 && path[i]; i++) {
		struct stat st;

		r = SC(SYS_newfstatat, AT_FDCWD, path[i], &st, 0, 0, 0);
		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0 || (!S_ISDIR(st.st_mode) && st.st_mode & 0111))
			return 0;
		if (result != -EACCES)
			vm->report->detail = i << 16 | (st.st_mode & 0xffff);
		r = result = -EACCES;
	}
	return i == 1 ? r : result;
}

int64_t builtin(struct vm *vm, const struct call *c)
{
	switch (c->in->op) {
	case OP_JUMP:
		return 0;
	case OP_FAIL:
		return -(int64_t)(c->v[0] & 0xfff);
	case OP_TARGET:
		return target(c);
	case OP_CHECK_DEV:
		return check_dev(c);
	case OP_CHECK_FS:
		return check_fs(c);
	case OP_FORK:
		return fork_child(vm, c);
	case OP_SYNC:
		return sync_parent(c);
	case OP_SEND_FD:
		return send_fds(c->v[0], (void *)(uintptr_t)c->v[2], c->len[2], &(int){ (int)c->v[1] }, 1);
	case OP_GATE:
		return gate(vm, c);
	case OP_HOOK:
		return hook(vm, c);
	case OP_SIG_RESET:
		return sig_reset();
	case OP_CHECK_CWD:
		return check_cwd();
	case OP_COPY:
		return copy(vm, c);
	case OP_COPY_LINK:
		return copy_link(c);
	case OP_EXEC:
		return exec(vm, c);
	case OP_LISTEN:
		return listen_and_pass(vm, c);
	case OP_FIND:
		return find(vm, c);
	case OP_CHECK_OWNER:
		return check_owner(c);
	case OP_CHECK_ROOT:
		return check_root(c);
	case OP_IDENTIFY:
		return identify(c);
	case OP_CHECK_COVER:
		return check_cover(c);
	}
	return -ENOSYS;
}
