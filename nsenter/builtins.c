/*
 * The instructions that are more than one system call.
 *
 *   target      fstat; openat2; where that misses: per component openat2, mkdirat | mknodat | readlinkat; fstat
 *   check_dev   fstat            check_fs    fstatfs          check_cwd   getcwd
 *   fork        clone3, sendto   sync        sendto, read     send_fd     sendmsg
 *   sig_reset   rt_sigaction, rt_sigprocmask
 *   exec        execve for each candidate      find        fstatat, until one is executable
 *   gate is in gate.c, hook in hook.c, copy and copy_link in copy.c, listen in listener.c, check_owner and check_root in place.c
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WANT_DIR, WANT_FILE, WANT_LIKE };
enum { PATH_LEN = 4096, MAX_LINKS = 40 };
enum { WALK_AGAIN = -4096 }; /* no errno */

static int64_t open_in(uint64_t dir, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = resolve };

	return openat2_again(dir, (uintptr_t)path, (uintptr_t)&how, sizeof(how));
}

static void close_fd(int64_t fd)
{
	if (fd >= 0)
		SC(SYS_close, fd, 0, 0, 0, 0, 0);
}

struct walk {
	uint64_t root;
	int want_dir, links;
	char path[PATH_LEN]; /* what is looked up, symlinks at its missing end replaced */
	char name[256];      /* the component that is missing */
	char link[PATH_LEN];
};

/* Put the text of the dangling symlink w->name in place of the component path[start, end). */
static int64_t follow(struct walk *w, int64_t parent, size_t start, size_t end)
{
	int64_t n = SC(SYS_readlinkat, parent, w->name, w->link, PATH_LEN, 0, 0);
	size_t keep, rest = strlen(w->path + end);

	if (n < 0)
		return n == -EINVAL ? 0 : n; /* not a symlink any more: somebody made it; look again */
	keep = n > 0 && w->link[0] == '/' ? 0 : start;
	if (n == 0 || keep + (size_t)n + rest >= PATH_LEN)
		return -ENAMETOOLONG;
	memmove(w->path + keep + n, w->path + end, rest + 1);
	memcpy(w->path + keep, w->link, (size_t)n);
	return 0;
}

/* One pass over the path: the open file, or WALK_AGAIN when a symlink was replaced and the pass starts again. */
static int64_t walk_once(struct walk *w)
{
	int64_t parent = -1, r;
	size_t start = 0, end;

	for (;;) {
		char cut;
		int last;

		while (w->path[start] == '/')
			start++;
		for (end = start; w->path[end] && w->path[end] != '/';)
			end++;
		if (end == start)
			return parent >= 0 ? parent : open_in(w->root, ".", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (end - start >= sizeof(w->name)) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(w->name, w->path + start, end - start);
		w->name[end - start] = 0;
		last = w->path[end + strspn(w->path + end, "/")] == 0;

		cut = w->path[end];
		w->path[end] = 0;
		r = open_in(w->root, w->path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		w->path[end] = cut;
		if (r == -ENOENT && strcmp(w->name, "..") != 0 && strcmp(w->name, ".") != 0) {
			uint64_t at = parent >= 0 ? (uint64_t)parent : w->root;

			r = last && !w->want_dir ? SC(SYS_mknodat, at, w->name, S_IFREG | 0644, 0, 0, 0)
						 : SC(SYS_mkdirat, at, w->name, 0755, 0, 0, 0);
			if (r == -EEXIST) {
				r = follow(w, (int64_t)at, start, end);
				if (r == 0)
					r = w->links++ < MAX_LINKS ? WALK_AGAIN : -ELOOP;
			} else if (r == 0) {
				r = open_in(at, w->name, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
			}
		}
		if (r < 0)
			break;
		close_fd(parent);
		parent = r;
		start = end;
	}
	close_fd(parent);
	return r;
}

/* A directory goes on a directory and nothing else on anything else. mount(2) says ENOTDIR, move_mount(2) EINVAL. */
static int64_t of_kind(int64_t fd, int want_dir)
{
	struct stat st;
	int64_t r = SC(SYS_fstat, fd, &st, 0, 0, 0, 0);

	if (r == 0 && !S_ISDIR(st.st_mode) == !want_dir)
		return fd;
	close_fd(fd);
	return r < 0 ? r : -ENOTDIR;
}

static int64_t target(const struct call *c)
{
	static struct walk w;
	const char *path = (const char *)(uintptr_t)c->v[1];
	struct stat st;
	int64_t r;

	w.want_dir = c->v[2] == WANT_DIR;
	if (c->v[2] == WANT_LIKE) {
		r = SC(SYS_fstat, c->v[3], &st, 0, 0, 0, 0);
		if (r < 0)
			return r;
		w.want_dir = S_ISDIR(st.st_mode);
	}
	r = open_in(c->v[0], path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (r != -ENOENT)
		return r < 0 ? r : of_kind(r, w.want_dir);
	if (strlen(path) >= PATH_LEN)
		return -ENAMETOOLONG;
	w.root = c->v[0];
	w.links = 0;
	strcpy(w.path, path);
	do
		r = walk_once(&w);
	while (r == WALK_AGAIN);
	return r < 0 ? r : of_kind(r, w.want_dir);
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

static int64_t sig_reset(void)
{
	/* struct kernel_sigaction: handler, flags, restorer, mask. All zero is SIG_DFL. */
	uint64_t action[4] = { 0 }, none = 0;

	for (int sig = 1; sig <= 64; sig++) {
		int64_t r = SC(SYS_rt_sigaction, sig, action, 0, 8, 0, 0);

		if (r < 0 && sig != SIGKILL && sig != SIGSTOP)
			return r;
	}
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
	}
	return -ENOSYS;
}
