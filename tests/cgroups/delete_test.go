package cgroups

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"teu/tests/kit"
)

// nest makes cgroups below dir, each in the one before, and puts a process into the last of them. It makes 3000, or as many
// as it can in some seconds: on v2 the time that each takes grows with the depth, and 3000 take 15 s.
func nest(t testing.TB, dir string, pid int) {
	t.Helper()
	const most, atMost = 3000, 4 * time.Second
	begin, depth := time.Now(), 0
	at, err := syscall.Open(dir, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	check(t, err)
	for ; depth < most && time.Since(begin) < atMost; depth++ {
		check(t, syscall.Mkdirat(at, "n", 0o755))
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if text, err := readAt(at, file); err == nil && text != "" {
				writeAt(t, at, "n/"+file, text)
			}
		}
		next, err := syscall.Openat(at, "n", syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		check(t, err)
		check(t, syscall.Close(at))
		at = next
	}
	writeAt(t, at, "cgroup.procs", strconv.Itoa(pid))
	check(t, syscall.Close(at))
	t.Logf("%d cgroups below %s", depth, dir)
}

func readAt(dir int, name string) (string, error) {
	fd, err := syscall.Openat(dir, name, syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	buf := make([]byte, 4096)
	n, err := syscall.Read(fd, buf)
	return strings.TrimSpace(string(buf[:max(n, 0)])), err
}

func writeAt(t testing.TB, dir int, name, text string) {
	t.Helper()
	fd, err := syscall.Openat(dir, name, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	check(t, err)
	_, err = syscall.Write(fd, []byte(text))
	check(t, err)
	check(t, syscall.Close(fd))
}

// one is the hierarchy to nest cgroups in: as many as there are would take too long.
func one(t testing.TB, b *kit.Bundle) map[string]string {
	t.Helper()
	p := placesOf(t, b.State().Pid)
	dirs := map[string]string{}
	if p.v2 != "" {
		dirs["v2"] = p.v2
	}
	if dir := p.v1["freezer"]; dir != "" {
		dirs["v1"] = dir
	}
	return dirs
}

// TestDeleteNested: a payload has nested cgroups deeper than anybody has descriptors, and sits in the last of them.
func TestDeleteNested(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	dirs := one(t, b)
	b.OK("delete", "--force", b.ID)
	for name := range dirs {
		b.Start("sleep", "forever")
		b.OK("exec", "-d", "--pid-file", "exec.pid", b.ID, kit.PayloadPath, "sleep", "forever")
		text, err := os.ReadFile(b.Dir + "/exec.pid")
		check(t, err)
		pid, err := strconv.Atoi(string(text))
		check(t, err)
		dir := one(t, b)[name]
		nest(t, dir, pid)
		b.OK("kill", "--all", b.ID, "TERM") // lists those below
		b.Until("the processes have ended", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
		b.Ended()
		b.OK("delete", b.ID)
		if exists(dir) {
			t.Errorf("%s is left after delete, want it removed", dir)
		}
	}
}

// TestDeleteOdd: names that mean something to shells, printf and parsers of /proc/PID/cgroup, and many of them.
func TestDeleteOdd(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	pid := b.State().Pid
	mine := placesOf(t, pid)
	const wide = 1000
	for _, dir := range one(t, b) {
		odd := []string{
			" ", "a b", "-rf", "*", "%s%n", "a:b", "1:memory:/x", `\n`, `"`, "'", "$(id)", "tab\there", "\xff\xfe", "é", "...", "x (deleted)",
			"cgroup.procs ", "memory", strings.Repeat("l", 255),
		}
		for _, name := range odd {
			check(t, os.MkdirAll(dir+"/"+name+"/"+name, 0o755))
		}
		for i := range wide {
			check(t, os.Mkdir(dir+"/wide"+strconv.Itoa(i), 0o755))
		}
		last := odd[len(odd)-1]
		write(t, dir+"/"+last+"/"+last+"/cgroup.procs", strconv.Itoa(pid))
	}
	b.OK("delete", "--force", b.ID)
	for _, dir := range []string{mine.v2, mine.v1["freezer"]} {
		if dir != "" && exists(dir) {
			t.Errorf("%s is left after delete --force, want it removed", dir)
		}
	}
}

// TestDeleteZombie: a process that nobody waits for is no reason to keep a cgroup, or to wait.
func TestDeleteZombie(t *testing.T) {
	t.Parallel()
	b := kit.Running(t)
	pid := b.State().Pid
	check(t, syscall.Kill(pid, syscall.SIGKILL))
	b.Ended() // the test's init may have reaped it by now, or not
	b.OK("delete", b.ID)
}
