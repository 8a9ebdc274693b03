package cli

import (
	"encoding/json"
	"os"
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
		t.Errorf("got\n%s", r.stdout)
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
			t.Errorf("%s\n got %q\nwant %q\n%s", line, r.stdout, want, r.stderr)
		}
	}
	if r := teu(t, "list -f json", nil); r.stdout != "null\n" {
		t.Errorf("no containers: %q", r.stdout)
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
			t.Errorf("%s: %q", line, r.stdout)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, line := range []string{"", "--help", "-h", "help"} {
		r := teu(t, line, nil)
		for i := range verbs {
			if !strings.Contains(r.stdout, "\n   "+verbs[i].name+" ") {
				t.Errorf("%q does not list %s", line, verbs[i].name)
			}
		}
		if r.code != 0 || !strings.Contains(r.stdout, "--log-format value") {
			t.Errorf("%q: %d\n%s", line, r.code, r.stdout)
		}
	}
	for _, line := range []string{"exec --help", "help exec", "exec -h", "h exec"} {
		r := teu(t, line, nil)
		for _, want := range []string{"teu exec - execute new process", "--env value, -e value  ", "--tty, -t  ", "--preserve-fds value", "(default: 0)"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q lacks %q:\n%s", line, want, r.stdout)
			}
		}
		if strings.Contains(r.stdout, "no-subreaper") || r.code != 0 || r.rec.calls != nil {
			t.Errorf("%q: %+v", line, r)
		}
	}
	if r := teu(t, "state", nil); !strings.HasPrefix(r.stdout, "Incorrect Usage.\n\nNAME:\n   teu state - ") {
		t.Errorf("%s", r.stdout)
	}
}

func TestSpecIsWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	if r := teu(t, "spec -b "+dir, nil); r.code != 0 {
		t.Fatal(r.stderr)
	}
	b, err := os.ReadFile(dir + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(b, &s); err != nil || s.Version != specs.Version || !strings.HasPrefix(string(b), "{\n\t\"ociVersion\"") {
		t.Errorf("%v\n%s", err, b)
	}
	r := teu(t, "spec --bundle "+dir, nil)
	if r.code != 1 || !strings.Contains(r.stderr, "config.json: file exists: remove it first") {
		t.Errorf("%+v", r)
	}
	t.Chdir(t.TempDir())
	if r := teu(t, "spec --rootless", nil); r.code != 0 {
		t.Fatal(r.stderr)
	}
	s = specs.Spec{}
	b, _ = os.ReadFile("config.json")
	if err := json.Unmarshal(b, &s); err != nil || len(s.Linux.UIDMappings) != 1 {
		t.Errorf("%v\n%s", err, b)
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
		t.Errorf("no processes: %q", r.stdout)
	}
}
