package sys

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// Magic numbers of statfs(2) for the two cgroup filesystems.
const (
	CgroupSuperMagic  = unix.CGROUP_SUPER_MAGIC
	Cgroup2SuperMagic = unix.CGROUP2_SUPER_MAGIC
)

// PollPri is the event by which kernfs tells that a file such as cgroup.events has changed.
const PollPri = unix.POLLPRI

// PathMagic returns the filesystem magic of path (statfs(2)).
func PathMagic(path string) (int64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err != unix.EINTR {
			return int64(st.Type), err
		}
	}
}

// Exists asks with faccessat(2) whether path names anything, as seen with the real ids. It returns the errno
// as it is: ENOENT when there is nothing.
func Exists(path string) error { return unix.Faccessat(unix.AT_FDCWD, path, unix.F_OK, 0) }

// WriteFileAt opens an existing file for writing, gives the kernel value in one write(2) and closes it. Control
// files act on each write, so a short write is an error (EIO), not a reason to go on. An EINTR is retried:
// memory.limit_in_bytes returns it when a signal arrives while it reclaims.
func WriteFileAt(dirfd int, path, value string) error {
	fd, err := openat(dirfd, path, unix.O_WRONLY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	err = writeOnce(fd, value)
	unix.Close(fd)
	return err
}

// WriteEach opens an existing file once and gives each value to the kernel in a write(2) of its own, until one is
// refused. done is the number of values written.
func WriteEach(dirfd int, path string, values []string) (done int, err error) {
	fd, err := openat(dirfd, path, unix.O_WRONLY|unix.O_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for i, v := range values {
		if err := writeOnce(fd, v); err != nil {
			return i, err
		}
	}
	return len(values), nil
}

// ReadFileAt returns the content of a small file of procfs, sysfs or a cgroup filesystem.
func ReadFileAt(dirfd int, path string) ([]byte, error) {
	fd, err := openat(dirfd, path, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readAll(fd, make([]byte, 0, 1024))
}

// Rewind reads a control file again from its start, which also arms poll(2) for the next change.
func Rewind(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Pread(fd, buf, 0)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Subdirs returns the names of the directories directly below the open directory fd. It trusts d_type, which kernfs
// always fills in.
func Subdirs(fd int) ([]string, error) {
	var names []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return names, err
		}
		names = appendDirs(names, buf[:n])
	}
}

// appendDirs decodes struct linux_dirent64 records: ino u64, off s64, reclen u16, type u8, name.
func appendDirs(names []string, b []byte) []string {
	const typeAt, nameAt = 18, 19
	for len(b) > nameAt {
		reclen := int(binary.NativeEndian.Uint16(b[16:]))
		if reclen <= nameAt || reclen > len(b) {
			return names
		}
		name, _, _ := bytes.Cut(b[nameAt:reclen], []byte{0})
		if s := string(name); b[typeAt] == unix.DT_DIR && s != "." && s != ".." {
			names = append(names, s)
		}
		b = b[reclen:]
	}
	return names
}

// Chownat changes the owner of path below dirfd, and leaves its group alone.
func Chownat(dirfd int, path string, uid int) error {
	return unix.Fchownat(dirfd, path, uid, -1, unix.AT_SYMLINK_NOFOLLOW)
}

// PollUntil waits for one of the events (poll(2)) until the deadline; a signal does not lengthen the wait. It
// returns false when the deadline has passed first. fds may be empty: then it is a wait by the clock.
func PollUntil(fds []PollFD, deadline time.Time) (bool, error) {
	for {
		left := time.Until(deadline)
		if left < 0 {
			left = 0
		}
		ts := unix.NsecToTimespec(int64(left))
		n, err := unix.Ppoll(fds, &ts, nil)
		if err == unix.EINTR {
			continue
		}
		return n > 0, err
	}
}

func openat(dirfd int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, path, flags, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func writeOnce(fd int, value string) error {
	b := []byte(value)
	for {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err == nil && n != len(b) {
			return unix.EIO
		}
		return err
	}
}

func readAll(fd int, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}
