/*
 * Opening a path of the container's, and making what is missing of it.
 *
 *   target      fstat of like; openat2; where that misses or leads out of the mount: per component openat2,
 *               mkdirat | mknodat | readlinkat; fstatfs; fstat
 *
 * The lookup starts at the root, or at a mount that the beginning of the path led to when it was made: that beginning is
 * not looked up again, since whoever can rename there could have put something else in its place. A symlink in that mount
 * may lead out of it, to another place below the root, as an image's /var/run in a volume on /var does.
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WANT_DIR, WANT_FILE, WANT_LIKE, WANT_ANY, WANT_KIND = 3 };
enum { NO_SYMLINKS = 4, NOFOLLOW = 8, EXISTING = 16, OFF_PROC = 32 };
enum { MAX_LINKS = 40 };
enum { MAX_STEPS = 20000 }; /* 40 symlinks that go a long way down and up again could take minutes */
/* No errnos. After a symlink the kernel may know all of the path; after a ".." it is as it was. */
enum { WALK_AGAIN = -4096, WALK_ON = -4097 };

struct walk {
	uint64_t root,
		base; /* path starts at base: the root, or the mount that the first known bytes of whole lead to */
	uint64_t want;
	int want_dir, links, steps;
	const char *whole;
	size_t known;
	char path[PATH_LEN]; /* what is looked up below base, symlinks that were read replaced */
	char name[256];      /* the component at hand */
	char link[PATH_LEN];
};

static int64_t open_path(uint64_t dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS };

	return openat2_again(dir, (uintptr_t)path, (uintptr_t)&how, sizeof(how));
}

/* The whole of path at once, which the kernel follows. Without one it is the mount itself, which may be a file. */
static int64_t open_whole(const struct walk *w, const char *path)
{
	if (!*path)
		return SC(SYS_fcntl, w->base, F_DUPFD_CLOEXEC, 3, 0, 0, 0);
	return open_path(w->base, path, w->want & NOFOLLOW ? O_NOFOLLOW : 0,
			 (w->base == w->root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH) |
				 (w->want & NO_SYMLINKS ? RESOLVE_NO_SYMLINKS : 0));
}

/* Put text in the place of path[start, end). */
static int64_t replace(struct walk *w, size_t start, size_t end, const char *text, size_t n)
{
	size_t rest = strlen(w->path + end);

	if (start + n + rest >= PATH_LEN)
		return -ENAMETOOLONG;
	memmove(w->path + start + n, w->path + end, rest + 1);
	memcpy(w->path + start, text, n);
	return WALK_AGAIN;
}

/* Put the text of the symlink w->name in the place of path[start, end). */
static int64_t follow(struct walk *w, uint64_t parent, size_t start, size_t end)
{
	int64_t n = SC(SYS_readlinkat, parent, w->name, w->link, PATH_LEN, 0, 0);

	if (w->links++ >= MAX_LINKS)
		return -ELOOP;
	if (n == -EINVAL)
		return WALK_AGAIN; /* not a symlink any more */
	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	if (w->link[0] != '/')
		return replace(w, start, end, w->link, (size_t)n);
	w->base = w->root;
	return replace(w, 0, end, w->link, (size_t)n);
}

/* Take the ".." at path[start, end) away, and the name before it: no symlink, it was walked through. */
static int64_t up(struct walk *w, size_t start, size_t end)
{
	size_t keep;

	while (start > 0 && w->path[start - 1] == '/')
		start--;
	if (start == 0 && w->base != w->root) {
		/* Out of the mount, to where it is mounted. */
		for (keep = w->known; keep > 0 && w->whole[keep - 1] != '/';)
			keep--;
		w->base = w->root;
		return replace(w, 0, end, w->whole, keep);
	}
	while (start > 0 && w->path[start - 1] != '/')
		start--;
	replace(w, start, end, "", 0); /* shorter, so it has room */
	return WALK_ON;
}

/* Open w->name in parent, and make it if it is missing. */
static int64_t step_in(struct walk *w, uint64_t parent, int is_dir, int last)
{
	const uint64_t here = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	/* With both flags a symlink at the end is opened itself (openat2(2)). */
	int64_t r = open_path(parent, w->name, last && w->want & NOFOLLOW ? O_NOFOLLOW : 0, here);

	if (r != -ENOENT || w->want & EXISTING)
		return r;
	r = is_dir ? SC(SYS_mkdirat, parent, w->name, 0755, 0, 0, 0)
		   : SC(SYS_mknodat, parent, w->name, S_IFREG | 0644, 0, 0, 0);
	if (r == -EEXIST) /* somebody made it meanwhile */
		return w->links++ < MAX_LINKS ? WALK_AGAIN : -ELOOP;
	return r < 0 ? r : open_path(parent, w->name, 0, here);
}

/* One pass over the path: the open file, or WALK_AGAIN when a part of it was replaced. */
static int64_t walk_once(struct walk *w)
{
	int64_t parent = -1, r;
	size_t start = 0, end;

	for (;;) {
		uint64_t at = parent >= 0 ? (uint64_t)parent : w->base;

		start += strspn(w->path + start, "/");
		end = start + strcspn(w->path + start, "/");
		if (end == start)
			return parent >= 0 ? parent : open_whole(w, "");
		if (end - start >= sizeof(w->name)) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(w->name, w->path + start, end - start);
		w->name[end - start] = 0;
		if (w->steps++ == MAX_STEPS) {
			r = -ELOOP;
			break;
		}
		if (strcmp(w->name, ".") == 0) {
			start = end;
			continue;
		}
		if (strcmp(w->name, "..") == 0)
			r = up(w, start, end);
		else
			r = step_in(w, at, w->want_dir || w->path[end + strspn(w->path + end, "/")], !w->path[end]);
		if (r == -ELOOP && !(w->want & NO_SYMLINKS))
			r = follow(w, at, start, end);
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
static int64_t is_kind(const struct walk *w, int64_t fd)
{
	struct stat st;
	int64_t r;

	if ((w->want & WANT_KIND) == WANT_ANY)
		return 0;
	r = SC(SYS_fstat, fd, &st, 0, 0, 0, 0);
	if (r < 0)
		return r;
	return !S_ISDIR(st.st_mode) == !w->want_dir ? 0 : -ENOTDIR;
}

/* What lies below held has been put there by whoever wrote the mounts, as the host's /proc in a bind mount of its root. */
static int64_t is_off_proc(const struct walk *w, int64_t fd)
{
	struct statfs st;
	int64_t r;

	if (!(w->want & OFF_PROC) || w->base != w->root)
		return 0;
	r = SC(SYS_fstatfs, fd, &st, 0, 0, 0, 0);
	if (r < 0)
		return r;
	return st.f_type == PROC_SUPER_MAGIC ? -EXDEV : 0;
}

static int64_t as_wanted(const struct walk *w, int64_t fd)
{
	int64_t r;

	if (fd < 0)
		return fd;
	r = is_off_proc(w, fd);
	if (r == 0)
		r = is_kind(w, fd);
	if (r == 0)
		return fd;
	close_fd(fd);
	return r;
}

/* Whether the kernel's answer is not the last word. */
static int misses(const struct walk *w, int64_t r)
{
	return (r == -ENOENT && !(w->want & EXISTING)) || (r == -EXDEV && w->base != w->root);
}

int64_t target(const struct call *c)
{
	static struct walk w;
	const char *path = (const char *)(uintptr_t)c->v[1];
	struct stat st;
	int64_t r;

	w.root = w.base = c->v[0];
	w.want = c->v[2] | ((c->v[2] & WANT_KIND) == WANT_ANY ? EXISTING : 0);
	w.want_dir = (w.want & WANT_KIND) == WANT_DIR;
	w.links = w.steps = 0;
	w.whole = path;
	w.known = c->v[5];
	if ((w.want & WANT_KIND) == WANT_LIKE) {
		r = SC(SYS_fstat, c->v[3], &st, 0, 0, 0, 0);
		if (r < 0)
			return r;
		w.want_dir = S_ISDIR(st.st_mode);
	}
	if (w.known > 0) {
		if (w.known > strlen(path))
			return -EINVAL;
		w.base = c->v[4];
		path += w.known;
		path += strspn(path, "/");
	}
	r = open_whole(&w, path);
	if (!misses(&w, r))
		return as_wanted(&w, r);
	if (strlen(path) >= PATH_LEN)
		return -ENAMETOOLONG;
	strcpy(w.path, path);
	do {
		r = walk_once(&w);
		if (r == WALK_AGAIN) {
			r = open_whole(&w, w.path);
			r = misses(&w, r) ? WALK_AGAIN : r;
		}
	} while (r == WALK_AGAIN || r == WALK_ON);
	return as_wanted(&w, r);
}
