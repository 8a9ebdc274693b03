// Package kit is what the rooted test suites share: a world of their own to run in, bundles around the static payload, the
// built teu, and a look at what was left behind.
//
// A suite's TestMain calls [Main]. As root the suite then runs in a pid namespace and a mount namespace of its own, with a
// /tmp of its own and, as on a host under systemd, every mount shared: what is left behind is ours for certain, and
// goes away with the namespaces even when the suite is killed. Cgroups are the host's; ours have [Prefix] in their path.
//
//	go test       stage 1   builds the payload, copies teu, clones          (pid namespace of the host)
//	 └─ stage 2             mounts, reaps orphans as pid 1
//	     └─ stage 3         m.Run
package kit

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const (
	stageVar   = "TEU_KIT_STAGE"
	scratchVar = "TEU_KIT_SCRATCH"
	prefixVar  = "TEU_KIT_PREFIX"

	// DirVar names the variable for the directory that bundles are made in; it should be on a real file system.
	DirVar = "TEU_TESTDIR"
	// TeuVar names the variable for the teu to test; without it is the one that `make build` has made.
	TeuVar = "TEU"
	// PayloadVar names the variable for a payload that was built before; without it the suite builds one, with Go. With
	// both set a test binary can be taken to another machine, or kernel.
	PayloadVar = "TEU_PAYLOAD"
	// AttackerVar does the same for the hostile program of tests/security.
	AttackerVar = "TEU_ATTACKER"
	// CgroupVar names the variable for the cgroups that the suite sees: "" for the host's, [PureV2] for its v2 tree alone.
	CgroupVar = "TEU_TEST_CGROUP"
	// PureV2 makes a hybrid host look as one that has nothing but cgroup v2, with the controllers that v1 has left it.
	PureV2 = "v2"
)

var (
	scratch string // the suite's directory on a real file system
	rooted  atomic.Int32
)

// Prefix begins the id of every container of this run, and no other's.
func Prefix() string { return os.Getenv(prefixVar) }

// Teu is the binary under test.
func Teu() string { return filepath.Join(scratch, "bin/teu") }

// Payload is the static payload on the host.
func Payload() string { return filepath.Join(scratch, "bin/payload") }

// Attacker is the hostile program of tests/security on the host. Only that suite has it: see [Options].
func Attacker() string { return filepath.Join(scratch, "bin/attacker") }

// Rooted skips the test unless it runs as root.
func Rooted(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 { // the rest has shown when the suite got its namespaces
		t.Skip("needs root: makes namespaces, mounts and cgroups")
	}
	rooted.Add(1)
}

// Options are what a suite needs beside what all have.
type Options struct {
	Namespaces uintptr // CLONE_ flags of further namespaces of its own
	Attacker   bool    // the program [Attacker]
}

// Main runs the suite and exits. It fails as root when no rooted test ran, or when anything is left in the end.
func Main(m *testing.M, options ...Options) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	var code int
	var err error
	switch os.Getenv(stageVar) {
	case "":
		code, err = outside(o)
	case "2":
		code, err = first()
	default:
		scratch = os.Getenv(scratchVar)
		before := Snapshot()
		code = m.Run()
		left := before.Left()
		for _, l := range left {
			fmt.Println("left by the suite:", l)
		}
		if code == 0 && len(left) > 0 {
			code = 1
		}
		if code == 0 && rooted.Load() == 0 && !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.list") }) {
			err = errors.New("ran as root, and no test that needs root ran")
		}
	}
	if err != nil {
		fmt.Println("kit:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// outside is stage 1.
func outside(o Options) (code int, err error) {
	if err := plain(); err != nil {
		return 1, err
	}
	dir := os.Getenv(DirVar)
	if dir == "" {
		dir = "/var/tmp"
	}
	if scratch, err = os.MkdirTemp(dir, "teu-test-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if err := furnish(o); err != nil {
		return 1, err
	}
	// Another run on this host may have our pid, in a pid namespace of its own.
	prefix := fmt.Sprintf("tt%08x-", rand.Uint32())
	env := append(os.Environ(), stageVar+"=2", scratchVar+"="+scratch, prefixVar+"="+prefix)
	// The test log would be opened where this mount namespace cannot see it.
	args := slices.DeleteFunc(slices.Clone(os.Args), func(a string) bool { return strings.HasPrefix(a, "-test.testlogfile") })
	namespaces := uintptr(syscall.CLONE_NEWPID | syscall.CLONE_NEWNS)
	if shared() {
		namespaces = syscall.CLONE_NEWNS
	}
	namespaces |= o.Namespaces
	p, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{
		Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 1, fmt.Errorf("clone a pid and a mount namespace for the suite: %w", err)
	}
	st, err := p.Wait()
	if err != nil {
		return 1, err
	}
	removeCgroups(prefix)
	if code = st.ExitCode(); code < 0 {
		return 1, fmt.Errorf("the suite was ended: %v", st)
	}
	return code, nil
}

// plain resets what a suite inherits and would pass to its containers: a umask, niceness, signals that are ignored
// (nohup, cron), another language, TMPDIR. The caller's thread starts the next stage: niceness is a thread's.
func plain() error {
	runtime.LockOSThread()
	syscall.Umask(0o022)
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 0); err != nil {
		return fmt.Errorf("setpriority 0: %w", err)
	}
	// Go leaves these two ignored when they are. What has a handler here is at its default in what is executed.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	for _, name := range []string{"TMPDIR", "LANGUAGE", "LANG"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	return os.Setenv("LC_ALL", "C.UTF-8")
}

// furnish fills the scratch directory: the programs, and a copy of teu, which somebody may build anew meanwhile.
func furnish(o Options) error {
	if err := os.Chmod(scratch, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "tmp", "bundles"} {
		if err := os.Mkdir(filepath.Join(scratch, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(scratch, "tmp"), 0o777|fs.ModeSticky); err != nil {
		return err
	}
	teu := cmp.Or(os.Getenv(TeuVar), filepath.Join(top(), "teu"))
	if err := copyProgram(teu, Teu()); err != nil {
		return fmt.Errorf("teu to test: %w: build it, or set %s", err, TeuVar)
	}
	if err := program(PayloadVar, Payload(), "teu/tests/payload", "0"); err != nil {
		return err
	}
	if !o.Attacker {
		return nil
	}
	return program(AttackerVar, Attacker(), "teu/tests/security/attacker", "1")
}

// program puts a static program of the tests in its place: the one that a variable names, or one built of a package, with C when
// cgo is 1.
func program(variable, to, pkg, cgo string) error {
	if built := os.Getenv(variable); built != "" {
		if err := copyProgram(built, to); err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		return nil
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", static(cgo), "-o", to, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", build, err, out)
	}
	return nil
}

// static is the flags of the linker for a program without libraries.
func static(cgo string) string {
	if cgo == "0" {
		return ""
	}
	return "-linkmode external -extldflags -static"
}

func copyProgram(from, to string) error {
	binary, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, binary, 0o755)
}

// top is the directory of the module, above that of the suite.
func top() string {
	dir := ".."
	for range 4 {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Join("..", dir)
	}
	return dir
}

type mount struct {
	source, target, fstype string
	flags                  uintptr
}

// world is what stage 2 mounts.
func world() ([]mount, error) {
	list := []mount{
		{"", "/", "", syscall.MS_PRIVATE | syscall.MS_REC},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{filepath.Join(scratch, "tmp"), "/tmp", "", syscall.MS_BIND},
	}
	tree, err := cgroupTree(os.Getenv(CgroupVar))
	if err != nil {
		return nil, err
	}
	if tree != "" {
		list = append(list, mount{tree, CgroupTop, "", syscall.MS_BIND})
	}
	return append(list, mount{"", "/", "", syscall.MS_SHARED | syscall.MS_REC}), nil
}

// cgroupTree is the directory to be seen at the place of the cgroups, "" where that is as it is to be.
func cgroupTree(want string) (string, error) {
	switch {
	case want == "" || want == PureV2 && Unified():
		return "", nil
	case want != PureV2:
		return "", fmt.Errorf("%s=%s: want %q or nothing", CgroupVar, want, PureV2)
	case V2Top() == "":
		return "", fmt.Errorf("%s=%s: this host has no cgroup v2", CgroupVar, want)
	}
	return V2Top(), nil
}

// first is stage 2.
func first() (code int, err error) {
	if err := plain(); err != nil {
		return 1, err
	}
	scratch = os.Getenv(scratchVar)
	mounts, err := world()
	if err != nil {
		return 1, err
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.fstype, m.flags, ""); err != nil {
			return 1, fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if shared() {
		if err := reap(); err != nil {
			return 1, err
		}
		defer endAll()
	}
	os.Setenv(stageVar, "3")
	pid, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 1, fmt.Errorf("start the tests: %w", err)
	}
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, err
		case got == pid && ws.Signaled():
			return 1, fmt.Errorf("the tests were ended by signal %d (%v)", ws.Signal(), ws.Signal())
		case got == pid:
			return ws.ExitStatus(), nil
		}
	}
}
