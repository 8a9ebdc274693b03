package security

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// victim is a process of the host's that a record is made to name.
func victim(t *testing.T) (pid int, alive func() bool) {
	t.Helper()
	c := exec.Command(kit.Payload(), "sleep", "forever")
	check(t, c.Start())
	ended := make(chan struct{})
	go func() {
		c.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		c.Process.Kill()
		<-ended
	})
	return c.Process.Pid, func() bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
}

// forge makes a container, deletes it, and puts its record back as change makes it.
func forge(b *kit.Bundle, change func(string) string) {
	b.T.Helper()
	b.OK("create", b.ID)
	record, err := os.ReadFile(b.Root + "/" + b.ID + "/state.json")
	check(b.T, err)
	b.OK("delete", "--force", b.ID)
	check(b.T, os.Mkdir(b.Root+"/"+b.ID, 0o700))
	forged := change(string(record))
	if forged == string(record) {
		b.T.Fatalf("nothing to change in %s", record)
	}
	check(b.T, os.WriteFile(b.Root+"/"+b.ID+"/state.json", []byte(forged), 0o600))
}

// between replaces what stands between from and to.
func between(text, from, to, by string) string {
	head, rest, ok := strings.Cut(text, from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return text
	}
	return head + from + by + to + tail
}

// A record that names directories which are no cgroups: `delete --force` forgets the container, and neither kills what
// their files name nor removes them.
func TestRecordOfNoCgroup(t *testing.T) {
	b := kit.New(t)
	pid, alive := victim(t)
	dir := b.Dir + "/fake"
	check(t, os.MkdirAll(dir+"/group/empty", 0o755))
	for _, file := range []string{"cgroup.procs", "tasks", "cgroup.events", "cgroup.kill", "freezer.state"} {
		check(t, os.WriteFile(dir+"/group/"+file, fmt.Appendf(nil, "%d\n", pid), 0o644))
	}
	for _, mode := range []string{"unified", "hybrid", "legacy"} {
		name := map[string]string{"unified": "", "hybrid": "", "legacy": "freezer"}[mode]
		forge(b, func(r string) string {
			return between(r, `"cgroup":"`, `"`, strings.Join([]string{mode, name, dir, "/group", "/group"}, `\n`))
		})
		b.Teu("kill", "--all", b.ID, "KILL")
		b.OK("delete", "--force", b.ID)
		if _, err := os.Stat(dir + "/group/empty"); err != nil || !alive() {
			t.Fatalf("kill and delete by a %s record of no cgroup: process alive %v, its directory: %v; want it alive and the directory there", mode, alive(), err)
		}
	}
	// Out of the hierarchy, or its root.
	for _, path := range []string{"/", "/..", "/../../tmp", "relative", "/a/../..", ""} {
		forge(b, func(r string) string {
			return between(r, `"cgroup":"`, `"`, strings.Join([]string{"legacy", "pids", "/sys/fs/cgroup/pids", path, ""}, `\n`))
		})
		if res := b.Teu("delete", "--force", b.ID); !oneLine(res) || !strings.Contains(res.Stderr, "cgroup record") {
			t.Errorf("record with the cgroup path %q: %v: want one line with %q", path, res, "cgroup record")
		}
		check(t, os.RemoveAll(b.Root+"/"+b.ID))
	}
}

// A record whose process is gone and whose pid is another's by now: no verb touches that one.
func TestRecordOfAReusedPid(t *testing.T) {
	b := kit.New(t)
	pid, alive := victim(t)
	for _, phase := range []string{"creating", "created", "running"} {
		forge(b, func(r string) string {
			r = between(r, `"phase":"`, `"`, phase)
			return between(r, `"init":{"pid":`, `}`, fmt.Sprintf(`%d,"start":%d`, pid, startTime(t, pid)-1))
		})
		for _, args := range [][]string{
			{"kill", b.ID, "KILL"}, {"exec", b.ID, kit.PayloadPath, "true"}, {"start", b.ID},
		} {
			if res := b.Teu(args...); !oneLine(res) {
				t.Errorf("record of a pid that is another's, %s: %v: want an error in one line", phase, res)
			}
		}
		if st := b.State(); st.Status != specs.StateStopped || st.Pid != 0 {
			t.Errorf("record of a pid that is another's, %s: status %s, pid %d; want %s, 0", phase, st.Status, st.Pid, specs.StateStopped)
		}
		b.OK("delete", "--force", b.ID)
		if !alive() {
			t.Fatalf("%s: delete --force killed the process that has the pid now, want it alive", phase)
		}
	}
}

// A directory in which others may write holds no record that is believed.
func TestPlantedRecord(t *testing.T) {
	b := kit.New(t)
	pid, alive := victim(t)
	forge(b, func(r string) string {
		// All true, so it would be acted on.
		return between(r, `"init":{"pid":`, `}`, fmt.Sprintf(`%d,"start":%d`, pid, startTime(t, pid)))
	})
	dir := b.Root + "/" + b.ID
	for _, plant := range []struct {
		name string
		do   func() error
		undo func() error
	}{
		{"another's", func() error { return os.Chown(dir, 1000, 0) }, func() error { return os.Chown(dir, 0, 0) }},
		{"for all to write", func() error { return os.Chmod(dir, 0o777) }, func() error { return os.Chmod(dir, 0o700) }},
		{"for all to write, sticky", func() error { return os.Chmod(dir, 0o777|os.ModeSticky) }, func() error { return os.Chmod(dir, 0o700) }},
		{"for a group to write", func() error { return os.Chmod(dir, 0o770) }, func() error { return os.Chmod(dir, 0o700) }},
		{"below a root of another's", func() error { return os.Chown(b.Root, 1000, 0) }, func() error { return os.Chown(b.Root, 0, 0) }},
		{"below a root for all to write", func() error { return os.Chmod(b.Root, 0o777) }, func() error { return os.Chmod(b.Root, 0o700) }},
		{"a symlink", func() error {
			return firstError(os.Rename(dir, b.Dir+"/aside"), os.Symlink(b.Dir+"/aside", dir))
		}, func() error { return firstError(os.Remove(dir), os.Rename(b.Dir+"/aside", dir)) }},
	} {
		check(t, plant.do())
		for _, args := range [][]string{{"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}, {"state", b.ID}} {
			if res := b.Teu(args...); !oneLine(res) {
				t.Errorf("record %s: %v: want an error in one line", plant.name, res)
			}
		}
		if !alive() {
			t.Fatalf("record %s: the process that it names was killed, want it alive", plant.name)
		}
		check(t, plant.undo())
	}
	// And it would have been believed.
	b.OK("delete", "--force", b.ID)
	b.Until("the record is acted on", func() bool { return !alive() })
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// startTime is field 22 of /proc/PID/stat.
func startTime(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(t, err)
	n, err := strconv.Atoi(strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[19])
	check(t, err)
	return n
}

// A filter out of the cache is one that nobody else could have written. The forged entry is flawless: it is what would be
// there if the profile allowed everything.
func TestPoisonedFilterCache(t *testing.T) {
	filter := func(action specs.LinuxSeccompAction, errno *uint) edit {
		return func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"sethostname"}, Action: action, ErrnoRet: errno},
			}}
		}
	}
	notSupported := uint(95)
	b := kit.New(t, kit.Args("syscall", "sethostname", "s:x", "1"))
	cache := b.Cache
	b.Edit(filter(specs.ActErrno, &notSupported))
	denied := func(when string) {
		t.Helper()
		if res := b.Teu("run", b.ID); res.Stdout != "EOPNOTSUPP\n" {
			t.Errorf(`cache entry %s: %v: want stdout "EOPNOTSUPP\n" of the real filter`, when, res)
		}
	}
	denied("compiled")
	entry := only(t, cache)
	check(t, os.Rename(entry, b.Dir+"/real"))
	b.Edit(filter(specs.ActLog, nil)) // lets it through, to fail for want of the capability
	if res := b.Teu("run", b.ID); res.Stdout == "EOPNOTSUPP\n" {
		t.Fatalf(`profile that lets the call through: %v: want stdout other than "EOPNOTSUPP\n"`, res)
	}
	other := only(t, cache)
	forged, err := os.ReadFile(other)
	check(t, err)
	check(t, os.Remove(other))
	b.Edit(filter(specs.ActErrno, &notSupported))
	// magic, hash, key: the key has to be that of the name, and the hash right.
	key, err := hex.DecodeString(filepath.Base(entry))
	check(t, err)
	const magic = len("teu-bpf\n")
	copy(forged[magic+sha256.Size:], key)
	sum := sha256.Sum256(forged[magic+sha256.Size:])
	copy(forged[magic:], sum[:])
	write := func() error { return os.WriteFile(entry, forged, 0o600) }

	check(t, write())
	if res := b.Teu("run", b.ID); res.Stdout == "EOPNOTSUPP\n" {
		t.Fatalf("%v: want the forged entry believed, or the rest proves nothing", res)
	}
	for _, c := range []struct {
		name string
		do   func() error
		undo func() error
	}{
		{"of another's", func() error { return os.Chown(entry, 1000, 0) }, nil},
		{"for all to write", func() error { return os.Chmod(entry, 0o606) }, nil},
		{"for a group to write", func() error { return os.Chmod(entry, 0o620) }, nil},
		{"with another name", func() error { return os.Link(entry, b.Dir+"/hard") }, func() error { return os.Remove(b.Dir + "/hard") }},
		{"a symlink", func() error {
			return firstError(os.Rename(entry, b.Dir+"/aside"), os.Symlink(b.Dir+"/aside", entry))
		}, func() error { return os.Remove(b.Dir + "/aside") }},
		{"in a directory of another's", func() error { return os.Chown(cache, 1000, 0) }, func() error { return os.Chown(cache, 0, 0) }},
		{"in a directory for all to write", func() error { return os.Chmod(cache, 0o777) }, func() error { return os.Chmod(cache, 0o700) }},
		{"in a directory behind a symlink", func() error {
			return firstError(os.Rename(cache, b.Dir+"/moved"), os.Symlink(b.Dir+"/moved", cache))
		}, func() error { return firstError(os.Remove(cache), os.Rename(b.Dir+"/moved", cache)) }},
		{"torn", func() error { return os.Truncate(entry, int64(len(forged)-8)) }, nil},
		{"flipped", func() error {
			return os.WriteFile(entry, append(bytes.Clone(forged[:len(forged)-1]), forged[len(forged)-1]^1), 0o600)
		}, nil},
	} {
		os.Remove(entry) // what the last round has put there
		check(t, write())
		check(t, c.do())
		denied(c.name)
		if c.undo != nil {
			check(t, c.undo())
		}
	}
}

// only is the one file of a directory.
func only(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(dir + "/*")
	check(t, err)
	if len(list) != 1 {
		t.Fatalf("files of %s: got %q, want one", dir, list)
	}
	return list[0]
}

// The gate is for who may open the state directory. It is shut once the workload runs, and the workload has no end of it.
func TestGateIsShut(t *testing.T) {
	b := kit.New(t, kit.Args("fds"))
	out := b.OK("create", b.ID)
	dir := b.Root + "/" + b.ID
	st, err := os.Stat(dir)
	if check(t, err); st.Mode().Perm() != 0o700 {
		t.Errorf("mode of the container's state directory: got %v, want %v", st.Mode().Perm(), os.FileMode(0o700))
	}
	// A start that comes, looks and goes leaves it as it was.
	for range 3 {
		conn, err := net.Dial("unix", dir+"/gate")
		check(t, err)
		conn.Close()
	}
	if s := b.State().Status; s != specs.StateCreated {
		t.Errorf("status after connections to the gate: got %s, want %s", s, specs.StateCreated)
	}
	b.OK("start", b.ID)
	fds := kit.JSON[map[string]string](b, out.Output("}\n"))
	if len(fds) != 3 {
		t.Errorf("descriptors of the workload: got %v, want 3", fds)
	}
	if conn, err := net.Dial("unix", dir+"/gate"); err == nil {
		conn.Close()
		t.Error("connect to the gate of a running container: got a connection, want an error")
	}
	b.Fails([]string{"start", b.ID}, "cannot start")
}

// What a caller names is a file: neither a symlink that somebody planted beside the pid file nor an abstract socket, which
// any process on the host can own.
func TestCallersPaths(t *testing.T) {
	b := kit.New(t)
	host := newCanary(t, b)
	dir := b.Dir + "/pids"
	check(t, os.Mkdir(dir, 0o777))
	for _, link := range []string{"pid", ".pid", "pid.tmp", ".pid.tmp"} {
		check(t, os.Symlink(host.dir+"/file", dir+"/"+link))
	}
	b.Fails([]string{"run", "--pid-file", dir + "/pid", b.ID}, "pid file", "file exists")
	host.intact()
	check(t, os.Remove(dir+"/pid"))
	b.OK("run", "--pid-file", dir+"/pid", b.ID)
	host.intact()
	st, err := os.Lstat(dir + "/pid")
	if check(t, err); !st.Mode().IsRegular() {
		t.Errorf("mode of the pid file: got %v, want a regular file's", st.Mode())
	}
	name := "@" + b.ID
	l, err := net.Listen("unix", name)
	check(t, err)
	defer l.Close()
	b.Edit(func(s *specs.Spec) { s.Process.Terminal = true })
	for _, flag := range []string{"--console-socket", "--pidfd-socket"} {
		if res := b.Teu("create", "--console-socket", b.Dir+"/none", flag, name, b.ID); !oneLine(res) {
			t.Errorf("%v: want an error in one line", res)
		}
	}
}
