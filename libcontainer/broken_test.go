package libcontainer

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/tests/needs"
)

// Broken programs: what the compilers make, with bytes changed at random, run by the real interpreter on the real
// kernel. Whatever it is told, it comes to an end, with a report or an exit status, and never by a bad address.
//
// They make real system calls. So all of it happens in namespaces of its own, as a user that owns nothing, in a root
// that is a tmpfs with nothing in it but the interpreter, built as a static program.

// brokenBatch in the environment makes TestConfinedBatch run: "SEED COUNT ROOT", ROOT being the directory to confine
// itself to.
const brokenBatch = "TEU_BROKEN_BATCH"

// nobody is a user id of the host that owns nothing.
const nobody = 1234567890

func TestBrokenPrograms(t *testing.T) {
	needs.Root(t, "makes namespaces for another user")
	dir, err := os.MkdirTemp("", "teu-broken")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	for _, d := range []string{dir, root} {
		err := os.MkdirAll(d, 0o755)
		if err == nil {
			err = os.Chmod(d, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	buildInterpreter(t, dir)
	self := filepath.Join(dir, "batch")
	copyExecutable(t, self)
	for _, program := range []string{self, filepath.Join(dir, "init")} {
		if err := os.Chmod(program, 0o755); err != nil { // another user runs it, whatever the umask
			t.Fatal(err)
		}
	}
	count := 2000
	if testing.Short() {
		count = 300
	}
	seed := rand.Uint64()
	cmd := exec.Command(self, "-test.run", "^TestConfinedBatch$", "-test.v")
	cmd.Env = []string{brokenBatch + "=" + strings.Join([]string{strconv.FormatUint(seed, 10), strconv.Itoa(count), dir}, " ")}
	id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWCGROUP,
		UidMappings: id, GidMappings: id, GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{Uid: 0, Gid: 0}, Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // PDEATHSIG is about the thread
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "programs ended") {
		t.Fatalf("run the batch of seed %d: got error %v, want none, and that the programs ended\n%s", seed, err, out)
	}
	t.Logf("%s", out)
}

// buildInterpreter makes DIR/init: the interpreter, and a main that succeeds.
func buildInterpreter(t *testing.T, dir string) {
	t.Helper()
	main := filepath.Join(dir, "main.c")
	if err := os.WriteFile(main, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := func(sources ...string) ([]byte, error) {
		return exec.Command("cc", append([]string{"-static", "-O2", "-o", filepath.Join(dir, "init")}, sources...)...).CombinedOutput()
	}
	if out, err := build(main); err != nil {
		t.Skipf("no static C library: %v: %s", err, out)
	}
	sources, err := filepath.Glob(filepath.Join("..", "nsenter", "*.c"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("got %v, %v, want the interpreter's sources", sources, err)
	}
	if out, err := build(append(sources, main)...); err != nil {
		t.Fatalf("build the interpreter: %v: %s", err, out)
	}
}

func copyExecutable(t *testing.T, to string) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestConfinedBatch(t *testing.T) {
	var seed uint64
	var count int
	var dir string
	if n, _ := fmt.Sscan(os.Getenv(brokenBatch), &seed, &count, &dir); n != 3 {
		t.Skip("runs in the namespaces that TestBrokenPrograms makes")
	}
	confine(t, dir)
	images := brokenImages(t)
	for i, enc := range images {
		if got := runBroken(t, enc, inputsOf(enc)); got.ws != 0 {
			t.Fatalf("program %d as it is: got %s, want the status 0", i, got)
		}
	}
	ends := map[string]int{}
	for i := range count {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		enc := images[r.IntN(len(images))]
		got := runBroken(t, breakImage(r, enc), inputsOf(enc))
		ends[got.String()]++
		if got.bad() {
			t.Errorf("program %d of seed %d, broken: got %s, want an end that is said", i, seed, got)
		}
	}
	fmt.Println("programs ended", ends)
}

// confine leaves the process nothing but a tmpfs with the interpreter in it, and little of anything.
func confine(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("confine the process: %v", err)
		}
	}
	init, err := os.ReadFile(filepath.Join(dir, "init"))
	must(err)
	root := filepath.Join(dir, "root")
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("tmpfs", root, "tmpfs", 0, "size=64m,mode=755"))
	for _, d := range []string{"old", "bundle/rootfs/data", "bundle/rootfs/dev", "bundle/src", "bundle/dev"} {
		must(os.MkdirAll(filepath.Join(root, d), 0o755))
	}
	must(os.WriteFile(filepath.Join(root, "bundle/file"), []byte("x"), 0o644))
	for _, name := range []string{"init", "bundle/rootfs/init"} {
		must(os.WriteFile(filepath.Join(root, name), init, 0o755))
	}
	must(syscall.PivotRoot(root, filepath.Join(root, "old")))
	must(os.Chdir("/"))
	must(syscall.Unmount("/old", syscall.MNT_DETACH))
	must(os.Remove("/old"))
	for what, n := range map[int]uint64{
		syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: 1 << 24, syscall.RLIMIT_NOFILE: 256, 6 /* RLIMIT_NPROC */ : 500,
	} {
		must(syscall.Setrlimit(what, &syscall.Rlimit{Cur: n, Max: n}))
	}
}

// brokenImages are the programs to break. As they are, they work.
func brokenImages(t *testing.T) [][]byte {
	t.Helper()
	s := smallSpec()
	s.Process.Args = []string{"/init"}
	s.Root.Path = "/bundle/rootfs"
	s.Hostname = "broken"
	s.Linux.ReadonlyPaths = []string{"/data", "/none"}
	s.Mounts = []specs.Mount{
		{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "size=1m"}},
		{Destination: "/dev", Source: "/bundle/dev", Options: []string{"rbind", "rslave"}},
		{Destination: "/data", Source: "/bundle/src", Options: []string{"bind", "ro"}},
		{Destination: "/etc/file", Source: "/bundle/file", Options: []string{"bind", "rprivate"}},
	}
	var out [][]byte
	add := func(do func(s *specs.Spec, f *initFacts)) {
		f := factsFor(s)
		f.gate = false
		f.process.NewKeyring = "broken"
		do(s, f)
		enc, err := compiled(t, s, f).Encode(program.Options{Stamp: len(out)%2 == 0})
		if err != nil {
			t.Fatalf("encode program %d: %v", len(out), err)
		}
		out = append(out, enc)
	}
	add(func(*specs.Spec, *initFacts) {})
	add(func(s *specs.Spec, f *initFacts) {
		hook := []specs.Hook{{Path: "/init", Args: []string{"hook", "x"}}}
		s.Hooks = &specs.Hooks{CreateContainer: hook, StartContainer: hook}
	})
	add(func(s *specs.Spec, f *initFacts) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		s.Process.NoNewPrivileges, f.process.Filter = true, fakeFilter
		s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/")
		f.process.Caps.Bounding, f.process.Caps.Ambient, f.process.Caps.Inheritable = 7, 1, 1
	})
	return out
}

// Parts of an image: see nsenter/program/FORMAT.md.
const (
	imageHeader, imageInsn = 64, 80
	headerInsns            = 4
	headerInputs           = 12
	opSyscall              = 1
	reportPid              = 16
)

func inputsOf(enc []byte) int { return int(binary.NativeEndian.Uint32(enc[headerInputs:])) }

// breakImage changes some bytes of enc. System call numbers stay: among all there are, some end a process by
// themselves, as vfork and munmap would.
func breakImage(r *rand.Rand, enc []byte) []byte {
	ne := binary.NativeEndian
	out := append([]byte(nil), enc...)
	insns := imageHeader + imageInsn*int(ne.Uint32(enc[headerInsns:]))
	for range 1 + r.IntN(3) {
		at := r.IntN(len(out))
		if r.IntN(4) > 0 { // where it matters most
			at = imageHeader + r.IntN(insns-imageHeader)
		}
		switch r.IntN(4) {
		case 0:
			out[at] ^= 1 << r.IntN(8)
		case 1:
			out[at] = byte(r.Uint32())
		case 2:
			out[at] = byte(r.IntN(8))
		case 3:
			ne.PutUint64(out[min(at&^7, len(out)-8):], r.Uint64()>>r.IntN(64))
		}
	}
	for at := imageHeader; at < insns; at += imageInsn {
		if ne.Uint16(out[at:]) == opSyscall {
			nr := ne.Uint16(enc[at+2:])
			if ne.Uint16(enc[at:]) != opSyscall {
				nr = sys.SysUmask
			}
			ne.PutUint16(out[at+2:], nr)
		}
	}
	return out
}

// ending is how an interpreter ended.
type ending struct {
	ws     syscall.WaitStatus
	report program.Status
	forked bool // the report is the other process's
	hung   bool
	err    error
}

func (e ending) String() string {
	switch {
	case e.hung:
		return "hung"
	case e.ws.Signaled():
		return "signal: " + e.ws.Signal().String()
	}
	return fmt.Sprintf("exit status %d, report %d", e.ws.ExitStatus(), e.report)
}

// bad: an end that no program should bring about.
func (e ending) bad() bool {
	if e.hung || e.err != nil {
		return true
	}
	if e.ws.Signaled() {
		switch e.ws.Signal() {
		case syscall.SIGKILL, syscall.SIGSYS: // what a filter or a death signal of the program's own may bring
			return false
		}
		return true
	}
	return e.ws.ExitStatus() == 1 && e.report != program.Failed && !e.forked
}

// runBroken runs an image in namespaces below those of the batch.
func runBroken(t *testing.T, enc []byte, inputs int) (e ending) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("run a broken program: %v", err)
		}
	}
	pair, err := sys.SeqpacketPair()
	must(err)
	defer sys.Close(pair[0])
	image, err := sys.Memfd("image", 0)
	must(err)
	defer sys.Close(image)
	must(sys.WriteAll(image, enc))
	must(sys.Seal(image))
	report, err := sys.Memfd("report", int64(program.ReportLen(program.MaxInsns)))
	must(err)
	defer sys.Close(report)
	fds := []int{image, report}
	for range inputs - 1 {
		fds = append(fds, report)
	}
	must(sys.SendFDs(pair[0], []byte{0}, fds...))
	pidfd := -1
	std := uintptr(report)
	pid, err := syscall.ForkExec("/init", []string{"teu", "init", "3"}, &syscall.ProcAttr{
		Files: []uintptr{std, std, std, uintptr(pair[1])}, Env: []string{},
		Sys: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
			PidFD:      &pidfd,
		},
	})
	sys.Close(pair[1])
	must(err)
	defer sys.Close(pidfd)
	// Every question is answered as though all were well.
	go func(sock int) {
		for {
			b, ok, err := sys.RecvByte(sock)
			if err != nil || !ok || sys.SendByte(sock, b) != nil {
				sys.Close(sock)
				return
			}
		}
	}(dup(t, pair[0]))
	done, err := sys.PidfdWait(pidfd, 2000)
	must(err)
	if !done {
		// One that waits for a word that nobody will say waits as long as its parent is there.
		must(syscall.Shutdown(pair[0], syscall.SHUT_RDWR))
		done, err = sys.PidfdWait(pidfd, 20000)
		must(err)
	}
	if !done {
		must(sys.PidfdSendSignal(pidfd, sys.SIGKILL))
		e.hung = true
	}
	ws, err := sys.Wait4(pid)
	must(err)
	e.ws = syscall.WaitStatus(ws)
	page := make([]byte, program.ReportHeader)
	_, err = sys.Pread(report, page, 0)
	must(err)
	e.report, e.err = program.ReportStatus(page)
	e.forked = binary.NativeEndian.Uint32(page[reportPid:]) != 0
	return e
}

func dup(t *testing.T, fd int) int {
	t.Helper()
	fd, err := sys.Dup(fd)
	if err != nil {
		t.Fatalf("duplicate the descriptor: %v", err)
	}
	return fd
}
