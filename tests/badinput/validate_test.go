package badinput

import (
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestValidate: everything at once, by JSON pointer; create refuses the same, in one line.
func TestValidate(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	if res := b.Teu("validate"); res.Code != 0 || res.Stdout != b.Dir+"/config.json: no problems, no warnings\n" {
		t.Errorf("valid configuration: %v: want exit code 0, no problems and no warnings", res)
	}
	b.Edit(func(s *specs.Spec) {
		s.Version, s.Process.Cwd, s.Root.Path = "x", "tmp", "absent"
		s.Linux.Namespaces[1].Type = "nets"
		s.Linux.Sysctl = map[string]string{"kernel/panic": "1"}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "teufs"})
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Swappiness: pointer(uint64(101))}}
	})
	res := b.Teu("validate", b.Dir)
	for _, want := range []string{
		"problem: /ociVersion: got \"x\", want a version as \"1.3.0\"\n", "problem: /process/cwd: got \"tmp\", want an absolute path\n",
		"problem: /linux/namespaces/1/type: got \"nets\"", "problem: /linux/sysctl/kernel~1panic: ", "ot/path: got ",
		"problem: /linux/resources/memory/swappiness: 101", "warning: /mounts/7/type: got \"teufs\"", b.Dir + "/config.json: 6 problems, 1 warning\n",
	} {
		if !strings.Contains(res.Stdout, want) {
			t.Errorf("%v: want %q in stdout", res, want)
		}
	}
	if res.Code != 1 || res.Stderr != "" {
		t.Errorf("%v: want exit code 1 and nothing on stderr", res)
	}
	var found struct {
		Problems, Warnings []struct{ Pointer, Path, Found, Want string }
	}
	res = b.Teu("validate", "--format", "json")
	if err := json.Unmarshal([]byte(res.Stdout), &found); err != nil || res.Code != 1 || len(found.Problems) != 6 || len(found.Warnings) != 1 {
		t.Errorf("%v: parsed with error %v; want exit code 1, 6 problems and 1 warning as JSON", res, err)
	}
	b.Fails([]string{"create", b.ID}, "config.json: 4 problems: ", "ociVersion", "process.cwd", "linux.namespaces[1].type", "kernel/panic")
}

func TestValidateUnreadable(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for text, want := range map[string]string{
		"{": "problem: line 1, column 2: ", "": "the file is empty", "\n {\"ociVersion\": 1}": "problem: /ociVersion: line 2, column 17: want string, got number",
		`{"mounts": [{}, {"options": "ro"}]}`: "problem: /mounts/1/options: ",
	} {
		b.WriteConfig([]byte(text))
		if res := b.Teu("validate"); res.Code != 1 || !strings.Contains(res.Stdout, want) || !strings.Contains(res.Stdout, ", no warnings") {
			t.Errorf("%q: %v: want exit code 1, and %q and no warnings in stdout", text, res, want)
		}
		if res := b.Teu("validate", "-f", "json"); res.Code != 1 || !json.Valid([]byte(res.Stdout)) {
			t.Errorf("%q: %v: want exit code 1 and JSON on stdout", text, res)
		}
	}
	b.Fails([]string{"validate", "/absent"}, "/absent/config.json", "no such file or directory")
	b.Fails([]string{"validate", "--format", "yaml"}, "--format yaml")
	b.Fails([]string{"validate", "a", "b"}, "validate")
}

// TestValidateTypes: values of the wrong type, all of them, beside what else is wrong; create names the first.
func TestValidateTypes(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	b.WriteConfig([]byte(`{"ociVersion":"1.0.2","root":{"path":"rootfs"},"hostname":1,
"process":{"cwd":"tmp","args":["/bin/payload",true],"user":{"uid":"root"}},
"annotations":{"org.systemd.property.CollectMode":"inactive"},"windows":{},"mount":[],
"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}],"maskedPaths":"/proc"}}`))
	res := b.Teu("validate")
	want := []string{
		"problem: /hostname: line 1, column 59: want string, got number", "problem: /process/args/1: line 2, column 47: want string, got boolean",
		"problem: /process/user/uid: line 2, column 67: want uint32, got string", "problem: /linux/maskedPaths: line 4, column 71: want array of strings, got string",
		`problem: /process/cwd: got "tmp", want an absolute path`, "warning: /annotations/org.systemd.property.CollectMode: got ",
		"warning: /windows: got what is for Windows", "warning: /mount: got a name that nobody knows", b.Dir + "/config.json: 5 problems, 3 warnings",
	}
	lines := strings.Split(res.Stdout, "\n")
	for i, w := range want {
		if i >= len(lines) || !strings.HasPrefix(lines[i], w) {
			t.Fatalf("%v: want a line %d that begins with %q", res, i+1, w)
		}
	}
	if res.Code != 1 || res.Stderr != "" {
		t.Errorf("%v: want exit code 1 and nothing on stderr", res)
	}
	b.Fails([]string{"create", b.ID}, "config.json:1:59: hostname: want string, got number (and 3 more)")
}

// TestValidateHost: what only the machine knows.
func TestValidateHost(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Root.Path = "bin"
		s.Process.Capabilities.Bounding = []string{"CAP_CHOWN", "CAP_NOBODY_KNOWS"}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Source: "/absent", Options: []string{"bind"}})
		s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/etc/passwd"}}, StartContainer: []specs.Hook{{Path: "/only/inside"}}}
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace, Path: "/proc/self/ns/net"})
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_LOG"}}
	})
	res := b.Teu("validate")
	for _, w := range []string{
		"ot/path: got ", "problem: /mounts/7/source: got \"/absent\": no such file or directory", "problem: /hooks/poststop/0/path: got \"/etc/passwd\", which is none",
		"problem: /linux/namespaces/5/path: got \"/proc/self/ns/net\", a namespace of another type", "warning: /process/capabilities/bounding/1: got \"CAP_NOBODY_KNOWS\"",
		": 4 problems, 1 warning\n",
	} {
		if !strings.Contains(res.Stdout, w) {
			t.Errorf("%v: want %q in stdout", res, w)
		}
	}
	if res.Code != 1 {
		t.Errorf("%v: want exit code 1", res)
	}
}

// TestOverMountedProc: in a user namespace a new proc is to be had only where one is wholly visible. validate says so
// beforehand, create afterwards, and both name what is in the way.
func TestOverMountedProc(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	})
	// One procfs with nothing mounted over it is enough for the kernel, and a host may have several: a chroot's, for example.
	const script = `set -e
		while read -r _ at type _; do
			[ "$type" != proc ] || mount -t tmpfs none "$(printf %b "$at")/tty"
		done </proc/mounts
		exec "$@"`
	covered := func(args ...string) kit.Result {
		c := b.Command(args...)
		c.Args = append([]string{"unshare", "--mount", "/bin/sh", "-c", script, "sh", c.Path}, c.Args[1:]...)
		c.Path = "/usr/bin/unshare"
		return b.Do(c)
	}
	if res := b.Teu("validate"); res.Code != 0 {
		t.Errorf("nothing mounted over proc: %v: want exit code 0", res)
	}
	const problem, why = "problem: /mounts/0: got a new proc in a user namespace, and ", "/tty is mounted over"
	if res := covered("validate"); res.Code != 1 || !strings.Contains(res.Stdout, problem) || !strings.Contains(res.Stdout, why) {
		t.Errorf("%v: want exit code 1 and the problem of /mounts/0: %q", res, why)
	}
	if res := covered("create", b.ID); res.Code != 1 || !strings.Contains(res.Stderr, "mounts[0]") || !strings.Contains(res.Stderr, why) {
		t.Errorf("%v: want exit code 1, and mounts[0] and %q in stderr", res, why)
	}
}
