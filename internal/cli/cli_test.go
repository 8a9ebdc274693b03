package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/log"
	"teu/libcontainer"
)

// recorder notes which method was called with what.
type recorder struct {
	rt    *libcontainer.Runtime
	calls []any // name, arguments…
	err   error
	list  []libcontainer.Status
	ids   []string
	pids  []int

	validation *libcontainer.Validation
}

func (r *recorder) note(call ...any) error {
	r.calls = append(r.calls, call...)
	return r.err
}

func (r *recorder) Create(o libcontainer.CreateOptions) error     { return r.note("create", o) }
func (r *recorder) Run(o libcontainer.CreateOptions) (int, error) { return 7, r.note("run", o) }
func (r *recorder) Start(id string) error                         { return r.note("start", id) }
func (r *recorder) Delete(id string, force bool) error            { return r.note("delete", id, force) }
func (r *recorder) Pause(id string) error                         { return r.note("pause", id) }
func (r *recorder) Resume(id string) error                        { return r.note("resume", id) }

func (r *recorder) Update(id string, o libcontainer.UpdateOptions) error {
	return r.note("update", id, o)
}

func (r *recorder) Exec(id string, o libcontainer.ExecOptions) (int, error) {
	return 130, r.note("exec", id, o)
}

func (r *recorder) Kill(id string, sig syscall.Signal, all bool) error {
	return r.note("kill", id, int(sig), all)
}

func (r *recorder) Events(id string, interval time.Duration, each func(*libcontainer.Event) error) error {
	return errors.Join(r.note("events", id, interval), each(&libcontainer.Event{Type: "oom", ID: id}))
}

func (r *recorder) Stats(id string) (*libcontainer.Event, error) {
	return &libcontainer.Event{Type: "stats", ID: id, Data: &libcontainer.Stats{}}, r.note("stats", id)
}

func (r *recorder) Ps(id string, args []string) (string, error) {
	return "PID\n7\n", r.note("ps", id, args)
}

func (r *recorder) AddMounts(id, file string) error    { return r.note("add", id, file) }
func (r *recorder) RemoveMounts(id, file string) error { return r.note("remove", id, file) }

func (r *recorder) IDs() ([]string, error) { return r.ids, nil }

func (r *recorder) Pids(id string) ([]int, error) { return r.pids, r.note("pids", id) }

func (r *recorder) State(id string) (*libcontainer.Status, error) {
	return &libcontainer.Status{
		Version: "1.3.0", ID: id, InitProcessPid: 7, Status: specs.StateRunning, Bundle: "/b",
		Rootfs: "/b/rootfs", Created: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Annotations: map[string]string{"k": "v"}, Owner: "",
	}, r.note("state", id)
}

func (r *recorder) Validate(bundle string) (*libcontainer.Validation, error) {
	if r.validation == nil {
		r.validation = &libcontainer.Validation{}
	}
	r.validation.File = "config.json"
	return r.validation, r.note("validate", bundle)
}

func (r *recorder) List() ([]libcontainer.Status, []error, error) {
	return r.list, []error{errors.New("torn entry")}, r.note("list")
}

// result is what one command line did.
type result struct {
	rec            *recorder
	code           int
	stdout, stderr string
}

// teu runs a command line; its words are parted by spaces.
func teu(t *testing.T, line string, rec *recorder) result {
	t.Helper()
	return teuArgs(t, strings.Fields(line), rec)
}

func teuArgs(t *testing.T, args []string, rec *recorder) result {
	t.Helper()
	if rec == nil {
		rec = &recorder{}
	}
	dir := t.TempDir()
	out, errs := redirect(t, &os.Stdout, dir+"/out"), redirect(t, &os.Stderr, dir+"/err")
	code := run(append([]string{"teu"}, args...), func(rt *libcontainer.Runtime) containers {
		rec.rt = rt
		return rec
	})
	return result{rec, code, out(), errs()}
}

func redirect(t *testing.T, std **os.File, path string) (read func() string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	old := *std
	*std = f
	return func() string {
		*std = old
		defer f.Close()
		f.Seek(0, io.SeekStart)
		b, _ := io.ReadAll(f)
		return string(b)
	}
}

type (
	create = libcontainer.CreateOptions
	exec   = libcontainer.ExecOptions
)

func TestFlagsBecomeOptions(t *testing.T) {
	for line, want := range map[string][]any{
		"create x": {"create", create{ID: "x"}},
		"create -b /b --config c --console-socket s --pidfd-socket f --pid-file p --no-pivot --no-new-keyring --preserve-fds 3 x": {
			"create", create{
				ID: "x", Bundle: "/b", Config: "c", ConsoleSocket: "s", PidfdSocket: "f", PidFile: "p",
				NoPivot: true, NoNewKeyring: true, PreserveFDs: 3,
			},
		},
		"create --no-subreaper x":      {"create", create{ID: "x", NoSubreaper: true}},
		"create --bundle=/b x":         {"create", create{ID: "x", Bundle: "/b"}},
		"create x --bundle /b":         {"create", create{ID: "x", Bundle: "/b"}},
		"run --keep x":                 {"run", create{ID: "x", Keep: true}},
		"run -d x":                     {"run", create{ID: "x", Detach: true}},
		"run --detach=false --keep x":  {"run", create{ID: "x", Keep: true}},
		"run -no-subreaper -b b help":  {"run", create{ID: "help", NoSubreaper: true, Bundle: "b"}},
		"run --no-pivot x":             {"run", create{ID: "x", NoPivot: true}},
		"run -f c x":                   {"run", create{ID: "x", Config: "c"}},
		"start x":                      {"start", "x"},
		"start -- -x":                  {"start", "-x"},
		"delete x":                     {"delete", "x", false},
		"delete --force x":             {"delete", "x", true},
		"delete x -f":                  {"delete", "x", true},
		"delete -- x -f":               nil,
		"kill x":                       {"kill", "x", 15, false},
		"kill --all x 9":               {"kill", "x", 9, true},
		"kill x KILL --all":            {"kill", "x", 9, true},
		"kill x sigrtmin+2 -a":         {"kill", "x", 36, true},
		"state x":                      {"state", "x"},
		"pause x":                      {"pause", "x"},
		"resume x":                     {"resume", "x"},
		"list":                         {"list"},
		"mounts add x f":               {"add", "x", "f"},
		"mounts remove x f":            {"remove", "x", "f"},
		"events x":                     {"events", "x", 5 * time.Second},
		"events x --interval 100ms":    {"events", "x", 100 * time.Millisecond},
		"events --stats x":             {"stats", "x"},
		"events x --stats":             {"stats", "x"},
		"ps x":                         {"ps", "x", []string{}},
		"ps -f table x -f -o pid":      {"ps", "x", []string{"-f", "-o", "pid"}},
		"ps --format json x aux":       {"pids", "x"},
		"exec x ls":                    {"exec", "x", exec{Args: []string{"ls"}}},
		"exec -t x ls -t -- -u 0":      {"exec", "x", exec{Args: strings.Fields("ls -t -- -u 0"), Tty: true, TtySet: true}},
		"exec --tty=false x y":         {"exec", "x", exec{Args: []string{"y"}, TtySet: true}},
		"exec --process p.json -d x":   {"exec", "x", exec{Args: []string{}, ProcessFile: "p.json", Detach: true}},
		"exec -e A=1,2 --env B=x x ls": {"exec", "x", exec{Args: []string{"ls"}, Env: []string{"A=1,2", "B=x"}}},
		"exec --console-socket s --pidfd-socket f --cwd /c -u 1:2 -g 3 --additional-gids 4 -p p --detach " +
			"--pid-file i --process-label l --apparmor a --no-new-privs -c CAP_A --cap CAP_B,C --preserve-fds 2 " +
			"--cgroup cpu:/a --cgroup b --ignore-paused --no-subreaper x": {
			"exec", "x", exec{
				ConsoleSocket: "s", PidfdSocket: "f", Cwd: "/c", User: "1:2", AdditionalGids: []int{3, 4},
				ProcessFile: "p", Detach: true, PidFile: "i", ProcessLabel: "l", Apparmor: "a",
				NoNewPrivs: true, NoNewPrivsSet: true, Caps: []string{"CAP_A", "CAP_B,C"}, PreserveFDs: 2,
				Cgroups: []string{"cpu:/a", "b"}, IgnorePaused: true, NoSubreaper: true, Args: []string{},
			},
		},
	} {
		t.Run(line, func(t *testing.T) {
			r := teu(t, line, nil)
			if fmt.Sprintf("%+v", r.rec.calls) != fmt.Sprintf("%+v", want) {
				t.Errorf("calls:\n got %+v\nwant %+v\n%s", r.rec.calls, want, r.stderr)
			}
		})
	}
}

func TestRegex(t *testing.T) {
	for line, want := range map[string]struct {
		calls []any
		code  int
	}{
		"delete --regex ^a":               {[]any{"delete", "a", false, "delete", "ab", false}, 0},
		"delete -f -r b":                  {[]any{"delete", "ab", true, "delete", "b+c", true}, 0},
		"kill --regex --all ^(a|b.)b?$ 9": {[]any{"kill", "a", 9, true, "kill", "ab", 9, true}, 0},
		"kill --regex b\\+c":              {[]any{"kill", "b+c", 15, false}, 0},
		"kill --regex nothing":            {nil, 0},
		"kill --regex (":                  {nil, 1},
		"kill b+c":                        {[]any{"kill", "b+c", 15, false}, 0},
	} {
		r := teu(t, line, &recorder{ids: []string{"a", "ab", "b+c"}})
		if !reflect.DeepEqual(r.rec.calls, want.calls) || r.code != want.code {
			t.Errorf("%s: got %v and the exit code %d, want %v and %d; stderr %s", line, r.rec.calls, r.code, want.calls, want.code, r.stderr)
		}
	}
	// One that fails keeps none of the others from its turn.
	r := teu(t, "delete --regex .", &recorder{ids: []string{"a", "b"}, err: errors.New("no such luck")})
	if len(r.rec.calls) != 6 || r.code != 1 || strings.Count(r.stderr, "no such luck") != 2 {
		t.Errorf("delete of two that fail: got %v, the exit code %d and stderr %s; want both calls, 1 and both errors", r.rec.calls, r.code, r.stderr)
	}
}

// TestEveryOptionHasAFlag keeps the table above complete.
func TestEveryOptionHasAFlag(t *testing.T) {
	r := teu(t, "run -b b -f c --console-socket s --pidfd-socket f --pid-file p --no-pivot --no-new-keyring --preserve-fds 1 -d --keep --no-subreaper x", nil)
	o := reflect.ValueOf(r.rec.calls[1])
	r = teu(t, "exec --console-socket s --pidfd-socket f --cwd c -e e -t -u u -g 1 -p p -d --pid-file p --process-label l --apparmor a --no-new-privs -c c --no-subreaper --preserve-fds 1 --cgroup c --ignore-paused x y", nil)
	e := reflect.ValueOf(r.rec.calls[2])
	for _, v := range []reflect.Value{o, e} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s: got no flag that sets it, want one", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestGlobalFlags(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("_TEU_CACHE", "/c")
	t.Chdir(t.TempDir())
	cwd, _ := os.Getwd()
	for line, want := range map[string]libcontainer.Runtime{
		"list":                                                  {Root: "/run/teu", CgroupManager: "cgroupfs", Rootless: "auto"},
		"--root r list":                                         {Root: cwd + "/r", CgroupManager: "cgroupfs", Rootless: "auto"},
		"--root=/x/../y --debug list":                           {Root: "/y", CgroupManager: "cgroupfs", Rootless: "auto", Debug: true},
		"--rootless true list":                                  {Root: "/run/teu", CgroupManager: "cgroupfs", Rootless: "true"},
		"--rootless 0 --log-level=warn list":                    {Root: "/run/teu", CgroupManager: "cgroupfs", Rootless: "false"},
		"--log l --log-format json list":                        {Root: "/run/teu", CgroupManager: "cgroupfs", Rootless: "auto"},
		"--systemd-cgroup list":                                 {Root: "/run/teu", CgroupManager: "systemd", Rootless: "auto"},
		"--systemd-cgroup --cgroup-manager systemd list":        {Root: "/run/teu", CgroupManager: "systemd", Rootless: "auto"},
		"--systemd-cgroup=false --cgroup-manager=disabled list": {Root: "/run/teu", CgroupManager: "disabled", Rootless: "auto"},
		"--cgroup-manager cgroupfs list":                        {Root: "/run/teu", CgroupManager: "cgroupfs", Rootless: "auto"},
	} {
		r := teu(t, line, nil)
		got := *r.rec.rt
		got.Log, want.Cache = nil, "/c"
		if got != want || r.code != 0 {
			t.Errorf("%s: got %+v and the exit code %d, want %+v and 0; stderr %s", line, got, r.code, want, r.stderr)
		}
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("_TEU_CACHE", "")
	for xdg, user := range map[string]string{"/xdg": "/xdg/teu-cache", "": ""} {
		t.Setenv("XDG_RUNTIME_DIR", xdg)
		want := defaultCache
		if honorXDG() {
			want = user
		}
		if got := cacheDir(); got != want {
			t.Errorf("cache with XDG_RUNTIME_DIR=%s: got %q, want %q", xdg, got, want)
		}
	}
}

func TestRootBelowXDGRuntimeDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	got, err := rootDir("")
	if err != nil {
		t.Fatalf("find the root: %v", err)
	}
	want := defaultRoot
	if honorXDG() {
		want = dir + "/teu"
		if st, err := os.Stat(want); err != nil {
			t.Error(err)
		} else if got, mode := st.Mode(), os.ModeDir|os.ModeSticky|0o700; got != mode {
			t.Errorf("mode of %s: got %v, want %v", want, got, mode)
		}
	}
	if got != want {
		t.Errorf("root: got %s, want %s", got, want)
	}
	if os.Geteuid() != 0 && want == defaultRoot {
		t.Errorf("root of an ordinary user: got that of root, %s, want another", got)
	}
}

func TestExitCodes(t *testing.T) {
	boom := errors.New("boom")
	for line, want := range map[string][2]int{ // on success, on error
		"run x": {7, 1}, "exec x y": {130, 255}, "create x": {0, 1}, "start x": {0, 1},
		"kill x": {0, 1}, "delete x": {0, 1}, "pause x": {0, 1}, "resume x": {0, 1}, "state x": {0, 1}, "list": {0, 1},
		"events x": {0, 1}, "events --stats x": {0, 1}, "ps x": {0, 1}, "ps -f json x": {0, 1},
	} {
		ok, failed := teu(t, line, nil), teu(t, line, &recorder{err: boom})
		if ok.code != want[0] || failed.code != want[1] {
			t.Errorf("%s: got exit codes %d and %d, want %v", line, ok.code, failed.code, want)
		}
		if !strings.Contains(failed.stderr, `msg="boom"`) || strings.Contains(ok.stderr, "level=") {
			t.Errorf("%s: got stderr %q and, if it fails, %q, want no message and boom", line, ok.stderr, failed.stderr)
		}
	}
}

func TestErrorsGoToTheLogAndToStderr(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	r := teu(t, "--log "+path+" --log-format json delete x -f", &recorder{err: errors.New("boom")})
	if r.stderr != "boom\n" {
		t.Errorf("stderr: got %q, want %q", r.stderr, "boom\n")
	}
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(b), `{"level":"error","msg":"boom","time":"`) {
		t.Errorf("log: got %s, %v, want the error boom as JSON", b, err)
	}
}

func TestLoggerReachesTheRuntime(t *testing.T) {
	r := teu(t, "--debug list", nil)
	if !r.rec.rt.Log.Enabled(log.Debug) {
		t.Error("debug messages with --debug: got disabled, want enabled")
	}
	r = teu(t, "list", nil)
	if r.rec.rt.Log.Enabled(log.Debug) || !r.rec.rt.Log.Enabled(log.Info) {
		t.Errorf("messages without --debug: got debug %v, info %v, want false, true", r.rec.rt.Log.Enabled(log.Debug), r.rec.rt.Log.Enabled(log.Info))
	}
}

func BenchmarkParse(b *testing.B) {
	args := strings.Fields("teu --root /r --log /dev/stderr --log-format json create --bundle b --pid-file p x")
	for b.Loop() {
		run(args, func(*libcontainer.Runtime) containers { return &recorder{} })
	}
}
