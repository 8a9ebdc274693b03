package sys

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// NewMount makes a detached mount of a new filesystem; an option is "key=value" or "key". An error holds the kernel's words
// on it, if it has any (fsopen(2)).
//
//	fsopen; fsconfig…; fsconfig CREATE; fsmount
func NewMount(fstype, source string, options []string) (int, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen", err)
	}
	defer Close(fs)
	if source != "" {
		options = append([]string{"source=" + source}, options...)
	}
	for _, opt := range options {
		if key, value, ok := strings.Cut(opt, "="); ok {
			err = unix.FsconfigSetString(fs, key, value)
		} else {
			err = unix.FsconfigSetFlag(fs, opt)
		}
		if err != nil {
			return -1, kernelWords(fs, os.NewSyscallError("fsconfig", err))
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, kernelWords(fs, os.NewSyscallError("fsconfig", err))
	}
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, kernelWords(fs, os.NewSyscallError("fsmount", err))
	}
	return mnt, nil
}

func kernelWords(fs int, err error) error {
	var buf [256]byte
	n, rerr := unix.Read(fs, buf[:])
	if rerr != nil || n == 0 {
		return err
	}
	// "e tmpfs: Bad value for 'size'": the letter is the level.
	return fmt.Errorf("%w (%s)", err, strings.TrimPrefix(strings.TrimSpace(string(buf[:n])), "e "))
}

// Idmap has the ids of the detached mount fd, or with recursive of all the mounts of its tree, translated by the user
// namespace userns (mount_setattr(2), "ID-mapped mounts").
func Idmap(fd, userns int, recursive bool) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userns)}
	return os.NewSyscallError("mount_setattr", unix.MountSetattr(fd, "", flags, &attr))
}

// UserNamespace makes a user namespace with those maps in which no process is.
func UserNamespace(uids, gids []syscall.SysProcIDMap) (fd int, err error) {
	fd = -1
	err = stopped(unix.CLONE_NEWUSER, uids, gids, func(pid int) (err error) {
		if fd, err = Openat(AtFdcwd, "/proc/"+strconv.Itoa(pid)+"/ns/user", ORdonly, 0); err != nil {
			err = fmt.Errorf("open user namespace of %d: %w", pid, err)
		}
		return err
	})
	if err != nil && fd >= 0 {
		Close(fd)
	}
	return fd, err
}

// InLockedMounts calls f, as InMountNamespace does, in a copy of this process's mount namespace that belongs to another user namespace.
// There the flags of each mount are locked, and what is mounted below it (mount_namespaces(7)): so they are on what f clones.
func InLockedMounts(f func() error) error {
	self := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	group := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	return stopped(unix.CLONE_NEWUSER|unix.CLONE_NEWNS, self, group, func(pid int) error {
		return InMountNamespace("/proc/"+strconv.Itoa(pid)+"/ns/mnt", f)
	})
}

// stopped calls use with the pid of a child in new namespaces, a user namespace with those maps among them. The child stops at its exec
// (PTRACE_TRACEME), so that nothing of what it executes ever runs, and is gone when this returns.
func stopped(namespaces uintptr, uids, gids []syscall.SysProcIDMap, use func(pid int) error) error {
	runtime.LockOSThread() // PTRACE_TRACEME and PDEATHSIG mean the thread that forks
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"userns"}, &syscall.ProcAttr{
		Env: []string{},
		Sys: &syscall.SysProcAttr{
			Cloneflags: namespaces, UidMappings: uids, GidMappings: gids, Ptrace: true, Pdeathsig: unix.SIGKILL,
		},
	})
	if err != nil {
		return fmt.Errorf("make a user namespace: %w", err)
	}
	err = use(pid)
	return errors.Join(err, reap(pid))
}

// reap kills the child pid and waits for its end.
func reap(pid int) error {
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return os.NewSyscallError("kill", err)
	}
	for {
		ws, err := Wait4(pid)
		if err != nil || ws.Exited() || ws.Signaled() {
			return err
		}
	}
}

// FsName is the name of a type of filesystem by its magic number (statfs(2)), or that number.
func FsName(magic int64) string {
	switch magic {
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.DEVPTS_SUPER_MAGIC:
		return "devpts"
	case unix.CGROUP_SUPER_MAGIC:
		return "cgroup"
	case unix.CGROUP2_SUPER_MAGIC:
		return "cgroup2"
	case unix.NSFS_MAGIC:
		return "nsfs"
	}
	return "0x" + strconv.FormatInt(magic, 16)
}

// NamesPids reports whether a procfs can be told that it is one of the pid namespace ns (option pidns, Linux 6.18).
func NamesPids(ns int) bool {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	defer Close(fs)
	return unix.FsconfigSetFd(fs, "pidns", ns) == nil
}
