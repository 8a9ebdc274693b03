package sys

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// InMountNamespace calls f on a thread that is in the mount namespace that the file at path stands for, with this process's
// privileges and, in that namespace, its root directory.
//
//	unshare CLONE_FS; setns CLONE_NEWNS; f
//
// The thread is good for nothing afterwards, and kept: a child that asked to die with its parent (PR_SET_PDEATHSIG) means
// the thread that started it. It is never the first one, which /proc/self tells about.
func InMountNamespace(path string, f func() error) error {
	ns, err := Openat(AtFdcwd, path, ORdonly, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer Close(ns)
	done := make(chan error)
	go onOtherThread(func() {
		err := os.NewSyscallError("unshare CLONE_FS", unix.Unshare(unix.CLONE_FS))
		if err == nil {
			err = os.NewSyscallError("setns "+path, unix.Setns(ns, unix.CLONE_NEWNS))
		}
		if err == nil {
			err = f()
		}
		done <- err
		select {}
	})
	return <-done
}

// onOtherThread calls f locked to a thread that is not the first of the process. f does not return, or not before it has
// unlocked the thread, which would end.
func onOtherThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	go onOtherThread(f) // cannot get this thread as long as we have it
	select {}
}

// PathOf is where fd is, by the root directory of the calling thread. fds is a descriptor of /proc/self/fd.
func PathOf(fds, fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fds, strconv.Itoa(fd), buf)
	return string(buf[:max(n, 0)]), os.NewSyscallError("readlinkat", err)
}

// Detach takes off the mount that the descriptor fd is the root of, and all below it, in the mount namespace of the calling thread, of which
// it changes the working directory. fds is a descriptor of /proc/self/fd.
func Detach(fds, fd int) error {
	if err := unix.Fchdir(fds); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	return os.NewSyscallError("umount2", unix.Unmount(strconv.Itoa(fd), unix.MNT_DETACH))
}
