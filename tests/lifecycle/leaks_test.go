package lifecycle

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// fds are the descriptors of the process that the command starts.
func fds(b *kit.Bundle, cmd *exec.Cmd) map[string]string {
	b.T.Helper()
	res := b.Do(cmd)
	if res.Code != 0 {
		b.T.Fatalf("%v, want exit code 0", res)
	}
	return kit.JSON[map[string]string](b, res.Stdout)
}

// TestNoFdLeaks: what the caller of teu has open, and what teu has, does not reach the process.
func TestNoFdLeaks(t *testing.T) {
	t.Parallel()
	b := kit.New(t, everyNamespace, kit.Args("fds"), filter(errnoRule(38, "umask")))
	host, err := os.Open("/")
	check(t, err)
	defer host.Close()
	withHost := func(args ...string) *exec.Cmd {
		cmd := b.Command(args...)
		cmd.ExtraFiles = []*os.File{host, host, host, host, host, host, host, host}
		return cmd
	}
	only := func(what string, got map[string]string) {
		t.Helper()
		if len(got) != 3 || got["0"] == "" || got["1"] == "" || got["2"] == "" {
			t.Errorf("%s: got descriptors %v, want 0, 1 and 2 alone", what, got)
		}
	}
	only("run", fds(b, withHost("run", b.ID)))
	if res := b.Do(withHost("create", b.ID)); res.Code != 0 {
		t.Fatalf("%v, want exit code 0", res)
	} else {
		// Until it is started, init holds more; start brings nothing in.
		if res := b.Do(withHost("start", b.ID)); res.Code != 0 {
			t.Fatalf("%v, want exit code 0", res)
		}
		only("start", kit.JSON[map[string]string](b, res.Output("}\n")))
	}
	b.OK("delete", "--force", b.ID)
	b.Edit(kit.Args("sleep", "forever"))
	b.Start()
	only("exec", fds(b, withHost("exec", b.ID, kit.PayloadPath, "fds")))
}

func TestPreserveFDs(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("fds"))
	var files []*os.File
	for i := range 4 {
		path := fmt.Sprintf("%s/file%d", b.Dir, i)
		check(t, os.WriteFile(path, nil, 0o644))
		f, err := os.Open(path)
		check(t, err)
		defer f.Close()
		files = append(files, f)
	}
	want := func(got map[string]string, n int) {
		t.Helper()
		if len(got) != 3+n {
			t.Errorf("descriptors: got %v, want %d more than the standard streams", got, n)
		}
		for i := range n {
			if got[fmt.Sprint(3+i)] != files[i].Name() {
				t.Errorf("fd %d: got %q, want %q", 3+i, got[fmt.Sprint(3+i)], files[i].Name())
			}
		}
	}
	command := func(args ...string) *exec.Cmd {
		cmd := b.Command(args...)
		cmd.ExtraFiles = files
		return cmd
	}
	want(fds(b, command("run", "--preserve-fds", "2", b.ID)), 2)
	want(fds(b, command("run", b.ID)), 0)
	created := b.Do(command("create", "--preserve-fds", "1", b.ID))
	if created.Code != 0 {
		t.Fatalf("%v, want exit code 0", created)
	}
	b.OK("start", b.ID)
	want(kit.JSON[map[string]string](b, created.Output("}\n")), 1)
	b.OK("delete", "--force", b.ID)
	b.Edit(kit.Args("sleep", "forever"))
	b.Start()
	want(fds(b, command("exec", "--preserve-fds", "3", b.ID, kit.PayloadPath, "fds")), 3)
	// More than there are.
	if res := b.Do(command("exec", "--preserve-fds", "9", b.ID, kit.PayloadPath, "fds")); res.Code == 0 || !strings.Contains(res.Stderr, "preserve-fds") {
		t.Errorf("%v, want a failure that names preserve-fds", res)
	}
}

// TestPreserveFDsWithHoles: a number that nothing was passed for is nobody's in the workload either.
func TestPreserveFDsWithHoles(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("fds"))
	file, err := os.Open(b.Dir + "/config.json")
	check(t, err)
	defer file.Close()
	command := func(args ...string) *exec.Cmd {
		cmd := b.Command(args...)
		cmd.ExtraFiles = []*os.File{nil, file, nil, file, nil, nil, file, file} // those of 4, 6, 9 and 10
		return cmd
	}
	want := func(got map[string]string) {
		t.Helper()
		if len(got) != 6 || got["4"] != file.Name() || got["6"] != file.Name() || got["9"] != file.Name() {
			t.Errorf("descriptors: got %v, want the standard streams, and %s at 4, 6 and 9", got, file.Name())
		}
	}
	want(fds(b, command("run", "--preserve-fds", "7", b.ID)))
	created := b.Do(command("create", "--preserve-fds", "7", b.ID))
	if created.Code != 0 {
		t.Fatalf("%v, want exit code 0", created)
	}
	b.OK("start", b.ID)
	want(kit.JSON[map[string]string](b, created.Output("}\n")))
	b.OK("delete", "--force", b.ID)
	b.Start("sleep", "forever")
	want(fds(b, command("exec", "--preserve-fds", "7", b.ID, kit.PayloadPath, "fds")))
	for _, n := range []string{"999", "2000000000", "9223372036854775807"} {
		res := b.Do(command("exec", "--preserve-fds", n, b.ID, kit.PayloadPath, "fds"))
		if res.Code != 255 || !strings.Contains(res.Stderr, "--preserve-fds "+n+": descriptor") || !strings.Contains(res.Stderr, "was not passed") {
			t.Errorf("%v, want exit code 255 and a word of a descriptor that was not passed", res)
		}
	}
	cmd := command("exec", "--preserve-fds", "1", b.ID, kit.PayloadPath, "fds")
	kit.Activated(cmd, "3")
	if res := b.Do(cmd); res.Code != 255 || !strings.Contains(res.Stderr, "LISTEN_FDS=3: descriptor 3 was not passed") {
		t.Errorf("%v, want exit code 255 and a word of descriptor 3 of LISTEN_FDS", res)
	}
}

// TestListenFDs: sd_listen_fds(3): the descriptors come before the preserved ones, and LISTEN_PID is the process's own.
func TestListenFDs(t *testing.T) {
	t.Parallel()
	b := kit.New(t, everyNamespace, kit.Args("all"))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: b.Dir + "/listen"})
	check(t, err)
	defer l.Close()
	f, err := l.File()
	check(t, err)
	defer f.Close()
	extra, err := os.Open(b.Dir)
	check(t, err)
	defer extra.Close()
	for _, c := range []struct {
		preserve string
		fds      int
	}{{"0", 1}, {"1", 2}} {
		cmd := b.Command("run", "--preserve-fds", c.preserve, b.ID)
		cmd.ExtraFiles = []*os.File{f, extra}
		cmd.Env = append(cmd.Env, "LISTEN_FDNAMES=web")
		kit.Activated(cmd, "1")
		res := b.Do(cmd)
		if res.Code != 0 {
			t.Fatalf("%v, want exit code 0", res)
		}
		r := kit.JSON[*kit.Report](b, res.Stdout)
		if !slices.Contains(r.Env, "LISTEN_FDS=1") || !slices.Contains(r.Env, "LISTEN_PID=1") {
			t.Errorf("environment: got %q, want LISTEN_FDS=1 and LISTEN_PID=1 in it", r.Env)
		}
		if !strings.HasPrefix(r.FDs["3"], "socket:") || c.fds == 2 && r.FDs["4"] != b.Dir {
			t.Errorf("descriptors: got %v, want a socket as 3 and, of %d, %s as 4", r.FDs, c.fds, b.Dir)
		}
	}
}

// TestExe: what a process of the container gets as /proc/PID/exe of teu, before its exec, is never the host's file for writing
// (CVE-2019-5736), whichever way the binary is protected.
func TestExe(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"", "memfd", "overlay"} {
		t.Run("way "+way, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, privileged, writable, kit.Args("sleep", "forever"))
			withWay := func(args ...string) *exec.Cmd {
				cmd := b.Command(args...)
				if way != "" {
					cmd.Env = append(cmd.Env, "_TEU_EXE="+way)
				}
				return cmd
			}
			if res := b.Do(withWay("create", b.ID)); res.Code != 0 {
				t.Fatalf("%v, want exit code 0", res)
			}
			pid := b.State().Pid
			exe := fmt.Sprintf("/proc/%d/exe", pid)
			same := func(path string) bool {
				a, err := os.Stat(path)
				check(t, err)
				host, err := os.Stat(kit.Teu())
				check(t, err)
				return os.SameFile(a, host)
			}
			if same(exe) {
				t.Error("binary of init: got the host's itself, want another file")
			}
			// Even root of the host has to go another way, while it runs and after.
			written := func(path string) bool {
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					return false
				}
				defer f.Close()
				_, err = f.WriteAt([]byte{0x7f}, 0) // what is there
				return err == nil
			}
			if written(exe) {
				t.Error("write to the binary while it runs: it succeeds, want it refused")
			}
			keep, err := os.Open(exe)
			check(t, err)
			defer keep.Close()
			b.OK("start", b.ID)
			if written(fmt.Sprintf("/proc/self/fd/%d", keep.Fd())) {
				t.Error("write to the binary when it no longer runs: it succeeds, want it refused")
			}
			// A container may have teu execute itself (the way of CVE-2019-5736): what it gets is the same.
			res := b.Do(withWay("exec", b.ID, "/proc/self/exe", "spec", "--bundle", "/tmp"))
			if res.Code != 0 || !exists(b.Rootfs+"/tmp/config.json") {
				t.Errorf("%v, want exit code 0 and /tmp/config.json made", res)
			}
			// Init and exec cannot be looked into by what is inside already: they are not dumpable.
			if out := b.OK("exec", b.ID, kit.PayloadPath, "readlink", "/proc/1/exe").Stdout; out != kit.PayloadPath+"\n" {
				t.Errorf("readlink /proc/1/exe inside: got %q, want %q", out, kit.PayloadPath+"\n")
			}
		})
	}
}

// TestInitNotDumpable: until its exec nobody inside may look into init, whatever their capabilities.
func TestInitNotDumpable(t *testing.T) {
	t.Parallel()
	owner := kit.New(t, userNamespace, privileged, kit.Args("sleep", "forever"))
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(owner.Rootfs+dir, firstID, firstID))
	}
	owner.Start()
	pid := owner.State().Pid
	b := kit.New(t, privileged, writable, namespace(specs.UserNamespace, fmt.Sprintf("/proc/%d/ns/user", pid)), namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", pid)))
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(b.Rootfs+dir, firstID, firstID))
	}
	b.OK("create", b.ID)
	inner := strings.Fields(strings.SplitN(procFile(t, b.State().Pid, "status"), "NSpid:", 2)[1])[1]
	for _, what := range []string{"exe", "root", "cwd", "fd"} {
		args := []string{"exec", owner.ID, kit.PayloadPath, "readlink", "/proc/" + inner + "/" + what}
		if what == "fd" {
			args[3], args[4] = "ls", "/proc/"+inner+"/fd"
		}
		res := owner.Teu(args...)
		if res.Code == 0 || !strings.Contains(res.Stdout, "permission denied") && !strings.Contains(res.Stdout, "EACCES") {
			t.Errorf("look at %s of init from inside: got %v, want it refused", what, res)
		}
	}
}

// TestOverlayLeavesNothing: the protection of the binary is no mount that anybody sees, and goes with the process.
func TestProtectionLeavesNothing(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	if text, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(text), "lowerdir="+kit.Teu()) || strings.Contains(string(text), " overlay ") && strings.Contains(string(text), kit.Prefix()) {
		t.Errorf("mounts of the host: got %s, %v, want none of teu's", text, err)
	}
	if maps := procFile(t, b.State().Pid, "maps"); strings.Contains(maps, "teu") && !strings.Contains(maps, "payload") {
		t.Errorf("maps of the container: got %s, want none of teu's", maps)
	}
}
