package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer"
)

func TestStateOutput(t *testing.T) {
	want := `{
  "ociVersion": "1.3.0",
  "id": "x",
  "pid": 7,
  "status": "running",
  "bundle": "/b",
  "rootfs": "/b/rootfs",
  "created": "2026-01-02T03:04:05.000006Z",
  "annotations": {
    "k": "v"
  },
  "owner": ""
}`
	if r := teu(t, "state x", nil); r.stdout != want {
		t.Errorf("state:\n got %s\nwant %s", r.stdout, want)
	}
}

func TestListOutput(t *testing.T) {
	some := []libcontainer.Status{
		{ID: "a", InitProcessPid: 12, Status: "running", Bundle: "/b", Created: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Owner: "root"},
		{ID: "b", Status: "stopped", Bundle: "/bundles/long", Owner: "#7"},
	}
	for line, want := range map[string]string{
		"list": "ID          PID         STATUS      BUNDLE          CREATED                        OWNER\n" +
			"a           12          running     /b              2026-01-02T03:04:05.0000006Z   root\n" +
			"b           0           stopped     /bundles/long   0001-01-01T00:00:00Z           #7\n",
		"list -q": "a\nb\n",
		"list -f json": `[{"ociVersion":"","id":"a","pid":12,"status":"running","bundle":"/b","rootfs":"","created":"2026-01-02T03:04:05.0000006Z","owner":"root"},` +
			`{"ociVersion":"","id":"b","pid":0,"status":"stopped","bundle":"/bundles/long","rootfs":"","created":"0001-01-01T00:00:00Z","owner":"#7"}]` + "\n",
	} {
		r := teu(t, line, &recorder{list: some})
		if r.stdout != want || r.stderr != "torn entry\n" {
			t.Errorf("%s\n got %q\nwant %q\nstderr: got %q, want %q", line, r.stdout, want, r.stderr, "torn entry\n")
		}
	}
	if r := teu(t, "list -f json", nil); r.stdout != "null\n" {
		t.Errorf("list of no containers: got %q, want %q", r.stdout, "null\n")
	}
}

func TestVersionOutput(t *testing.T) {
	version, commit, libseccomp = "1.2.3", "abc", "2.5.4"
	t.Cleanup(func() { version, commit, libseccomp = "0.0.0-dev", "", "" })
	for _, line := range []string{"--version", "-v", "--root /x --version"} {
		r := teu(t, line, nil)
		lines := strings.Split(r.stdout, "\n")
		if len(lines) != 6 || lines[0] != "teu version 1.2.3" || lines[1] != "commit: abc" || lines[2] != "spec: 1.3.0" ||
			!strings.HasPrefix(lines[3], "go: go1.") || lines[4] != "libseccomp: 2.5.4" || lines[5] != "" {
			t.Errorf("%s: got %q, want 5 lines: teu version 1.2.3, commit: abc, spec: 1.3.0, go: go1.…, libseccomp: 2.5.4", line, r.stdout)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, line := range []string{"--help", "-h", "help", "h", "help help", "help --help", "--root /x --help", "--help bogus"} {
		r := teu(t, line, nil)
		for _, v := range verbs {
			if !strings.Contains(r.stdout, "\n  "+v.name+" ") {
				t.Errorf("%q: got no line for %s, want one:\n%s", line, v.name, r.stdout)
			}
		}
		for _, want := range []string{"\n  --log-format text|json ", "(default: info)", "\n  -v, --version ", "usage: " + topUsage + "\n"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q: got no %q, want it:\n%s", line, want, r.stdout)
			}
		}
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%q: got the exit code %d, stderr %q, want 0, none", line, r.code, r.stderr)
		}
	}
	for _, line := range []string{"exec --help", "help exec", "exec -h", "h exec", "exec -h x y", "exec --help run", "--help exec", "help exec run"} {
		r := teu(t, line, nil)
		for _, want := range []string{
			"teu exec: " + execVerb.summary + "\n\nusage: teu exec [OPTION...] CONTAINER COMMAND [ARG...]\n       teu exec [OPTION...] --process FILE CONTAINER\n",
			"\n  -e, --env NAME=VALUE  ", "\n  -t, --tty  ", "\n  --preserve-fds N ", "(default: 0)", "\n  -h, --help ", "\nExit status:\n  ", "\n      teu exec --tty web sh\n",
		} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q: got no %q, want it:\n%s", line, want, r.stdout)
			}
		}
		if strings.Contains(r.stdout, "no-subreaper") || r.code != 0 || r.stderr != "" || r.rec.calls != nil {
			t.Errorf("%q: got the exit code %d, calls %v, stderr %q, stdout\n%s\nwant 0, none, none, and no word of no-subreaper", line, r.code, r.rec.calls, r.stderr, r.stdout)
		}
	}
	for _, v := range verbs {
		for _, line := range []string{v.name + " --help", "help " + v.name} {
			r := teu(t, line, nil)
			if r.code != 0 || !strings.HasPrefix(r.stdout, "teu "+v.name+": "+v.summary+"\n\nusage: teu "+v.name) || !strings.HasSuffix(r.stdout, "\n") || r.rec.calls != nil {
				t.Errorf("%q: got the exit code %d, calls %v, stdout\n%s\nwant 0, none, the help of %s", line, r.code, r.rec.calls, r.stdout, v.name)
			}
		}
	}
	// After the id, too, unless what follows is another program's.
	if r := teu(t, "state x --help", nil); r.code != 0 || !strings.HasPrefix(r.stdout, "teu state: ") || r.rec.calls != nil {
		t.Errorf("state x --help: got the exit code %d, calls %v, stdout\n%s\nwant 0, none, the help of state", r.code, r.rec.calls, r.stdout)
	}
}

// TestShortHelp: without a verb there is a page that can be taken in at a glance, and all that it names exists.
func TestShortHelp(t *testing.T) {
	for _, line := range []string{"", "--debug"} {
		r := teu(t, line, nil)
		if r.code != 0 || r.stdout != shortHelp || r.stderr != "" || r.rec.calls != nil {
			t.Errorf("%q: got the exit code %d, calls %v, stderr %q, stdout\n%s\nwant 0, none, none, the short help", line, r.code, r.rec.calls, r.stderr, r.stdout)
		}
	}
	if n := strings.Count(shortHelp, "\n"); n > 12 {
		t.Errorf("short help: got %d lines, want 12 at most", n)
	}
	commands := 0
	for line := range strings.Lines(shortHelp) {
		name, found := strings.CutPrefix(line, "  teu ")
		if !found {
			continue
		}
		commands++
		name, _, _ = strings.Cut(name, " ")
		if !slices.ContainsFunc(verbs[:], func(v *verb) bool { return v.name == name }) {
			t.Errorf("command %q of the short help: got none of that name, want one", name)
		}
	}
	if commands < 3 {
		t.Errorf("commands of the short help: got %d, want 3 or more", commands)
	}
}

// TestTextsHaveOneForm: see help.go.
func TestTextsHaveOneForm(t *testing.T) {
	phrase := func(where, s string) {
		first, _, _ := strings.Cut(s, " ")
		if first == "" || strings.ToLower(first) != first || strings.HasSuffix(s, ".") || strings.HasSuffix(first, "s") && !strings.HasSuffix(first, "ss") {
			t.Errorf("%s: got %q, want a phrase in the imperative with a small letter and no full stop", where, s)
		}
	}
	sentences := func(where, s string) {
		for p := range strings.SplitSeq(s, "\n\n") {
			if !strings.HasPrefix(p, " ") && !strings.HasSuffix(p, ".") && !strings.HasSuffix(p, ":") {
				t.Errorf("%s: got %q, want sentences", where, p)
			}
			if strings.HasSuffix(p, "\n") || strings.HasPrefix(p, "\n") {
				t.Errorf("%s: got %q, want one empty line between paragraphs", where, p)
			}
		}
	}
	global, list := allPages()
	for _, o := range global {
		phrase(o.names[0], o.usage)
	}
	phrase("help", helpVerb.summary)
	for _, p := range list {
		phrase(p.name, p.summary)
		sentences(p.name, p.about)
		sentences(p.name, p.exitStatus())
		if p.examples != "" {
			sentences(p.name, p.examples)
		}
		for _, o := range p.flags {
			phrase(p.name+" --"+o.names[0], o.usage)
			if (o.value == "") != (o.on != nil) {
				t.Errorf("%s --%s: got the value %q, want one: %v", p.name, o.names[0], o.value, o.on == nil)
			}
		}
	}
	for _, s := range []string{topAbout, topExit, topExamples} {
		sentences("teu", s)
	}
	for _, help := range append([]string{topHelp(), shortHelp}, verbHelps()...) {
		for line := range strings.Lines(help) {
			if len(strings.TrimSuffix(line, "\n")) > helpWidth && !strings.HasPrefix(line, "      ") {
				t.Errorf("width of %q: got %d, want %d at most", line, len(line)-1, helpWidth)
			}
		}
	}
}

func verbHelps() (out []string) {
	for _, v := range verbs {
		out = append(out, v.help())
	}
	return out
}

func TestSpecIsWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	if r := teu(t, "spec -b "+dir, nil); r.code != 0 {
		t.Fatalf("spec: got the exit code %d, stderr %s, want 0", r.code, r.stderr)
	}
	b, err := os.ReadFile(dir + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(b, &s); err != nil || s.Version != specs.Version || !strings.HasPrefix(string(b), "{\n\t\"ociVersion\"") {
		t.Errorf("config.json: got %v and\n%s\nwant a config of version %s, indented with tabs, ociVersion first", err, b, specs.Version)
	}
	r := teu(t, "spec --bundle "+dir, nil)
	if r.code != 1 || !strings.Contains(r.stderr, "config.json: file exists: remove it first") {
		t.Errorf("spec, a second time: got the exit code %d, stderr %q, want 1, config.json: file exists: remove it first", r.code, r.stderr)
	}
	t.Chdir(t.TempDir())
	if r := teu(t, "spec --rootless", nil); r.code != 0 {
		t.Fatalf("spec --rootless: got the exit code %d, stderr %s, want 0", r.code, r.stderr)
	}
	s = specs.Spec{}
	b, _ = os.ReadFile("config.json")
	if err := json.Unmarshal(b, &s); err != nil || len(s.Linux.UIDMappings) != 1 {
		t.Errorf("config.json of --rootless: got %v and\n%s\nwant one mapping of user ids", err, b)
	}
}

func TestEventsOutput(t *testing.T) {
	const data = `{"cpu":{},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,` +
		`"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"memory":{},"pids":{},"blkio":{},` +
		`"hugetlb":{},"intel_rdt":{},"network_interfaces":null}`
	for line, want := range map[string]string{
		"events --stats x": `{"type":"stats","id":"x","data":` + data + "}\n",
		"events x":         `{"type":"oom","id":"x"}` + "\n",
		"ps x":             "PID\n7\n",
		"ps -f json x":     "[3,7]\n",
	} {
		if r := teu(t, line, &recorder{pids: []int{3, 7}}); r.stdout != want {
			t.Errorf("%s\n got %q\nwant %q\n%s", line, r.stdout, want, r.stderr)
		}
	}
	if r := teu(t, "ps -f json x", nil); r.stdout != "null\n" {
		t.Errorf("ps of no processes: got %q, want %q", r.stdout, "null\n")
	}
}
