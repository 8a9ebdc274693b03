package badinput

import (
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// tmpfs mounts a tmpfs, with options that keep much from fitting in, for the state directory.
func tmpfs(options string) func(*kit.Bundle) {
	return func(b *kit.Bundle) {
		var flags uintptr
		data := "mode=700"
		if options == "ro" {
			flags = syscall.MS_RDONLY
		} else {
			data += "," + options
		}
		if err := os.Mkdir(b.Root, 0o700); err != nil {
			b.T.Fatalf("make the root: %v", err)
		}
		if err := syscall.Mount("tmpfs", b.Root, "tmpfs", flags, data); err != nil {
			b.T.Fatalf("mount a tmpfs (%s) on %s: %v", options, b.Root, err)
		}
		b.T.Cleanup(func() {
			if err := syscall.Unmount(b.Root, 0); err != nil {
				b.T.Errorf("unmount %s: %v", b.Root, err)
			}
		})
	}
}

// TestStates: verbs on a container that is not in the state for them.
func TestStates(t *testing.T) {
	sleeping := func(b *kit.Bundle) { b.Start("sleep", "forever") }
	created := func(b *kit.Bundle) { b.OK("create", b.ID) }
	stopped := func(b *kit.Bundle) {
		b.Start("true")
		b.Ended()
	}
	for _, r := range []row{
		{name: "create of one that was created", set: created, args: []string{"create", "$ID"}, want: []string{`container with id "$ID" already exists`}},
		{name: "create of one that runs", set: sleeping, args: []string{"create", "$ID"}, want: []string{`container with id "$ID" already exists`}},
		{name: "run of one that was stopped", set: stopped, args: []string{"run", "$ID"}, want: []string{`container with id "$ID" already exists`}},
		{name: "start of one that runs", set: sleeping, args: []string{"start", "$ID"}, want: []string{`cannot start container "$ID": it is running, want created`}},
		{name: "start of one that was stopped", set: stopped, args: []string{"start", "$ID"}, want: []string{`cannot start container "$ID": it is stopped, want created`}},
		{name: "kill of one that was stopped", set: stopped, args: []string{"kill", "$ID"}, want: []string{`cannot kill container "$ID"`, "container not running"}},
		{name: "delete of one that runs", set: sleeping, args: []string{"delete", "$ID"}, want: []string{`cannot delete container "$ID"`, "running", "not stopped"}},
		{name: "delete of one that was created", set: created, args: []string{"delete", "$ID"}, want: []string{`cannot delete container "$ID"`, "created", "not stopped"}},
		{name: "exec in one that was stopped", set: stopped, args: []string{"exec", "$ID", "true"}, code: 255, want: []string{`cannot exec in container "$ID": it is stopped`}},
	} {
		r.run(t)
	}
}

// TestSignals: kill.
func TestSignals(t *testing.T) {
	for _, sig := range []string{"0x9", "-1", "65", "1000000000000", "FOO", "SIGSIGKILL", "SIG", "KILL ", "RTMAX+1"} {
		r := row{name: sig, set: func(b *kit.Bundle) { b.OK("create", b.ID) }, args: []string{"kill", "$ID", sig}, want: []string{`unknown signal "` + sig + `"`}}
		if sig == "-1" {
			r.args = []string{"kill", "--", "$ID", sig}
		}
		r.run(t)
	}
}

// TestExec: exec in a container that runs.
func TestExec(t *testing.T) {
	process := func(text string) func(*kit.Bundle) {
		return func(b *kit.Bundle) {
			b.Start("sleep", "forever")
			if err := os.WriteFile(b.Dir+"/process.json", []byte(text), 0o644); err != nil {
				b.T.Fatalf("write the process file: %v", err)
			}
		}
	}
	exec := func(args ...string) []string { return append([]string{"exec"}, args...) }
	fromFile := exec("--process", "$BUNDLE/process.json", "$ID")
	rows := []row{
		{name: "an absent binary", args: exec("$ID", "/bin/x"), want: []string{`process.args: exec "/bin/x": no such file or directory`}},
		{name: "a binary absent from PATH", args: exec("$ID", "x"), want: []string{"executable file not found in $PATH"}},
		{name: "a file that is not executable", args: exec("$ID", "/etc/plain"), want: []string{"permission denied", "not executable (mode 0644)"}},
		{name: "a relative cwd", args: exec("--cwd", "tmp", "$ID", "true"), want: []string{`process.cwd: got "tmp", want an absolute path`}},
		{name: "an absent cwd", args: exec("--cwd", "/absent", "$ID", "true"), want: []string{"process.cwd: change to /absent", "no such file or directory"}},
		{name: "a negative group", args: exec("--additional-gids", "-1", "$ID", "true"), want: []string{"--additional-gids -1"}},
		{name: "an apparmor profile", args: exec("--apparmor", "x", "$ID", "true"), want: []string{`process.apparmorProfile: got "x", and no AppArmor in this kernel`}},
		{name: "an SELinux label", args: exec("--process-label", "u:r:t:s0", "$ID", "true"), want: []string{`process.selinuxLabel: got "u:r:t:s0", and SELinux is not enabled`}},
		{name: "a cgroup that is absent", args: exec("--cgroup", "absent", "$ID", "true"), want: []string{"--cgroup", "absent", "no such file or directory"}},
		{name: "a cgroup outside", args: exec("--cgroup", "..", "$ID", "true"), want: []string{"--cgroup: bad sub cgroup path: .."}},
		{name: "a cgroup of an unknown controller", args: exec("--cgroup", "frob:/", "$ID", "true"), want: []string{"--cgroup", "frob"}},
		{name: "a cgroup beside that of a controller", args: exec("--cgroup", "sub", "--cgroup", "cpu:sub", "$ID", "true"), want: []string{"--cgroup sub: beside others, want CONTROLLER:PATH"}},
		{name: "a cgroup of no controller", args: exec("--cgroup", ":sub", "$ID", "true"), want: []string{"--cgroup :sub: no controller before the colon"}},
		{name: "a terminal for nobody", args: exec("-t", "-d", "$ID", "true"), want: []string{"process.terminal: true: want --console-socket"}},
		{name: "a console socket that is absent", args: exec("-t", "--console-socket", "$BUNDLE/sock", "$ID", "true"), want: []string{"--console-socket", "$BUNDLE/sock: no such file or directory"}},
		{name: "a pid file in no directory", args: exec("--pid-file", "$BUNDLE/absent/pid", "$ID", "true"), want: []string{"pid file $BUNDLE/absent/pid: no such file or directory"}},
		{name: "no process file", args: exec("--process", "$BUNDLE/absent", "$ID"), want: []string{"$BUNDLE/absent: no such file or directory"}},
		{name: "a torn process file", args: fromFile, set: process(`{"args":["tr`), want: []string{"$BUNDLE/process.json:1:", "args[0]"}},
		{name: "a process file of a wrong type", args: fromFile, set: process(`{"args":"true"}`), want: []string{"$BUNDLE/process.json:1:9: args: want array of strings, got string"}},
		{name: "a process file without args", args: fromFile, set: process(`{"cwd":"/"}`), want: []string{"$BUNDLE/process.json: ", "args: got nothing"}},
		{name: "a process file with a relative cwd", args: fromFile, set: process(`{"cwd":"x","args":["true"]}`), want: []string{"$BUNDLE/process.json: ", `cwd: got "x", want an absolute path`}},
	}
	for _, user := range []string{" 1", "1 ", "+1", "-1", "0x0", "1_0", "1:", ":1", "1:2:3", "1:+1", "root", "1:root", "4294967295", "4294967296", "1:4294967295"} {
		rows = append(rows, row{name: "the user " + user, args: exec("--user", user, "$ID", "true"), want: []string{"--user " + user + ": want UID[:GID]"}})
	}
	for _, r := range rows {
		r.code = 255
		if r.set == nil {
			r.set = func(b *kit.Bundle) {
				b.File("/etc/plain", "", 0o644)
				b.Start("sleep", "forever")
			}
		}
		r.run(t)
	}
}

// TestBrokenRecord: `list` lives with anything in the state directory, and every other verb says what is wrong with it.
// `delete --force` takes away only what has no record, for which nothing was made: else it may be a container that runs.
func TestBrokenRecord(t *testing.T) {
	write := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatalf("write the record: %v", err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"none", func(*testing.T, string) {}, "half-made"},
		{"empty", write(""), "state.json"},
		{"torn", write(`{"ociVersion":"1.0.2","id":"$ID","pha`), "state.json"},
		{"no JSON", write("\x7fELF"), "state.json"},
		{"of a wrong type", write(`{"init":"1"}`), "state.json"},
		{"another container's", write(`{"ociVersion":"1.0.2","id":"other","phase":"created","created":"2026-01-01T00:00:00Z"}`), "state.json"},
		{"of runc", write(`{"id":"$ID","init_process_pid":1,"init_process_start":1,"created":"2026-01-01T00:00:00Z","config":{}}`), "state.json"},
		{"a FIFO", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatalf("make the FIFO %s: %v", path, err)
			}
		}, "state.json"},
		{"a symlink", func(t *testing.T, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Fatalf("put a symlink in the place of the record: %v", err)
			}
		}, "state.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t)
			b.OK("create", b.ID+"-good")
			if err := os.Mkdir(b.Root+"/"+b.ID, 0o700); err != nil {
				t.Fatalf("make the container's directory: %v", err)
			}
			c.damage(t, b.Root+"/"+b.ID+"/state.json")
			for _, verb := range [][]string{{"start"}, {"state"}, {"kill"}, {"delete"}, {"exec"}} {
				args, code := append(verb, b.ID), 1
				if verb[0] == "exec" {
					args, code = append(args, "true"), 255
				}
				res := b.Teu(args...)
				if msg, ok := textError(res.Stderr); res.Code != code || !ok || !strings.Contains(msg, b.ID) || !strings.Contains(msg, c.want) {
					t.Errorf("%v: want exit code %d, and one line with %s and %q", res, code, b.ID, c.want)
				}
			}
			listed(b, b.ID+"-good", b.ID)
			if c.want != "half-made" {
				b.Fails([]string{"delete", "--force", b.ID}, b.ID, c.want, "processes of it may run", "then remove "+b.Root+"/"+b.ID)
				must(b, os.Remove(b.Root+"/"+b.ID+"/state.json"))
			}
			if res := b.Teu("delete", "--force", b.ID); res.Code != 0 {
				t.Errorf("%v: want exit code 0", res)
			}
			if _, err := os.Lstat(b.Root + "/" + b.ID); err == nil {
				t.Error("the container's directory is left after delete --force, want it removed")
			}
		})
	}
}

// TestTornRecord: the intent that was written before still names what is to be ended and removed.
func TestTornRecord(t *testing.T) {
	b := kit.New(t)
	before := kit.Snapshot()
	b.Start("sleep", "forever")
	must(b, os.Truncate(b.Root+"/"+b.ID+"/state.json", 9))
	b.Fails([]string{"delete", b.ID}, b.ID, "state.json")
	b.OK("delete", "--force", b.ID)
	if left := before.Left(); len(left) > 0 {
		t.Errorf("left after delete --force by a torn record: %v; want nothing", left)
	}
}

// TestForeignInside: what a container's directory holds and teu did not make is not teu's to remove.
func TestForeignInside(t *testing.T) {
	for name, want := range map[string]string{"mine": "foreign file", "state.json": "unlink state.json: is a directory"} {
		b := kit.New(t)
		b.OK("create", b.ID)
		dir := b.Root + "/" + b.ID + "/" + name
		os.Remove(dir)
		must(b, os.Mkdir(dir, 0o700))
		b.Fails([]string{"delete", "--force", b.ID}, b.ID, want)
		must(b, os.Remove(dir))
		b.OK("delete", "--force", b.ID)
	}
}

// TestForeign: what lies in the state directory and is nobody's.
func TestForeign(t *testing.T) {
	b := kit.New(t)
	b.OK("create", b.ID)
	for name, err := range map[string]error{
		"file":   os.WriteFile(b.Root+"/file", nil, 0o600),
		"a b":    os.Mkdir(b.Root+"/a b", 0o700),
		"link":   os.Symlink("/etc", b.Root+"/link"),
		"socket": syscall.Mknod(b.Root+"/socket", syscall.S_IFSOCK|0o600, 0),
	} {
		if err != nil {
			t.Fatalf("put %q into the root: %v", name, err)
		}
		t.Cleanup(func() { os.Remove(b.Root + "/" + name) })
		listed(b, b.ID, name)
	}
}

// listed checks that `list` shows the good container, and beside it tells of the other.
func listed(b *kit.Bundle, good, other string) {
	b.T.Helper()
	res := b.Teu("list", "--format", "json")
	all := kit.JSON[[]specs.State](b, res.Stdout)
	if res.Code != 0 || len(all) != 1 || all[0].ID != good || !strings.Contains(res.Stderr, other) {
		b.T.Errorf("%v: want exit code 0, %s alone on stdout, and %q in stderr", res, good, other)
	}
}
