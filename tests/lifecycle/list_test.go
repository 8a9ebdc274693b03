package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestList(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	if res := b.OK("list", "-q"); res.Stdout != "" {
		t.Errorf("%v, want no stdout", res)
	}
	if res := b.OK("list", "--format", "json"); res.Stdout != "null\n" {
		t.Errorf("%v, want stdout %q", res, "null\n")
	}
	states := map[string]specs.ContainerState{
		b.ID + "-a": specs.StateCreated, b.ID + "-b": specs.StateRunning, b.ID + "-c": specs.StateStopped,
	}
	for id, st := range states {
		b.OK("create", id)
		if st != specs.StateCreated {
			b.OK("start", id)
		}
		if st == specs.StateStopped {
			b.OK("kill", id, "KILL")
			b.Until("it is stopped", func() bool { return strings.Contains(b.OK("state", id).Stdout, `"stopped"`) })
		}
	}
	if res := b.OK("list", "--quiet"); res.Stdout != fmt.Sprintf("%[1]s-a\n%[1]s-b\n%[1]s-c\n", b.ID) {
		t.Errorf("%v, want the ids %[2]s-a, %[2]s-b and %[2]s-c, one a line", res, b.ID)
	}
	type entry struct {
		Version string `json:"ociVersion"`
		ID      string
		Pid     int
		Status  specs.ContainerState
		Bundle  string
		Rootfs  string
		Created time.Time
		Owner   string
	}
	list := kit.JSON[[]entry](b, b.OK("list", "-f", "json").Stdout)
	if len(list) != len(states) {
		t.Fatalf("list: got %+v, want %d containers", list, len(states))
	}
	for _, e := range list {
		if e.Status != states[e.ID] || e.Bundle != b.Dir || e.Rootfs != b.Rootfs || (e.Pid == 0) != (e.Status == specs.StateStopped) ||
			e.Owner != "root" || e.Version != b.Spec.Version || time.Since(e.Created) > time.Minute {
			t.Errorf("entry of the list: got %+v, want status %s, bundle %s, rootfs %s, owner root, version %s, made just now, a pid unless stopped", e, states[e.ID], b.Dir, b.Rootfs, b.Spec.Version)
		}
	}
	table := lines(b.OK("list"))
	if f := strings.Fields(table[0]); len(table) != 4 || strings.Join(f, " ") != "ID PID STATUS BUNDLE CREATED OWNER" {
		t.Errorf("table: got %q, want a header and 3 containers", table)
	}
	if f := strings.Fields(table[1]); len(f) != 6 || f[0] != b.ID+"-a" || f[2] != "created" || f[3] != b.Dir || f[5] != "root" {
		t.Errorf("first row of the table: got %q, want container %s, created, bundle %s, owner root", table[1], b.ID+"-a", b.Dir)
	}
	b.Fails([]string{"list", "--format", "yaml"}, "yaml")
}

// TestListSurvives: what is foreign, torn or half-made is passed over with a word on stderr.
func TestListSurvives(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	for path, text := range map[string]string{"torn/state.json": `{"id":`, "empty/state.json": "", "plain": "a file"} {
		dir := b.Root
		if name, _, found := strings.Cut(path, "/"); found {
			dir += "/" + name
			check(t, os.Mkdir(dir, 0o700))
		}
		check(t, os.WriteFile(b.Root+"/"+path, []byte(text), 0o600))
	}
	check(t, os.Mkdir(b.Root+"/half-made", 0o700))
	res := b.OK("list", "-q")
	if !strings.Contains("\n"+res.Stdout, "\n"+b.ID+"\n") || strings.Contains(res.Stdout, "plain") {
		t.Errorf("%v, want %s in it, and no plain", res, b.ID)
	}
	if !strings.Contains(res.Stderr, "torn") {
		t.Errorf("%v, want a warning of the torn state", res)
	}
	for _, name := range []string{"plain", "torn", "empty"} {
		check(t, os.RemoveAll(b.Root+"/"+name))
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	b := kit.New(t)
	check(t, os.Mkdir(b.Dir+"/new", 0o755))
	if res := b.OK("spec", "--bundle", "new"); res.Stdout != "" {
		t.Errorf("%v, want no stdout", res)
	}
	text, err := os.ReadFile(b.Dir + "/new/config.json")
	check(t, err)
	var s specs.Spec
	check(t, json.Unmarshal(text, &s))
	if s.Version != specs.Version || !s.Process.Terminal || s.Root.Path != "rootfs" || !s.Root.Readonly || len(s.Mounts) != 7 || len(s.Linux.Namespaces) != 5 {
		t.Errorf("spec: got %s, want version %s, a terminal, a read-only root, 7 mounts, 5 namespaces", text, specs.Version)
	}
	b.Fails([]string{"spec", "--bundle", "new"}, "config.json", "exists")
	b.Fails([]string{"spec", "--bundle", "/nowhere"}, "/nowhere", "no such file or directory")
	check(t, os.Mkdir(b.Dir+"/rootless", 0o755))
	b.OK("spec", "--rootless", "--bundle", "rootless")
	text, err = os.ReadFile(b.Dir + "/rootless/config.json")
	check(t, err)
	check(t, json.Unmarshal(text, &s))
	if len(s.Linux.UIDMappings) != 1 || s.Linux.UIDMappings[0].HostID != uint32(os.Geteuid()) {
		t.Errorf("spec --rootless: got %s, want one uid mapping, of %d", text, os.Geteuid())
	}
}

// TestLog: containerd reads one JSON object a line, with level, msg and time.
func TestLog(t *testing.T) {
	t.Parallel()
	b := kit.New(t, func(s *specs.Spec) { s.Root.Path = "nowhere" })
	log := b.Dir + "/log.json"
	for range 2 {
		res := b.Teu("--log", log, "--log-format", "json", "create", b.ID)
		if res.Code != 1 || !strings.Contains(res.Stderr, "nowhere") {
			t.Errorf("%v, want exit code 1 and an error of nowhere", res)
		}
	}
	text, err := os.ReadFile(log)
	check(t, err)
	entries := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(entries) != 2 {
		t.Fatalf("log: got %q, want 2 entries", entries)
	}
	for _, e := range entries {
		entry := kit.JSON[struct {
			Level, Msg string
			Time       time.Time
		}](b, e)
		if entry.Level != "error" || !strings.Contains(entry.Msg, "nowhere") || time.Since(entry.Time) > time.Minute {
			t.Errorf("entry of the log: got %q, want level error, a message of nowhere, a time just now", e)
		}
	}
	if res := b.Teu("--log-format", "yaml", "list"); res.Code != 1 || !strings.Contains(res.Stderr, "yaml") {
		t.Errorf("%v, want exit code 1 and an error of yaml", res)
	}
	if res := b.Teu("--cgroup-manager", "none", "list"); res.Code != 1 || !strings.Contains(res.Stderr, "--cgroup-manager none") {
		t.Errorf("%v, want exit code 1 and an error of %q", res, "--cgroup-manager none")
	}
}
