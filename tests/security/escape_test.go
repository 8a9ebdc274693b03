package security

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Without pivot_root the host's mounts stay in the namespace. Neither its files nor an unmasked proc can be had out of that,
// from the first process or from exec.
func TestNoPivotIsNoWayOut(t *testing.T) {
	const script = `
		B=/bin/busybox
		[ -e /../../../canary ] && echo "out by dots"
		cd /; for i in 1 2 3 4 5 6 7 8; do cd ..; done; [ -e ./etc/shadow ] && echo "out by cd"
		$B mkdir -p /tmp/jail; $B chroot /tmp/jail $B true 2>/dev/null
		$B unshare -U -r -m -p -f $B sh -c '
			/bin/busybox mount -t proc proc /tmp && echo "proc mounted"
			(: >>/tmp/sys/kernel/core_pattern) 2>/dev/null && echo "core_pattern is writable"
			/bin/busybox mount -t sysfs sysfs /tmp && echo "sysfs mounted"' 2>/dev/null
		$B ls /`
	for _, c := range []struct{ way, propagation string }{{"run", ""}, {"exec", ""}, {"run", "rshared"}, {"exec", "shared"}} {
		t.Run(c.way+" "+c.propagation, func(t *testing.T) {
			b := kit.New(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = c.propagation })
			newCanary(t, b)
			shell(b, script, caps(dockerCaps...), writable)
			var res kit.Result
			if c.way == "run" {
				res = b.OK("run", "--no-pivot", b.ID)
			} else {
				args := b.Spec.Process.Args
				b.Edit(kit.Args("sleep", "forever"))
				b.OK("create", "--no-pivot", b.ID)
				b.OK("start", b.ID)
				res = b.OK(append([]string{"exec", b.ID}, args...)...)
			}
			if res.Stdout != "bin\ndev\netc\nproc\nsys\ntmp\n" {
				t.Errorf("%s without pivot_root: %v: want stdout with the names of the root alone", c.way, res)
			}
		})
	}
	// With pivot_root the kernel sees to it; the script is a fair one.
	b := kit.New(t)
	shell(b, strings.Replace(script, "-t proc proc /tmp", "--rbind /proc /tmp", 1), caps(dockerCaps...), writable)
	if res := b.OK("run", b.ID); !strings.HasPrefix(res.Stdout, "proc mounted\nbin\n") {
		t.Errorf("the same with pivot_root: %v: want stdout with %q first", res, "proc mounted\nbin\n")
	}
}

// A container without a mount namespace is below a root of its own, and so is what exec starts in it.
func TestExecStaysBelowTheRoot(t *testing.T) {
	b := kit.New(t, writable, func(s *specs.Spec) {
		var list []specs.LinuxNamespace
		for _, n := range s.Linux.Namespaces {
			if n.Type != specs.MountNamespace {
				list = append(list, n)
			}
		}
		s.Linux.Namespaces, s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = list, nil, nil, nil
	})
	b.Start("sleep", "forever")
	for _, args := range [][]string{{"ls", "/"}, {"ls", "/.."}} {
		res := b.OK(append([]string{"exec", b.ID, kit.PayloadPath}, args...)...)
		if strings.Contains(res.Stdout, "root") || !strings.Contains(res.Stdout, "bin") {
			t.Errorf("%v: want bin and not root in stdout", res)
		}
	}
	b.Edit(func(s *specs.Spec) { s.Linux.Namespaces = nil })
	all := kit.New(t, writable, func(s *specs.Spec) { *s.Linux = specs.Linux{}; s.Mounts, s.Hostname = nil, "" })
	all.Start("sleep", "forever")
	if res := all.OK("exec", all.ID, kit.PayloadPath, "ls", "/"); res.Stdout != "bin\ndev\netc\ntmp\n" {
		t.Errorf("exec without namespaces: %v: want stdout %q", res, "bin\ndev\netc\ntmp\n")
	}
}

// To make a container's root the root of the runtime's own mount namespace would be to give it to every process there.
func TestOwnMountNamespaceIsRefused(t *testing.T) {
	for _, path := range []string{"/proc/self/ns/mnt", fmt.Sprintf("/proc/%d/ns/mnt", os.Getpid())} {
		b := kit.New(t, writable, namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
			if n.Type == specs.MountNamespace {
				n.Path = path
			}
			return n
		}), func(s *specs.Spec) { s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil, nil })
		b.Fails([]string{"run", b.ID}, "linux.namespaces[", "own mount namespace")
		if _, err := os.Stat(b.Dir); err != nil {
			t.Fatalf("the host's mounts after the refusal: %v", err)
		}
	}
}

// Root of a user namespace gets the host's mounts as they are: it can neither undo what they are read-only, nosuid or nodev
// for, nor uncover what lies below other mounts, nor mount anything that shows on the host.
func TestHostsMountsAreLocked(t *testing.T) {
	b := kit.New(t)
	source := b.Dir + "/source"
	check(t, os.Mkdir(source, 0o777))
	mount := func(target, data string, flags uintptr) {
		t.Helper()
		check(t, syscall.Mount("tmpfs", target, "tmpfs", flags, data))
		t.Cleanup(func() { check(t, syscall.Unmount(target, 0)) })
	}
	mount(source, "mode=777", 0)
	check(t, os.MkdirAll(source+"/below", 0o777))
	check(t, os.WriteFile(source+"/below/secret", []byte("secret"), 0o666))
	check(t, os.Mkdir(source+"/sub", 0o777))
	check(t, os.Chmod(source+"/sub", 0o777))
	mount(source+"/below", "mode=777", 0)
	const flags = syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	check(t, syscall.Mount("", source, "", syscall.MS_REMOUNT|syscall.MS_BIND|flags, ""))

	give(t, b.Rootfs, b.Rootfs+"/tmp")
	shell(b, `B=/bin/busybox
		for o in rw suid dev exec; do $B mount -o remount,bind,$o /vol 2>/dev/null && echo "remounted $o"; done
		(: >/vol/file) 2>/dev/null && echo wrote
		$B umount /vol/below 2>/dev/null && echo uncovered
		[ -e /vol/below/secret ] && echo seen
		$B mount -t tmpfs evil /vol/sub && echo mounted
		exit 0`, userNamespace, writable, caps("CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE"),
		mounts(specs.Mount{Source: source, Destination: "/vol", Type: "bind", Options: []string{"rbind"}}))
	res := b.OK("run", b.ID)
	if res.Stdout != "mounted\n" {
		t.Errorf(`root of a user namespace changes the host's mounts: %v: want stdout "mounted\n"`, res)
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if check(t, err); strings.Contains(string(text), "evil") {
		t.Errorf("mounts of the host: got %s\nwant what the container mounted (evil) absent", text)
	}
	// What must not be uncovered cannot be left out either.
	b.Edit(func(s *specs.Spec) { s.Mounts[len(s.Mounts)-1].Options = []string{"bind"} })
	b.Fails([]string{"run", b.ID}, "source", "want rbind")
}

// Two containers share a pid namespace: the first cannot look into the second while that is made.
func TestJoinedPidNamespace(t *testing.T) {
	a := kit.New(t, caps(dockerCaps...))
	attacker(a)
	a.Edit(process("/bin/attacker", "watch", "3"))
	out := a.OK("create", a.ID)
	a.OK("start", a.ID)
	out.Output("ready\n")
	path := fmt.Sprintf("/proc/%d/ns/pid", a.State().Pid)
	b := kit.New(t, namespaces(func(n specs.LinuxNamespace) specs.LinuxNamespace {
		if n.Type == specs.PIDNamespace {
			n.Path = path
		}
		return n
	}))
	runs := 0
	for a.State().Status == specs.StateRunning {
		b.Teu("run", b.ID) // the last one finds nobody to join
		runs++
	}
	text := out.Output("}\n")
	l := kit.JSON[loot](a, text[strings.IndexByte(text, '{'):])
	if l.Exe+l.Root+l.Cwd+l.FD+l.Mem+l.Traced != 0 || l.Seen == 0 || runs == 0 {
		t.Errorf("what the attack got in %d runs: %+v, want more than 0 runs and Seen, and 0 of Exe, Root, Cwd, FD, Mem and Traced", runs, l)
	}
}
