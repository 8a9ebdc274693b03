package badinput

import (
	"os"
	"strings"
	"testing"

	"teu/tests/kit"
)

// The usage lines that more than one row wants.
const (
	createUsage = "teu create [OPTION...] CONTAINER"
	eventsUsage = "teu events [OPTION...] CONTAINER"
	execUsage   = "teu exec [OPTION...] CONTAINER COMMAND [ARG...]\n       teu exec [OPTION...] --process FILE CONTAINER"
	psUsage     = "teu ps [OPTION...] CONTAINER [PS-OPTION...]"
	updateUsage = "teu update [OPTION...] CONTAINER"
)

// TestCommandLine: what is wrong before a container comes into it.
func TestCommandLine(t *testing.T) {
	for _, r := range []row{
		{name: "an unknown verb", args: []string{"creat", "$ID"}, code: 3, want: []string{`unknown command "creat"; did you mean "create"?`}},
		{name: "an unknown flag", args: []string{"create", "--frob", "$ID"}, want: []string{"create: unknown flag --frob"}, usage: createUsage},
		{name: "an unknown flag of start", args: []string{"start", "--force", "$ID"}, want: []string{"start: unknown flag --force"}, usage: "teu start CONTAINER"},
		{name: "an unknown global flag", args: []string{"--frob", "list"}, want: []string{"unknown flag --frob"}, usage: "teu [GLOBAL OPTION...] COMMAND [ARGUMENT...]"},
		{name: "a flag without its value", args: []string{"create", "--bundle"}, want: []string{"create: --bundle: want a value DIR"}, usage: createUsage},
		{name: "a number that is none", args: []string{"create", "--preserve-fds", "many", "$ID"}, want: []string{"create: --preserve-fds many: want a number, 0 or more"}, usage: createUsage},
		{name: "a negative number of descriptors", args: []string{"create", "--preserve-fds", "-1", "$ID"}, want: []string{"create: --preserve-fds -1: want a number, 0 or more"}, usage: createUsage},
		{name: "descriptors that are not open", args: []string{"create", "--preserve-fds", "3", "$ID"}, want: []string{"--preserve-fds 3", "bad file descriptor"}},
		{name: "LISTEN_FDS that is no number", as: func(p *process) { kit.Activated(p.c, "two") }, want: []string{"LISTEN_FDS=two: want a number"}},
		{name: "create without an id", args: []string{"create"}, want: []string{"create: want one argument CONTAINER"}, usage: createUsage},
		{name: "create with two", args: []string{"create", "$ID", "$ID"}, want: []string{"create: want one argument CONTAINER, got 2"}, usage: createUsage},
		{name: "run with two", args: []string{"run", "$ID", "sh"}, want: []string{"run: want one argument CONTAINER, got 2"}, usage: "teu run [OPTION...] CONTAINER"},
		{name: "start without an id", args: []string{"start"}, want: []string{"start: want one argument CONTAINER"}, usage: "teu start CONTAINER"},
		{name: "state with two", args: []string{"state", "$ID", "$ID"}, want: []string{"state: want one argument CONTAINER, got 2"}, usage: "teu state CONTAINER"},
		{name: "delete without an id", args: []string{"delete", "--force"}, want: []string{"delete: want one argument CONTAINER"}, usage: "teu delete [OPTION...] CONTAINER"},
		{name: "kill without an id", args: []string{"kill"}, want: []string{"kill: want arguments CONTAINER [SIGNAL]"}, usage: "teu kill [OPTION...] CONTAINER [SIGNAL]"},
		{name: "kill with three", args: []string{"kill", "$ID", "KILL", "9"}, want: []string{"kill: want arguments CONTAINER [SIGNAL], got 3"}, usage: "teu kill [OPTION...] CONTAINER [SIGNAL]"},
		{name: "exec without an id", args: []string{"exec"}, want: []string{"exec: want arguments CONTAINER COMMAND [ARG...]"}, usage: execUsage},
		{name: "exec without a command", args: []string{"exec", "$ID"}, code: 255, want: []string{"exec: want a COMMAND after CONTAINER, or --process FILE"}, usage: execUsage},
		{name: "list with an id", args: []string{"list", "$ID"}, want: []string{"list: want no arguments, got 1"}, usage: "teu list [OPTION...]"},
		{name: "list in an unknown format", args: []string{"list", "--format", "yaml"}, want: []string{"list: --format yaml: want table or json"}, usage: "teu list [OPTION...]"},
		{name: "events without an id", args: []string{"events"}, want: []string{"events: want one argument CONTAINER"}, usage: eventsUsage},
		{name: "events with two", args: []string{"events", "--stats", "$ID", "$ID"}, want: []string{"events: want one argument CONTAINER, got 2"}, usage: eventsUsage},
		{name: "an interval of nothing", args: []string{"events", "--interval", "0s", "$ID"}, want: []string{"events: --interval 0s: want a time above 0"}, usage: eventsUsage},
		{name: "an interval back in time", args: []string{"events", "--stats", "--interval=-5s", "$ID"}, want: []string{"events: --interval -5s: want a time above 0"}, usage: eventsUsage},
		{name: "an interval without a unit", args: []string{"events", "--interval", "5", "$ID"}, want: []string{"events: --interval 5: want a time above 0 with its unit"}, usage: eventsUsage},
		{name: "an interval too long to count", args: []string{"events", "--interval", "3000000h", "$ID"}, want: []string{"events: --interval 3000000h: want a time"}, usage: eventsUsage},
		{name: "ps without an id", args: []string{"ps", "--format", "json"}, want: []string{"ps: want arguments CONTAINER [PS-OPTION...]"}, usage: psUsage},
		{name: "ps in an unknown format", args: []string{"ps", "--format", "yaml", "$ID"}, want: []string{"ps: --format yaml: want table or json"}, usage: psUsage},
		{name: "spec over a config.json", args: []string{"spec"}, want: []string{"config.json: file exists: remove it first"}},
		{name: "spec in no bundle", args: []string{"spec", "--bundle", "$BUNDLE/absent"}, want: []string{"$BUNDLE/absent", "no such file or directory"}},
		{name: "an unknown log level", args: []string{"--log-level", "loud", "list"}, want: []string{"--log-level loud: want debug, info, warning or error"}},
		{name: "an unknown answer to rootless", args: []string{"--rootless", "perhaps", "list"}, want: []string{"--rootless perhaps: want true, false or auto"}},
		// There is none in the pid namespace of the tests.
		{name: "the systemd cgroup driver", args: []string{"--systemd-cgroup", "create", "$ID"}, want: []string{"connect to systemd: "}},
		{name: "an unknown cgroup manager", args: []string{"--cgroup-manager", "cgroupsfs", "list"}, want: []string{"--cgroup-manager cgroupsfs: want cgroupfs, systemd or disabled"}},
		{name: "two cgroup managers", args: []string{"--systemd-cgroup", "--cgroup-manager=cgroupfs", "list"}, want: []string{"--systemd-cgroup: contradicts --cgroup-manager cgroupfs"}},
		{name: "the root for a root", args: []string{"--root", "/", "list"}, want: []string{"--root: it cannot be /"}},
		{name: "a pidfd socket that is absent", args: []string{"create", "--pidfd-socket", "$BUNDLE/sock", "$ID"}, want: []string{"--pidfd-socket", "$BUNDLE/sock", "no such file or directory"}},
		{name: "a pid file in no directory", args: []string{"create", "--pid-file", "$BUNDLE/absent/pid", "$ID"}, want: []string{"pid file $BUNDLE/absent/pid: no such file or directory"}},
		{name: "a pid file below a file", args: []string{"create", "--pid-file", "$BUNDLE/config.json/pid", "$ID"}, want: []string{"pid file $BUNDLE/config.json/pid: not a directory"}},
		{name: "a pid file that is a directory", args: []string{"run", "--pid-file", "$BUNDLE/rootfs", "$ID"}, want: []string{"pid file $BUNDLE/rootfs: is a directory"}},
	} {
		r.run(t)
	}
}

// TestLog: where messages cannot go, they go to standard error, as text.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"an unknown format", []string{"--log-format", "xml", "list"}, []string{"--log-format xml: want text or json"}},
		{"a file in no directory", []string{"--log", "$BUNDLE/absent/log", "list"}, []string{"/absent/log: no such file or directory"}},
		{"a directory", []string{"--log", "$BUNDLE", "list"}, []string{"is a directory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kit.New(t)
			for i := range c.args {
				c.args[i] = strings.ReplaceAll(c.args[i], "$BUNDLE", b.Dir)
			}
			res := b.Teu(c.args...)
			msg, ok := textError(res.Stderr)
			for _, w := range c.want {
				ok = ok && strings.Contains(msg, w)
			}
			if res.Code != 1 || !ok {
				t.Errorf("%v: want %q", res, c.want)
			}
		})
	}
}

// TestID: names of containers.
func TestID(t *testing.T) {
	for _, id := range []string{"", ".", "..", "a/b", "../a", "/a", "a b", "a\nb", "ä", "a:b", strings.Repeat("a", 256)} {
		for _, verb := range []string{"create", "run", "start", "state", "kill", "delete", "exec", "events", "ps"} {
			if verb != "create" && id != "../a" && id != "" {
				continue
			}
			args, code := []string{verb, id}, 1
			if verb == "exec" {
				args, code = append(args, "true"), 255
			}
			r := row{name: verb + " " + id, args: args, code: code, want: []string{"invalid container id"}}
			r.run(t)
		}
	}
}

// TestNoContainer: verbs on what is not there.
func TestNoContainer(t *testing.T) {
	for _, r := range []row{
		{name: "start", args: []string{"start", "$ID"}},
		{name: "state", args: []string{"state", "$ID"}},
		{name: "kill", args: []string{"kill", "$ID", "9"}},
		{name: "kill --all", args: []string{"kill", "--all", "$ID"}},
		{name: "delete", args: []string{"delete", "$ID"}},
		{name: "exec", args: []string{"exec", "$ID", "true"}, code: 255},
		{name: "events", args: []string{"events", "$ID"}},
		{name: "events --stats", args: []string{"events", "--stats", "$ID"}},
		{name: "ps", args: []string{"ps", "$ID"}},
		{name: "ps as JSON", args: []string{"ps", "-f", "json", "$ID"}},
	} {
		r.want = []string{`container "$ID" does not exist`}
		r.run(t)
		r.name += ", there being others"
		r.set = func(b *kit.Bundle) { b.OK("create", b.ID+"-2") }
		r.run(t)
	}
}

// TestRoot: --root, where the records are.
func TestRoot(t *testing.T) {
	root := func(f func(dir string) error) func(*kit.Bundle) {
		return func(b *kit.Bundle) {
			if err := os.Mkdir(b.Root, 0o700); err != nil {
				b.T.Fatalf("make the root: %v", err)
			}
			if err := f(b.Root); err != nil {
				b.T.Fatalf("prepare the root: %v", err)
			}
		}
	}
	create := []string{"create", "$ID"}
	for _, r := range []row{
		{name: "a file", args: []string{"--root", "$BUNDLE/config.json", "create", "$ID"}, want: []string{"root directory $BUNDLE/config.json: ", "not a directory"}},
		{name: "below a file", args: []string{"--root", "$BUNDLE/config.json/x", "create", "$ID"}, want: []string{"root directory $BUNDLE/config.json/x: ", "not a directory"}},
		{name: "a file, listed", args: []string{"--root", "$BUNDLE/config.json", "list"}, want: []string{"$BUNDLE/config.json: not a directory"}},
		{name: "somebody else's", set: root(func(dir string) error { return os.Chown(dir, 1234, 1234) }), args: create, want: []string{"root directory $ROOT: owned by uid 1234"}},
		{name: "everybody's", set: root(func(dir string) error { return os.Chmod(dir, 0o777) }), args: create, want: []string{"root directory $ROOT: writable by everyone"}},
		{name: "one that may not be written", as: (*process).nobody, args: create, set: root(func(dir string) error { return os.Chmod(dir, 0o755) }),
			want: []string{"$ROOT", "permission denied"}},
		{name: "one that may not be made", as: (*process).nobody, args: []string{"--root", "$ROOT/absent", "create", "$ID"}, set: root(func(dir string) error { return os.Chmod(dir, 0o755) }),
			want: []string{"root directory $ROOT/absent: ", "permission denied"}},
		{name: "one that may not be entered", as: (*process).nobody, args: []string{"state", "$ID"}, set: root(func(string) error { return nil }), want: []string{"$ROOT", "permission denied"}},
		{name: "on a read-only filesystem", set: tmpfs("ro"), args: create, want: []string{"mkdir $ROOT/$ID: read-only file system"}},
		{name: "on a filesystem without inodes", set: tmpfs("nr_inodes=1"), args: create, want: []string{"mkdir $ROOT/$ID: no space left on device"}},
		{name: "on a filesystem without inodes for the configuration", set: tmpfs("nr_inodes=2"), args: create, want: []string{`container "$ID": open config.json: no space left on device`}},
		{name: "on a full filesystem", set: func(b *kit.Bundle) {
			tmpfs("size=4k")(b)
			if err := os.WriteFile(b.Root+"/full", make([]byte, 4096), 0o600); err != nil {
				b.T.Fatalf("fill the filesystem of the root: %v", err)
			}
			b.T.Cleanup(func() { os.Remove(b.Root + "/full") })
		}, args: create, want: []string{`container "$ID": write config.json: no space left on device`}},
		{name: "on a filesystem without inodes for the record", set: tmpfs("nr_inodes=3"), args: create, want: []string{`write record of container "$ID"`, "no space left on device"}},
		{name: "on a filesystem without inodes for the socket of init", set: tmpfs("nr_inodes=4"), args: create, want: []string{`socket of init`, "no space left on device"}},
		{name: "on a filesystem without inodes for the gate", set: tmpfs("nr_inodes=5"), args: create, want: []string{`gate of container "$ID"`, "no space left on device"}},
	} {
		r.run(t)
	}
}
