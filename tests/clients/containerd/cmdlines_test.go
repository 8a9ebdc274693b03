package containerd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"teu/tests/kit"
)

// The command lines of containerd 1.6 and 2, Docker 20 and 29, Podman 4, buildah, BuildKit and CRI, each distinct one once.
// X is a path that leads nowhere, ID a container there is none of.
const (
	shim     = "--root X/root --log LOG --log-format json "
	conmon   = "--log-format=json --log LOG "
	buildkit = "--log LOG --log-format json "
)

// What comes of a command line that was understood.
const (
	noBundle    = "config.json"
	noContainer = "does not exist"
	noFile      = "no such file or directory"
	noVerb      = "unknown command" // Podman asks so whether there is one
)

var lines = []struct{ line, want string }{
	{shim + "create --bundle X --pid-file X --console-socket X ID", noBundle},
	{shim + "create --bundle X --pid-file X ID", noBundle},
	{shim + "create --bundle X --pid-file X --no-pivot --no-new-keyring ID", noBundle},
	{shim + "start ID", noContainer},
	{shim + "exec --process X --console-socket X --detach --pid-file X ID", noContainer},
	{shim + "exec --process X --detach --pid-file X ID", noContainer},
	{shim + "kill ID 1", noContainer},
	{shim + "kill ID 15", noContainer},
	{shim + "kill ID 9", noContainer},
	{shim + "kill --all ID 9", noContainer},
	{shim + "delete ID", noContainer},
	{shim + "delete --force ID", ""},
	{shim + "state ID", noContainer},
	{shim + "list --format=json", ""},
	{shim + "pause ID", noContainer},
	{shim + "resume ID", noContainer},
	{shim + "ps --format json ID", noContainer},
	{shim + "update --resources - ID", noContainer},
	{shim + "update --resources=- ID", noContainer},
	{shim + "checkpoint --image-path X --work-path X ID", noVerb},
	{shim + "checkpoint --image-path X --work-path X --file-locks --leave-running ID", noVerb},
	{shim + "restore --image-path X --work-path X --detach --pid-file X -no-subreaper --bundle X ID", noVerb},

	{conmon + "create --bundle X --pid-file X --console-socket X ID", noBundle},
	{conmon + "create --bundle X --pid-file X --preserve-fds 1 ID", noBundle},
	{conmon + "create --bundle X --pid-file X ID", noBundle},
	{conmon + "exec --pid-file X --process X --detach --tty --console-socket X ID", noContainer},
	{conmon + "exec --pid-file X --process X --detach ID", noContainer},
	{"create --bundle X --pid-file X --console-socket X ID", noBundle},
	{"create --bundle X --pid-file X --preserve-fds 1 ID", noBundle},
	{"create --bundle X --pid-file X ID", noBundle},
	{"create --bundle X --pid-file X --no-new-keyring ID", noBundle},
	{"exec --pid-file X --process X --detach --tty --console-socket X ID", noContainer},
	{"exec --pid-file X --process X --detach ID", noContainer},
	{"start ID", noContainer},
	{"kill ID 15", noContainer},
	{"kill ID 9", noContainer},
	{"state ID", noContainer},
	{"pause ID", noContainer},
	{"resume ID", noContainer},
	{"update --resources=X ID", noFile},
	{"checkpoint --help", noVerb},
	{"checkpoint --image-path X --work-path X ID", noVerb},
	{conmon + "restore --bundle X --pid-file X --detach --image-path X --work-path X ID", noVerb},
	{"delete ID", noContainer},
	{"delete --force ID", ""},

	{buildkit + "run --bundle X --keep ID", noBundle},
	{buildkit + "run --bundle X ID", noBundle},
	{buildkit + "delete ID", noContainer},

	// Long flags with one dash, as containerd's restore has them.
	{"-root X/root -log LOG -log-format json run -no-subreaper -detach -bundle X -pid-file X ID", noBundle},
	{"-root X/root delete -force ID", ""},
	{"--version", ""},
	{"features", ""},
}

// teuPath is the teu to test, which needs no root here.
func teuPath(t *testing.T) string {
	switch {
	case os.Geteuid() == 0:
		kit.Rooted(t)
		return kit.Teu()
	case os.Getenv(kit.TeuVar) != "":
		return os.Getenv(kit.TeuVar)
	}
	return "../../../teu"
}

func TestCommandLines(t *testing.T) {
	for _, c := range lines {
		t.Run(c.line, func(t *testing.T) {
			dir := t.TempDir()
			nowhere, log := dir+"/nowhere", dir+"/log.json"
			args := strings.Fields(strings.NewReplacer("LOG", log, "X", nowhere).Replace(c.line))
			stdout, stderr, code := teu(t, dir, args)
			want := 0
			if c.want != "" {
				want = 1
			}
			switch {
			case strings.Contains(c.line, "exec "):
				want = 255
			case c.want == noVerb:
				want = 3
			}
			if code != want || !strings.Contains(stderr, c.want) || strings.Contains(stdout+stderr, "usage:") {
				t.Errorf("got exit code %d, stdout %q, stderr %q; want %d, %q in stderr, and no usage", code, stdout, stderr, want, c.want)
			}
			if c.want != "" && strings.Contains(c.line, "LOG") {
				checkLog(t, log, c.want)
			}
		})
	}
}

// teu runs a command. XDG_RUNTIME_DIR is set as with rootless Podman; root of the machine does not heed it.
func teu(t *testing.T, dir string, args []string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command(teuPath(t), args...)
	c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + dir}
	var out, errs bytes.Buffer
	c.Stdin = strings.NewReader("{}") // for update
	c.Stdout, c.Stderr, c.WaitDelay = &out, &errs, time.Second
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", c.Args, err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// checkLog: containerd reads the last error out of the log.
func checkLog(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read the log: %v", err)
	}
	last := strings.TrimSpace(string(text))
	last = last[strings.LastIndexByte(last, '\n')+1:]
	var entry struct {
		Level, Msg string
		Time       time.Time
	}
	if err := json.Unmarshal([]byte(last), &entry); err != nil || entry.Level != "error" || !strings.Contains(entry.Msg, want) || entry.Time.IsZero() {
		t.Errorf("log: got %q, %v; want an error with %q and a time last", text, err, want)
	}
}

// dockerd reads the lines of --version by these names, and the command to run from PATH.
func TestVersionIsWhatDockerReads(t *testing.T) {
	stdout, stderr, code := teu(t, t.TempDir(), []string{"--version"})
	if code != 0 || !strings.HasPrefix(stdout, "teu version ") || !strings.Contains(stdout, "\nspec: ") {
		t.Errorf("--version: got exit code %d, stdout %q, stderr %q; want 0, and teu version and spec on stdout", code, stdout, stderr)
	}
}
