package security

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Class B: nothing hides the procfs of the container, whose processes would believe that they had set what they had not, and the
// runtime with them (runc CVE-2019-16884, CVE-2025-52881; youki CVE-2025-62596): not by its path, and not by a symlink of the image.
func TestNothingOverProc(t *testing.T) {
	b := kit.New(t)
	host := newCanary(t, b)
	fake := b.Dir + "/fake"
	check(t, os.MkdirAll(fake+"/sys/kernel", 0o755))
	check(t, os.Symlink(host.dir+"/file", fake+"/sys/kernel/msgmax"))
	tmpfs := func(path string) specs.Mount { return specs.Mount{Destination: path, Type: "tmpfs", Source: "tmpfs"} }
	for _, c := range []struct {
		over specs.Mount
		want []string
	}{
		{bind(fake, "/proc"), []string{"bind " + fake + " on /proc, which is for a procfs alone: not the type of filesystem"}},
		{bind("/proc/tty", "/proc"), []string{"bind /proc/tty on /proc, which is for the whole of a procfs: openat2: no such file"}},
		{bind("/proc/1", "/proc"), []string{"bind /proc/1 on /proc, which is for the whole of a procfs: openat2: no such file"}},
		{tmpfs("/proc"), []string{"mounts[7].destination", "/proc", "want a procfs"}},
		{bind(fake+"/sys", "/proc/sys"), []string{"mounts[7].destination", "inside /proc"}},
		{bind(host.dir+"/file", "/proc/sys/kernel/msgmax"), []string{"mounts[7].destination", "inside /proc"}},
		{tmpfs("/tmp/../proc/sys/kernel"), []string{"mounts[7].destination", "inside /proc"}},
		{bind(fake, "/kernel"), []string{"bind " + fake + " on /kernel: it leads into /proc"}},
		{tmpfs("/kernel"), []string{"mount tmpfs on /kernel: it leads into /proc"}},
		{tmpfs("/all"), []string{"mount tmpfs on /all: it leads into /proc"}},
		{bind(host.dir+"/file", "/kernel/msgmax"), []string{"it leads into /proc"}},
		{bind(host.dir+"/file", "/kernel/msgmax", "dest-nofollow"), []string{"it leads into /proc"}},
	} {
		t.Run(c.over.Destination+" is a "+c.over.Type, func(t *testing.T) {
			b := kit.New(t, mounts(c.over), writable, func(s *specs.Spec) {
				s.Linux.Sysctl = map[string]string{"kernel.msgmax": "12345"}
				s.Linux.ReadonlyPaths, s.Linux.MaskedPaths = nil, nil
			})
			b.Symlink("proc/sys/kernel", "kernel")
			b.Symlink("/proc", "all")
			b.Fails([]string{"run", b.ID}, c.want...)
			host.intact()
		})
	}
}

// What callers do mount in /proc goes there: the files of lxcfs, the host's own procfs, and whatever lies in a volume.
func TestMountsInProc(t *testing.T) {
	b := kit.New(t, kit.Args("cat", "/proc/cpuinfo", "/proc/sys/kernel/ns_last_pid", "/host/proc/version"), writable)
	file := b.Dir + "/file"
	check(t, os.WriteFile(file, []byte("mine\n"), 0o644))
	b.Edit(mounts(bind(file, "/proc/cpuinfo"), bind(file, "/proc/sys/kernel/ns_last_pid"),
		specs.Mount{Destination: "/host", Type: "tmpfs", Source: "tmpfs"}, bind("/proc", "/host/proc"), bind(file, "/host/proc/version")))
	if res := b.OK("run", b.ID); res.Stdout != "mine\nmine\nmine\n" {
		t.Errorf("%v: want the file three times", res)
	}
	b = kit.New(t, without("/proc"), mounts(bind("/proc", "/proc")), kit.Args("true"))
	b.OK("run", b.ID)
}

// leaky gives a command a descriptor of the host's root directory at many numbers, as a caller that forgets O_CLOEXEC.
func leaky(t *testing.T, c *exec.Cmd) {
	t.Helper()
	root, err := os.Open("/")
	check(t, err)
	t.Cleanup(func() { root.Close() })
	for range 40 {
		c.ExtraFiles = append(c.ExtraFiles, root)
	}
}

// Class C: descriptors that the caller forgot to close lead nowhere: not as the working directory, not on the way to the
// executable or to a script's interpreter, and not in the process (runc CVE-2024-21626).
func TestLeakedDescriptors(t *testing.T) {
	b := kit.New(t, writable)
	b.Symlink("/proc/self/fd/30/bin/busybox", "true") // busybox goes by the name
	b.File("script", "#!/proc/self/fd/30/bin/busybox echo\n", 0o755)
	b.Symlink("/proc/self/fd/30", "dir")
	for _, c := range []struct {
		name string
		edit edit
	}{
		{"args", process("/proc/self/fd/30/bin/busybox", "true")},
		{"args by a symlink", process("/true")},
		{"a script's interpreter", process("/script")},
		{"cwd", func(s *specs.Spec) { s.Process.Cwd = "/proc/self/fd/30" }},
		{"cwd climbing", func(s *specs.Spec) { s.Process.Cwd = "/proc/self/fd/30/../.." }},
		{"cwd by a symlink", func(s *specs.Spec) { s.Process.Cwd = "/dir" }},
		{"a mount's destination", mounts(bind("/etc", "/proc/self/fd/30/tmp"))},
	} {
		t.Run("run "+c.name, func(t *testing.T) {
			b.Edit(kit.Args("true"))
			saved := *b.Spec
			process := *b.Spec.Process
			b.Edit(c.edit)
			run := b.Command("run", b.ID)
			leaky(t, run)
			if res := b.Do(run); res.Code == 0 {
				t.Errorf("%s by a leaked descriptor: %v: want an exit code other than 0", c.name, res)
			}
			*b.Spec, *b.Spec.Process = saved, process
		})
	}
	b.Spec.Process.Cwd = "/"
	b.Start("sleep", "forever")
	for _, args := range [][]string{
		{"/proc/self/fd/30/bin/busybox", "true"}, {"/true"}, {"/script"},
		{"--cwd", "/proc/self/fd/30", kit.PayloadPath, "true"}, {"--cwd", "/dir", kit.PayloadPath, "true"},
	} {
		var flags []string
		if args[0] == "--cwd" {
			flags, args = args[:2], args[2:]
		}
		c := b.Command(append(append(append([]string{"exec"}, flags...), b.ID), args...)...)
		leaky(t, c)
		if res := b.Do(c); res.Code == 0 {
			t.Errorf("exec by a leaked descriptor: %v: want an exit code other than 0", res)
		}
	}
	c := b.Command("exec", b.ID, kit.PayloadPath, "fds")
	leaky(t, c)
	if res := b.Do(c); len(kit.JSON[map[string]string](b, res.Stdout)) != 3 {
		t.Errorf("descriptors of an exec whose caller leaks 40: %v: want 3 in stdout", res)
	}
}

// A directory that is passed on purpose is the workload's, but not to start in.
func TestWorkingDirectoryIsInside(t *testing.T) {
	b := kit.New(t, writable)
	b.Symlink("/proc/self/fd/3", "dir")
	for _, dir := range []string{"/proc/self/fd/3", "/dir", "/dir/etc"} {
		b.Edit(kit.Args("true"), func(s *specs.Spec) { s.Process.Cwd = dir })
		c := b.Command("run", "--preserve-fds", "1", b.ID)
		leaky(t, c)
		if res := b.Do(c); !oneLine(res) || !strings.Contains(res.Stderr, "process.cwd") {
			t.Errorf("cwd %s, a preserved descriptor: %v: want one line with %q", dir, res, "process.cwd")
		}
	}
	b.Edit(func(s *specs.Spec) { s.Process.Cwd = "/" })
	b.Start("sleep", "forever")
	for _, dir := range []string{"/proc/self/fd/3", "/dir", "/dir/etc"} {
		c := b.Command("exec", "--preserve-fds", "1", "--cwd", dir, b.ID, kit.PayloadPath, "true")
		leaky(t, c)
		if res := b.Do(c); !oneLine(res) || !strings.Contains(res.Stderr, "is inside the root") {
			t.Errorf("%v: want one line with %q", res, "is inside the root")
		}
	}
}

// Only what came from the caller is passed on. A number that nothing came with would be a directory or a cgroup file that the
// runtime itself has opened.
func TestOnlyInheritedDescriptorsArePassedOn(t *testing.T) {
	b := kit.New(t, kit.Args("fds"))
	for _, c := range []struct {
		name  string
		env   []string
		own   bool // LISTEN_FDS=2 with its own LISTEN_PID
		flags []string
		fds   int // passed
		code  int
		want  string
	}{
		{"none came", nil, false, []string{"--preserve-fds", "3"}, 0, 1, "--preserve-fds 3: descriptor 3 was not passed"},
		{"one came", nil, false, []string{"--preserve-fds", "3"}, 1, 1, "--preserve-fds 3: descriptor 4 was not passed"},
		{"all came", nil, false, []string{"--preserve-fds", "3"}, 3, 0, ""},
		{"socket activation, none came", nil, true, nil, 0, 1, "LISTEN_FDS=2: descriptor 3 was not passed"},
		{"socket activation of another process", []string{"LISTEN_FDS=2", "LISTEN_PID=1"}, false, nil, 0, 0, ""},
		{"socket activation of nobody", []string{"LISTEN_FDS=2"}, false, nil, 0, 0, ""},
		{"socket activation", nil, true, nil, 2, 0, ""},
		{"both, one short", nil, true, []string{"--preserve-fds", "1"}, 2, 1, "--preserve-fds 1: descriptor 5 was not passed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := b.Command(append(append([]string{"--log", b.Dir + "/log", "run"}, c.flags...), b.ID)...)
			run.Env = append(run.Env, c.env...)
			if c.own {
				kit.Activated(run, "2")
			}
			file, err := os.Open("/dev/zero")
			check(t, err)
			defer file.Close()
			for range c.fds {
				run.ExtraFiles = append(run.ExtraFiles, file)
			}
			res := b.Do(run)
			if res.Code != c.code || !strings.Contains(res.Stderr, c.want) {
				t.Errorf("%v: want %d and %q", res, c.code, c.want)
			}
			if c.code == 0 {
				got := kit.JSON[map[string]string](b, res.Stdout)
				for fd, target := range got {
					if fd > "2" && target != "/dev/zero" {
						t.Errorf("descriptor %s: got %s, want /dev/zero", fd, target)
					}
				}
				if len(got) != 3+c.fds {
					t.Errorf("descriptors of the workload: got %v, want %d of them", got, 3+c.fds)
				}
			}
		})
	}
}

// The host's /dev/null is everybody's. Whoever has it open and is its owner could take it from the rest.
func TestHostsNullIsNotHandedOut(t *testing.T) {
	b := kit.New(t)
	null := b.Dir + "/null" // a device of our own, in case it does get through
	check(t, syscall.Mknod(null, syscall.S_IFCHR|0o666, 1<<8|3))
	check(t, os.Chmod(null, 0o666))
	try := func(c *exec.Cmd, want string) {
		t.Helper()
		f, err := os.OpenFile(null, os.O_RDONLY, 0)
		check(t, err)
		defer f.Close()
		c.Stdin = f
		if res := b.Do(c); res.Stdout != want {
			t.Errorf("fchmod of the caller's null device: %v: want stdout %q", res, want)
		}
		st, err := os.Stat(null)
		if check(t, err); st.Mode().Perm() != 0o666 {
			t.Errorf("mode of the caller's null device: got %v, want %v", st.Mode().Perm(), os.FileMode(0o666))
			check(t, os.Chmod(null, 0o666))
		}
	}
	b.Edit(kit.Args("syscall", "fchmod", "0", "0"))
	try(b.Command("run", b.ID), "ok 0\n") // on its own
	b.Start("sleep", "forever")
	try(b.Command("exec", b.ID, kit.PayloadPath, "syscall", "fchmod", "0", "0"), "EROFS\n")
	// Whatever the container has in its place by now, it is the same.
	for _, fake := range []func(path string) error{
		os.Remove, func(path string) error { return os.WriteFile(path, nil, 0o666) },
		func(path string) error { return errors.Join(os.Remove(path), os.Symlink("zero", path)) },
	} {
		check(t, fake(fmt.Sprintf("/proc/%d/root/dev/null", b.State().Pid)))
		try(b.Command("exec", b.ID, kit.PayloadPath, "syscall", "fchmod", "0", "0"), "EROFS\n")
	}
}

func hash(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// loot is what the attacker prints.
type loot struct {
	Seen, Exe, Root, Cwd, FD, Mem, Traced, Opened int
	Errors, Overwrote                             map[string]int
}

// attack starts the container with the attacker as its first process, execs into it as long as it runs, and returns what
// it got.
func attack(t *testing.T, b *kit.Bundle, mode string, env []string, args ...string) (l loot, execs int) {
	t.Helper()
	attacker(b)
	b.Edit(process("/bin/attacker", mode, "3"))
	create := b.Command("create", b.ID)
	create.Env = append(create.Env, env...)
	out := b.Do(create)
	if out.Code != 0 {
		t.Fatalf("%v: want exit code 0", out)
	}
	b.OK("start", b.ID)
	out.Output("ready\n")
	for b.State().Status == specs.StateRunning {
		c := b.Command(append([]string{"exec", b.ID}, args...)...)
		c.Env = append(c.Env, env...)
		b.Do(c)
		execs++
	}
	return gained(t, out), execs
}

// gained is what the attacker has printed at its end.
func gained(t *testing.T, out kit.Result) (l loot) {
	t.Helper()
	scan := bufio.NewScanner(strings.NewReader(out.Output("}\n")))
	for scan.Scan() {
		if strings.HasPrefix(scan.Text(), "{") {
			check(t, json.Unmarshal(scan.Bytes(), &l))
		}
	}
	return l
}

// Class C: the process of an exec is nobody's to look into before it is the container's own (runc CVE-2016-9962).
func TestExecIsNotLookedInto(t *testing.T) {
	b := kit.New(t, caps(dockerCaps...))
	l, execs := attack(t, b, "watch", nil, kit.PayloadPath, "true")
	if l.Exe+l.Root+l.Cwd+l.FD+l.Mem+l.Traced != 0 {
		t.Errorf("what the attack got of %d execs: %+v, want 0 of Exe, Root, Cwd, FD, Mem and Traced", execs, l)
	}
	if l.Seen == 0 || execs == 0 {
		t.Errorf("the attack saw %d processes of %d execs, want more than 0 of both", l.Seen, execs)
	}
}

// Class C: nor is that of a container that joins the pid namespace of another, which is still on the host when it can be seen.
func TestCreateIsNotLookedInto(t *testing.T) {
	b := kit.New(t, caps(dockerCaps...))
	attacker(b)
	b.Edit(process("/bin/attacker", "watch", "3"))
	out := b.Do(b.Command("create", b.ID))
	if out.Code != 0 {
		t.Fatalf("%v: want exit code 0", out)
	}
	b.OK("start", b.ID)
	out.Output("ready\n")
	other := kit.New(t, caps(dockerCaps...), namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
		if n.Type == specs.PIDNamespace {
			n.Path = fmt.Sprintf("/proc/%d/ns/pid", b.State().Pid)
		}
		return n
	}))
	made := 0
	for b.State().Status == specs.StateRunning {
		if other.Teu("run", other.ID).Code == 0 {
			made++
		}
	}
	l := gained(t, out)
	if l.Exe+l.Root+l.Cwd+l.FD+l.Mem+l.Traced != 0 {
		t.Errorf("what the attack got of %d containers: %+v, want 0 of Exe, Root, Cwd, FD, Mem and Traced", made, l)
	}
	if l.Seen == 0 || made == 0 {
		t.Errorf("the attack saw %d processes of %d containers, want more than 0 of both", l.Seen, made)
	}
}

// Class C: nobody in a container can write to the runtime's binary, whichever way it is protected: not when the image has
// the runtime execute itself, and not when the container looks at an exec from inside (runc CVE-2019-5736).
func TestBinaryIsNotOverwritten(t *testing.T) {
	for _, way := range []string{"overlay", "memfd"} {
		t.Run(way, func(t *testing.T) {
			// With CAP_SYS_PTRACE the container can reach the process at all.
			b := kit.New(t, caps(append(dockerCaps, "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")...), writable)
			scripts := map[string]string{"/evil": "#!/proc/self/exe\n", "/init": "#!/proc/self/exe init\n"}
			b.File("/evil", scripts["/evil"], 0o755)
			before := hash(t, kit.Teu())
			l, execs := attack(t, b, "overwrite", []string{"_TEU_EXE=" + way}, "/evil")
			if l.Seen == 0 || execs == 0 || len(l.Overwrote) != 0 || way == "overlay" && l.Opened != 0 {
				t.Errorf("attack on %d execs: got %+v, want some execs, some seen, nothing overwritten, and with an overlay nothing opened", execs, l)
			}
			for script, text := range scripts {
				b := kit.New(t, process(script))
				b.File(script, text, 0o755)
				c := b.Command("run", b.ID)
				c.Env = append(c.Env, "_TEU_EXE="+way)
				if res := b.Do(c); res.Code == 0 && script == "/init" {
					t.Errorf("%s executes the runtime itself: %v: want an exit code other than 0", script, res)
				}
			}
			if after := hash(t, kit.Teu()); after != before {
				t.Errorf("SHA-256 of the runtime's binary after the attack: got %s, want %s", after, before)
			}
		})
	}
}
