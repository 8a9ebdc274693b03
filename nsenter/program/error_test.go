package program

import (
	"errors"
	"syscall"
	"testing"

	"teu/internal/sys"
)

func TestMessages(t *testing.T) {
	mount := Note{Op: OpSyscall, Nr: sys.SysFsconfig, Where: "mounts[3]", What: "mount tmpfs on /tmp"}
	hook := Note{Op: OpHook, Where: "hooks.createContainer[0]", What: "/bin/hook"}
	exec := Note{Op: OpExec, Where: "process.args", What: `exec "sh"`}
	listen := Note{Op: OpListen, Where: "linux.seccomp.listenerPath", What: "pass the listener to /s"}
	for _, c := range []struct {
		note Note
		r    Report
		want string
	}{
		{mount, Report{Status: Failed, Errno: syscall.EINVAL}, "mounts[3]: mount tmpfs on /tmp: fsconfig: invalid argument"},
		{mount, Report{Status: Failed, Errno: syscall.EINVAL, Text: "e tmpfs: Bad value for 'size'"},
			"mounts[3]: mount tmpfs on /tmp: fsconfig: invalid argument (tmpfs: Bad value for 'size')"},
		{Note{Op: OpSyscall, Nr: sys.SysSetsid, What: "start a session"}, Report{Status: Failed, Errno: syscall.EPERM},
			"start a session: setsid: operation not permitted"},
		{Note{Op: OpSyscall, Nr: 60000}, Report{Status: Failed, Errno: syscall.ENOSYS}, "syscall: function not implemented"},
		{Note{Op: OpTarget, Where: "mounts[0]", What: "bind a on b"}, Report{Status: Failed, Errno: syscall.EROFS},
			"mounts[0]: bind a on b: read-only file system"},
		{Note{Op: OpCheckDev, Where: "linux.devices[0]", What: "make /dev/null"}, Report{Status: Failed, Errno: syscall.ENODEV},
			"linux.devices[0]: make /dev/null: not the device it should be: no such device"},
		{Note{Op: 99}, Report{Status: Failed, Errno: syscall.EIO}, "op(99): input/output error"},
		{hook, Report{Status: Failed, Errno: syscall.ECHILD, Detail: 3 << 8}, "hooks.createContainer[0]: /bin/hook: exit status 3"},
		{hook, Report{Status: Failed, Errno: syscall.ECHILD, Detail: 9}, "hooks.createContainer[0]: /bin/hook: signal: killed"},
		{hook, Report{Status: Failed, Errno: syscall.ETIMEDOUT}, "hooks.createContainer[0]: /bin/hook: killed after its timeout"},
		{hook, Report{Status: Failed, Errno: syscall.ENOMEM}, "hooks.createContainer[0]: /bin/hook: cannot allocate memory"},
		{exec, Report{Status: Failed, Errno: syscall.ENOENT}, `process.args: exec "sh": no such file or directory`},
		{exec, Report{Status: Failed, Errno: syscall.EACCES}, `process.args: exec "sh": permission denied`},
		{listen, Report{Status: Failed, Errno: syscall.EAGAIN, Detail: 1},
			"linux.seccomp.listenerPath: pass the listener to /s: start a thread that sends it: resource temporarily unavailable"},
		{listen, Report{Status: Failed, Errno: syscall.EINVAL, Detail: 2},
			"linux.seccomp.listenerPath: pass the listener to /s: load the filter: invalid argument"},
		{listen, Report{Status: Failed, Errno: syscall.EPIPE, Detail: 3},
			"linux.seccomp.listenerPath: pass the listener to /s: send: broken pipe"},
		{listen, Report{Status: Failed, Errno: syscall.EUCLEAN},
			"linux.seccomp.listenerPath: pass the listener to /s: listen: structure needs cleaning"},
		{mount, Report{Status: Running}, "mounts[3]: mount tmpfs on /tmp: init died"},
		{mount, Report{Status: AtGate}, "mounts[3]: mount tmpfs on /tmp: init died"},
		{Note{}, Report{Status: Running}, "init died"},
	} {
		err := error(&Error{Report: c.r, Notes: []Note{c.note}})
		if err.Error() != c.want {
			t.Errorf("\n got %s\nwant %s", err, c.want)
		}
		var errno syscall.Errno
		if found := errors.As(err, &errno); found != (c.r.Status == Failed) || errno != c.r.Errno {
			t.Errorf("%s: got errno %d, want %d", err, errno, c.r.Errno)
		}
	}
}

func TestNoteOfNoInstruction(t *testing.T) {
	e := &Error{Report: Report{Status: Failed, Insn: 5, Errno: syscall.EBADMSG}, Notes: make([]Note, 5)}
	if e.Note().Op != 0 || e.Error() == "" {
		t.Errorf("note of no instruction: got %+v, message %q, want no operation and a message", e.Note(), e)
	}
}
