/*
 * Copying what a directory of somebody else's holds to a filesystem that nobody else can see yet.
 *
 *   copy       per name: openat2 O_PATH, fstat, then by type
 *              directory     mkdirat; openat2 ".", getdents64
 *              file          openat2, fstat; lseek SEEK_DATA and SEEK_HOLE, read, write; ftruncate
 *              symlink       readlinkat, symlinkat
 *              other         mknodat
 *              and           fchown, fchmod, fsetxattr, utimensat
 *   copy_link  fstat, readlinkat, symlinkat
 *
 * The source may change meanwhile, by whoever can write there. Each name is opened below the directory that holds it, never
 * through a symlink, a magic link or onto another mount; what it is, is asked of what was opened. Files are opened without
 * waiting (FIFOs, leases) and devices not at all: the source is a mount without them.
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPY_TREE = 1, COPY_MODE = 2, COPY_UID = 4, COPY_GID = 8 };
enum { MAX_DEPTH = 128, NAMES = 2048, CHUNK = 65536, LINK_LEN = 4096 };
enum { BELOW = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

/* A directory that is being copied: both ends open, and the names that were read from the source. */
struct level {
	int64_t src, dst;
	uint32_t at, len;
	struct stat st;
	_Alignas(8) char names[NAMES];
};

static struct level levels[MAX_DEPTH];
static char chunk[CHUNK], xattrs[CHUNK], link_text[LINK_LEN], link_there[LINK_LEN];

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static int64_t open_below(int64_t dir, const char *name, uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC, .mode = mode, .resolve = BELOW };

	return openat2_again((uint64_t)dir, (uintptr_t)name, (uintptr_t)&how, sizeof(how));
}

/* What a filesystem or a user namespace has no room for is left out. */
static int64_t unless(int64_t r, int a, int b)
{
	return r == -a || r == -b ? 0 : r;
}

static int kept(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
	       strncmp(name, "system.posix_acl_", 17) == 0;
}

/* Labels of security modules are theirs to give to the new files. */
static int64_t copy_xattrs(int64_t src, int64_t dst)
{
	int64_t n = SC(SYS_flistxattr, src, xattrs, CHUNK - 1, 0, 0, 0);

	if (n < 0)
		return unless(n, EOPNOTSUPP, EOPNOTSUPP);
	xattrs[n < CHUNK ? n : CHUNK - 1] = 0;
	for (const char *name = xattrs; name < xattrs + n; name += strlen(name) + 1) {
		int64_t r, size;

		if (!kept(name))
			continue;
		size = SC(SYS_fgetxattr, src, name, chunk, CHUNK, 0, 0);
		if (size == -ENODATA || size == -EOPNOTSUPP)
			continue;
		if (size < 0)
			return size;
		r = unless(SC(SYS_fsetxattr, dst, name, chunk, size, 0, 0), EOPNOTSUPP, EPERM);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * What became of a change of owner: the mode that the file may have, or an errno. EINVAL stands for an id that this user
 * namespace has not. The file is root's then, and setuid of somebody else must not become setuid of root.
 */
static int64_t owned(int64_t r, const struct stat *st)
{
	if (r == -EINVAL)
		return st->st_mode & 01777;
	return r < 0 ? r : (int64_t)(st->st_mode & 07777);
}

/* The owner first: a change of it takes setuid bits and capabilities away. */
static int64_t copy_owner(int64_t fd, const struct stat *st)
{
	int64_t r = owned(SC(SYS_fchown, fd, st->st_uid, st->st_gid, 0, 0, 0), st);

	return r < 0 ? r : SC(SYS_fchmod, fd, r, 0, 0, 0, 0);
}

static int64_t copy_times(int64_t dir, const char *name, const struct stat *st)
{
	struct timespec t[2] = { st->st_atim, st->st_mtim };

	/* Without a name it is the file itself. */
	return SC(SYS_utimensat, dir, name, t, name ? AT_SYMLINK_NOFOLLOW : 0, 0, 0);
}

static int64_t finish(int64_t src, int64_t dst, const struct stat *st)
{
	int64_t r = copy_owner(dst, st);

	if (r == 0)
		r = copy_xattrs(src, dst);
	return r < 0 ? r : copy_times(dst, NULL, st);
}

static int64_t write_all(int64_t fd, const char *p, int64_t n)
{
	while (n > 0) {
		int64_t w = SC(SYS_write, fd, p, n, 0, 0, 0);

		if (w == -EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? w : -EIO;
		p += w;
		n -= w;
	}
	return 0;
}

/* Bytes [from, to); fewer when the file has become shorter. */
static int64_t copy_range(int64_t src, int64_t dst, int64_t from, int64_t to)
{
	int64_t r = SC(SYS_lseek, src, from, SEEK_SET, 0, 0, 0);

	if (r >= 0)
		r = SC(SYS_lseek, dst, from, SEEK_SET, 0, 0, 0);
	while (r >= 0 && from < to) {
		int64_t n = SC(SYS_read, src, chunk, to - from < CHUNK ? to - from : CHUNK, 0, 0, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n;
		r = write_all(dst, chunk, n);
		from += n;
	}
	return r < 0 ? r : 0;
}

/* The data of a file, as far as it was long when it was opened; holes stay holes. */
static int64_t copy_data(int64_t src, int64_t dst, int64_t size)
{
	int64_t r = 0;

	for (int64_t at = 0, hole; at < size && r == 0; at = hole) {
		int64_t data = SC(SYS_lseek, src, at, SEEK_DATA, 0, 0, 0);

		if (data == -ENXIO)
			break; /* nothing but a hole is left */
		if (data < at)
			data = at; /* the filesystem knows none */
		hole = SC(SYS_lseek, src, data, SEEK_HOLE, 0, 0, 0);
		if (hole <= data || hole > size)
			hole = size;
		r = copy_range(src, dst, data, hole);
	}
	return r < 0 ? r : SC(SYS_ftruncate, dst, size, 0, 0, 0, 0);
}

static int64_t copy_file(struct level *l, const char *name)
{
	struct stat st;
	int64_t dst, r, src = open_below(l->src, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (src < 0)
		return src;
	r = SC(SYS_fstat, src, &st, 0, 0, 0, 0);
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -ESTALE; /* it was a file a moment ago */
	if (r == 0) {
		dst = r = open_below(l->dst, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (dst >= 0) {
			r = copy_data(src, dst, st.st_size);
			if (r == 0)
				r = finish(src, dst, &st);
			close_fd(dst);
		}
	}
	close_fd(src);
	return r;
}

/* The text of a symlink, which link is. */
static int64_t read_link(int64_t link)
{
	int64_t n = SC(SYS_readlinkat, link, "", link_text, LINK_LEN, 0, 0);

	if (n < 0 || n >= LINK_LEN)
		return n < 0 ? n : -ENAMETOOLONG;
	link_text[n] = 0;
	return n;
}

/* What is neither directory nor file has all it is in its name. */
static int64_t copy_node(struct level *l, const char *name, int64_t fd, const struct stat *st)
{
	int64_t r;

	if (S_ISLNK(st->st_mode)) {
		r = read_link(fd);
		if (r >= 0)
			r = SC(SYS_symlinkat, link_text, l->dst, name, 0, 0, 0);
	} else {
		r = SC(SYS_mknodat, l->dst, name, st->st_mode & (S_IFMT | 0777), st->st_rdev, 0, 0);
	}
	if (r == 0)
		r = owned(SC(SYS_fchownat, l->dst, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW, 0), st);
	if (r >= 0 && !S_ISLNK(st->st_mode))
		r = SC(SYS_fchmodat, l->dst, name, r, 0, 0, 0);
	return r < 0 ? r : copy_times(l->dst, name, st);
}

/* Go down into directory fd of the source. */
static int64_t enter(struct level *l, const char *name, int64_t fd, const struct stat *st)
{
	struct level *sub = l + 1;
	int64_t r;

	if (sub == levels + MAX_DEPTH)
		return -ENAMETOOLONG;
	sub->src = open_below(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (sub->src < 0)
		return sub->src;
	r = SC(SYS_mkdirat, l->dst, name, 0700, 0, 0, 0);
	if (r == 0)
		r = sub->dst = open_below(l->dst, name, O_RDONLY | O_DIRECTORY, 0);
	if (r < 0) {
		close_fd(sub->src);
		return r;
	}
	sub->st = *st;
	sub->at = sub->len = 0;
	return 1;
}

/* Copy one name: 1 for a directory, whose names come next. */
static int64_t copy_name(struct level *l, const char *name)
{
	struct stat st;
	int64_t r, fd = open_below(l->src, name, O_PATH, 0);

	if (fd < 0)
		return fd;
	r = SC(SYS_fstat, fd, &st, 0, 0, 0, 0);
	if (r == 0) {
		if (S_ISDIR(st.st_mode))
			r = enter(l, name, fd, &st);
		else if (S_ISREG(st.st_mode))
			r = copy_file(l, name);
		else
			r = copy_node(l, name, fd, &st);
	}
	close_fd(fd);
	return unless(r, ENOENT, ENOENT);
}

/* The next name of a directory, or NULL at its end or at an error, which r says. */
static const char *next_name(struct level *l, int64_t *r)
{
	for (;;) {
		const struct dirent64 *d = (const struct dirent64 *)(l->names + l->at);

		if (l->at >= l->len) {
			*r = SC(SYS_getdents64, l->src, l->names, NAMES, 0, 0, 0);
			if (*r <= 0)
				return NULL;
			l->at = 0;
			l->len = (uint32_t)*r;
			continue;
		}
		l->at += d->reclen;
		if (strcmp(d->name, ".") != 0 && strcmp(d->name, "..") != 0)
			return d->name;
	}
}

/* The name at which it failed, for the error; what is in it is the image's. */
static void blame(struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; name[i] && i < REPORT_TEXT - 1; i++)
		vm->report->text[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	vm->report->text[i] = 0;
}

static int64_t copy_tree(struct vm *vm)
{
	struct level *l = levels;
	int64_t r = 0;

	for (;;) {
		const char *name = next_name(l, &r);

		if (name) {
			r = copy_name(l, name);
			if (r < 0) {
				blame(vm, name);
				break;
			}
			l += r;
			continue;
		}
		if (r == 0 && l > levels)
			r = finish(l->src, l->dst, &l->st);
		if (r < 0 || l == levels)
			break;
		close_fd(l->src);
		close_fd(l->dst);
		l--;
	}
	for (; l > levels; l--) {
		close_fd(l->src);
		close_fd(l->dst);
	}
	return r;
}

int64_t copy(struct vm *vm, const struct call *c)
{
	struct level *top = levels;
	uint64_t what = c->v[2];
	int64_t r;

	top->at = top->len = 0;
	top->src = open_below((int64_t)c->v[0], ".", O_RDONLY | O_DIRECTORY, 0);
	if (top->src < 0)
		return top->src;
	top->dst = open_below((int64_t)c->v[1], ".", O_RDONLY | O_DIRECTORY, 0);
	if (top->dst < 0) {
		close_fd(top->src);
		return top->dst;
	}
	r = SC(SYS_fstat, top->src, &top->st, 0, 0, 0, 0);
	if (r == 0 && what & COPY_TREE)
		r = copy_tree(vm);
	if (r == 0 && what & (COPY_UID | COPY_GID))
		r = unless(SC(SYS_fchown, top->dst, what & COPY_UID ? (int64_t)top->st.st_uid : -1,
			      what & COPY_GID ? (int64_t)top->st.st_gid : -1, 0, 0, 0),
			   EINVAL, EINVAL);
	if (r == 0 && what & COPY_MODE)
		r = SC(SYS_fchmod, top->dst, top->st.st_mode & 07777, 0, 0, 0, 0);
	close_fd(top->src);
	close_fd(top->dst);
	return r < 0 ? r : 0;
}

int64_t copy_link(const struct call *c)
{
	const char *name = (const char *)(uintptr_t)c->v[2];
	struct stat st;
	int64_t n, r = SC(SYS_fstat, c->v[0], &st, 0, 0, 0, 0);

	if (r < 0 || !S_ISLNK(st.st_mode))
		return r < 0 ? r : -EINVAL;
	n = read_link((int64_t)c->v[0]);
	if (n < 0)
		return n;
	r = SC(SYS_symlinkat, link_text, c->v[1], name, 0, 0, 0);
	if (r != -EEXIST)
		return r;
	/* The one that is there may be the very same. */
	r = SC(SYS_readlinkat, c->v[1], name, link_there, LINK_LEN, 0, 0);
	return r == n && memcmp(link_text, link_there, (size_t)n) == 0 ? 0 : -EEXIST;
}
