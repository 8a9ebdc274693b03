package cli

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go/features"

	"teu/libcontainer"
	"teu/libcontainer/spec"
)

func someValidation() *libcontainer.Validation {
	v := &libcontainer.Validation{Errors: []*spec.Error{
		{Line: 2, Column: 7, Path: "process.user.uid", Msg: "want uint32, got string"}, {Line: 3, Column: 1, Msg: "unexpected end of file"},
	}}
	v.Problems = []spec.Problem{{Path: `linux.sysctl["a/b"]`, Found: "x", Want: "y"}, {Path: "mounts[1]", Found: "no good"}, {Found: "of no place"}}
	v.Warnings = []spec.Problem{{Path: "annotations", Found: "w", Want: "z"}}
	return v
}

func TestValidateOutput(t *testing.T) {
	for _, c := range []struct {
		line   string
		v      *libcontainer.Validation
		code   int
		stdout string
		bundle string
	}{
		{"validate", nil, 0, "config.json: no problems, no warnings\n", ""},
		{"validate /b", &libcontainer.Validation{Report: spec.Report{Warnings: someValidation().Warnings}}, 0,
			"warning: /annotations: got w, want z\nconfig.json: no problems, 1 warning\n", "/b"},
		{"validate -f text b", someValidation(), 1, `problem: /process/user/uid: line 2, column 7: want uint32, got string
problem: line 3, column 1: unexpected end of file
problem: /linux/sysctl/a~1b: got x, want y
problem: /mounts/1: no good
problem: of no place
warning: /annotations: got w, want z
config.json: 5 problems, 1 warning
`, "b"},
	} {
		rec := &recorder{validation: c.v}
		r := teu(t, c.line, rec)
		if r.code != c.code || r.stdout != c.stdout || r.stderr != "" || !reflect.DeepEqual(rec.calls, []any{"validate", c.bundle}) {
			t.Errorf("%s: got the exit code %d, stdout %q, stderr %q, calls %v, want %d, %q, none, [validate %s]", c.line, r.code, r.stdout, r.stderr, rec.calls, c.code, c.stdout, c.bundle)
		}
	}
}

func TestValidateJSON(t *testing.T) {
	r := teu(t, "validate b --format json", &recorder{validation: someValidation()})
	var got struct{ Problems, Warnings []finding }
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 1 {
		t.Fatalf("validate: got the exit code %d, %v and the stdout %s, want 1 and JSON", r.code, err, r.stdout)
	}
	problems := []finding{
		{"/process/user/uid", "process.user.uid", 2, 7, "string", "uint32"}, {"", "", 3, 1, "unexpected end of file", ""},
		{"/linux/sysctl/a~1b", `linux.sysctl["a/b"]`, 0, 0, "x", "y"}, {"/mounts/1", "mounts[1]", 0, 0, "no good", ""}, {"", "", 0, 0, "of no place", ""},
	}
	if !reflect.DeepEqual(got.Problems, problems) || !reflect.DeepEqual(got.Warnings, []finding{{"/annotations", "annotations", 0, 0, "w", "z"}}) {
		t.Errorf("validate: got %+v, want the problems %+v and the warning w, want z of /annotations", got, problems)
	}
	if r := teu(t, "validate --format json", nil); r.code != 0 || r.stdout != "{\n  \"problems\": [],\n  \"warnings\": []\n}\n" {
		t.Errorf("validate without problems: got the exit code %d, stdout %q, want 0, empty lists", r.code, r.stdout)
	}
	for _, line := range []string{"validate --format yaml", "validate a b", "features x"} {
		if r := teu(t, line, nil); r.code != 1 || r.stderr == "" {
			t.Errorf("%s: got the exit code %d, stderr %q, want 1, a message", line, r.code, r.stderr)
		}
	}
}

func TestFeaturesOutput(t *testing.T) {
	version, commit, libseccomp = "1.2.3", "abc", "2.5.4"
	t.Cleanup(func() { version, commit, libseccomp = "0.0.0-dev", "", "" })
	r := teu(t, "features", nil)
	var f features.Features
	if err := json.Unmarshal([]byte(r.stdout), &f); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("features: got the exit code %d, stderr %q, %v, want 0, none, JSON", r.code, r.stderr, err)
	}
	if !strings.HasPrefix(r.stdout, "{\n    \"ociVersionMin\": \"1.0.0\",\n") || !strings.HasSuffix(r.stdout, "\n}\n") {
		t.Errorf("features: got %.60q…, want it as runc writes it: indented with 4 spaces, ociVersionMin first, a newline at the end", r.stdout)
	}
	want := map[string]string{
		"teu.version": "1.2.3", "teu.commit": "abc", "teu.checkpoint.enabled": "false", "io.github.seccomp.libseccomp.version": "2.5.4",
	}
	if !reflect.DeepEqual(f.Annotations, want) {
		t.Errorf("annotations: got %v, want %v", f.Annotations, want)
	}
}
