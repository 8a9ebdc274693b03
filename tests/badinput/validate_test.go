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
		t.Error(res)
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
			t.Errorf("%v: want %q", res, want)
		}
	}
	if res.Code != 1 || res.Stderr != "" {
		t.Error(res)
	}
	var found struct {
		Problems, Warnings []struct{ Pointer, Path, Found, Want string }
	}
	res = b.Teu("validate", "--format", "json")
	if err := json.Unmarshal([]byte(res.Stdout), &found); err != nil || res.Code != 1 || len(found.Problems) != 6 || len(found.Warnings) != 1 {
		t.Errorf("%v: %v", res, err)
	}
	b.Fails([]string{"create", b.ID}, "config.json: 4 problems: ", "ociVersion", "process.cwd", "linux.namespaces[1].type", "kernel/panic")
}

func TestValidateUnreadable(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	for text, want := range map[string]string{
		"{": "line 1, column 2: ", "": "the file is empty", "\n {\"ociVersion\": 1}": "problem: /ociVersion: line 2, column 17: want string, got number",
		`{"mounts": [{}, {"options": "ro"}]}`: "problem: /mounts/1/options: ",
	} {
		b.WriteConfig([]byte(text))
		if res := b.Teu("validate"); res.Code != 1 || !strings.Contains(res.Stdout, want) || !strings.Contains(res.Stdout, "1 problem, no warnings") {
			t.Errorf("%q: %v: want %q", text, res, want)
		}
		if res := b.Teu("validate", "-f", "json"); res.Code != 1 || !json.Valid([]byte(res.Stdout)) {
			t.Errorf("%q: %v", text, res)
		}
	}
	b.Fails([]string{"validate", "/absent"}, "/absent/config.json", "no such file or directory")
	b.Fails([]string{"validate", "--format", "yaml"}, "--format yaml")
	b.Fails([]string{"validate", "a", "b"}, "validate")
}
