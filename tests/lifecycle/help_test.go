package lifecycle

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

type edit = func(*specs.Spec)

// all joins edits into one.
func all(edits ...edit) edit {
	return func(s *specs.Spec) {
		for _, e := range edits {
			e(s)
		}
	}
}

// nsLinks are the names below /proc/PID/ns.
var nsLinks = map[specs.LinuxNamespaceType]string{
	specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts",
	specs.MountNamespace: "mnt", specs.UserNamespace: "user", specs.CgroupNamespace: "cgroup", specs.TimeNamespace: "time",
}

// namespace gives the container a new namespace of the type or, with a path, has it join that one.
func namespace(typ specs.LinuxNamespaceType, path string) edit {
	return func(s *specs.Spec) {
		kit.NoNamespace(typ)(s)
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: typ, Path: path})
	}
}

func mount(m ...specs.Mount) edit {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m...) }
}

// bind is a bind mount with options, of which bind or rbind is one.
func bind(source, destination string, options ...string) edit {
	return mount(specs.Mount{Destination: destination, Type: "bind", Source: source, Options: options})
}

func tmpfs(destination string, options ...string) edit {
	return mount(specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: options})
}

func writable(s *specs.Spec) { s.Root.Readonly = false }

// privileged gives the process all that the tests' own process may do.
func privileged(s *specs.Spec) {
	caps := strings.Fields(allCaps)
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	s.Process.NoNewPrivileges = false
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
}

const allCaps = `CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID
CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK
CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT
CAP_SYS_NICE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP
CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF
CAP_CHECKPOINT_RESTORE`

// holder starts a process that holds new namespaces for the time of the test, and returns its pid.
func holder(t *testing.T, attr *syscall.SysProcAttr) (pid int) {
	t.Helper()
	c := exec.Command(kit.Payload(), "sleep", "forever")
	attr.Pdeathsig = syscall.SIGKILL
	c.SysProcAttr = attr
	check(t, c.Start())
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c.Process.Pid
}

// link reads a link of /proc/PID/ns from outside; pid 0 is the test's own process.
func link(t *testing.T, pid int, name string) string {
	t.Helper()
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	target, err := os.Readlink("/proc/" + who + "/ns/" + name)
	if err != nil {
		t.Fatalf("namespace of %s: %v", who, err)
	}
	return target
}

// procFile reads /proc/PID/name from outside.
func procFile(t *testing.T, pid int, name string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// mountAt mounts, and unmounts when the test ends.
func mountAt(t *testing.T, source, target, fstype string, flags uintptr) {
	t.Helper()
	check(t, syscall.Mount(source, target, fstype, flags, ""))
	t.Cleanup(func() {
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}

// lines splits the output of a container.
func lines(res kit.Result) []string { return strings.Split(strings.TrimSuffix(res.Stdout, "\n"), "\n") }

func ptr[T any](v T) *T { return &v }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
