/*
 * The instructions that check where the process is, or is to be, and what is there.
 *
 *   check_owner    ioctl, fstat; for each level of user namespaces fstat, ioctl
 *   check_root     statx
 *   identify       fstat
 *   check_cover    openat2, fstat; fstatfs of what is to be read-only
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

enum { USER_LEVELS = 34 }; /* user namespaces nest 32 deep below the first (user_namespaces(7)) */

/* Whether the owner is user or one that user is in. The kernel shows none above the caller's own. */
static int64_t within_owner(const struct stat *owner, uint64_t user)
{
	int64_t up = -1, r = -EXDEV;

	for (int i = 0; i < USER_LEVELS; i++) {
		struct stat st;
		int64_t next;

		r = SC(SYS_fstat, user, &st, 0, 0, 0, 0);
		if (r < 0 || (st.st_dev == owner->st_dev && st.st_ino == owner->st_ino))
			break;
		next = SC(SYS_ioctl, user, NS_GET_PARENT, 0, 0, 0, 0);
		r = next == -EPERM ? -EXDEV : next;
		if (next < 0)
			break;
		close_fd(up);
		user = (uint64_t)next;
		up = next;
		r = -EXDEV;
	}
	close_fd(up);
	return r;
}

int64_t check_owner(const struct call *c)
{
	struct stat owner;
	int64_t r, fd = SC(SYS_ioctl, c->v[0], NS_GET_USERNS, 0, 0, 0, 0);

	if (fd < 0)
		return fd;
	r = SC(SYS_fstat, fd, &owner, 0, 0, 0, 0);
	if (r == 0)
		r = within_owner(&owner, c->v[1]);
	close_fd(fd);
	return r;
}

int64_t check_root(const struct call *c)
{
	struct statx st;
	int64_t r = SC(SYS_statx, AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &st, 0);

	if (r < 0)
		return r;
	if (((uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor) != c->v[0] || st.stx_ino != c->v[1] ||
	    st.stx_mnt_id != c->v[2])
		return -ESTALE;
	return 0;
}

enum { DEVICE, INODE };
enum { NULL_DEVICE = 1 << 8 | 3 };

/* A number of a slot is never negative: those are errors. */
static int64_t number(uint64_t n)
{
	return (int64_t)(n & INT64_MAX);
}

int64_t identify(const struct call *c)
{
	struct stat st;
	int64_t r = SC(SYS_fstat, c->v[0], &st, 0, 0, 0, 0);

	if (r < 0)
		return r;
	return number(c->v[1] == DEVICE ? st.st_dev : st.st_ino);
}

/*
 * What is found is nothing, or an empty directory or a null device of those that masks are made of, or the very file that was
 * made read-only, and is. A slot that nothing has filled matches no file.
 */
static int64_t covered(const struct call *c, int64_t fd)
{
	struct statfs fs;
	struct stat st;
	int64_t r = SC(SYS_fstat, fd, &st, 0, 0, 0, 0);

	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode) && number(st.st_dev) == (int64_t)c->v[1])
		return 0;
	if (S_ISCHR(st.st_mode) && st.st_rdev == NULL_DEVICE && number(st.st_dev) == (int64_t)c->v[2])
		return 0;
	if (number(st.st_dev) != (int64_t)c->v[3] || number(st.st_ino) != (int64_t)c->v[4])
		return -ESTALE;
	r = SC(SYS_fstatfs, fd, &fs, 0, 0, 0, 0);
	if (r < 0)
		return r;
	return fs.f_flags & ST_RDONLY ? 0 : -EROFS;
}

int64_t check_cover(const struct call *c)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	int64_t r, fd = openat2_again((uint64_t)AT_FDCWD, c->v[0], (uintptr_t)&how, sizeof(how));

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = covered(c, fd);
	close_fd(fd);
	return r;
}
