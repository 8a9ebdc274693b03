/*
 * The instructions that check where the process is, or is to be.
 *
 *   check_owner    ioctl, fstat; for each level of user namespaces fstat, ioctl
 *   check_root     statx
 */
#define _GNU_SOURCE
#include "interp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/stat.h>
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
