package clients

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

// The command lines of containerd 1.6 and 2, Docker 20 and 29, Podman 4, buildah, BuildKit and CRI for the verbs there are,
// each distinct one once. X is a path that leads nowhere, ID a container there is none of.
const (
	containerd = "--root X/root --log LOG --log-format json "
	conmon     = "--log-format=json --log LOG "
	buildkit   = "--log LOG --log-format json "
)

// What comes of a command line that was understood.
const (
	noBundle    = "config.json"
	noContainer = "does not exist"
)

var lines = []struct{ line, want string }{
	{containerd + "create --bundle X --pid-file X --console-socket X ID", noBundle},
	{containerd + "create --bundle X --pid-file X ID", noBundle},
	{containerd + "create --bundle X --pid-file X --no-pivot --no-new-keyring ID", noBundle},
	{containerd + "start ID", noContainer},
	{containerd + "exec --process X --console-socket X --detach --pid-file X ID", noContainer},
	{containerd + "exec --process X --detach --pid-file X ID", noContainer},
	{containerd + "kill ID 1", noContainer},
	{containerd + "kill ID 15", noContainer},
	{containerd + "kill ID 9", noContainer},
	{containerd + "kill --all ID 9", noContainer},
	{containerd + "delete ID", noContainer},
	{containerd + "delete --force ID", ""},
	{containerd + "state ID", noContainer},
	{containerd + "list --format=json", ""},

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
	{"delete ID", noContainer},
	{"delete --force ID", ""},

	{buildkit + "run --bundle X --keep ID", noBundle},
	{buildkit + "run --bundle X ID", noBundle},
	{buildkit + "delete ID", noContainer},

	// Long flags with one dash, as containerd's restore has them.
	{"-root X/root -log LOG -log-format json run -no-subreaper -detach -bundle X -pid-file X ID", noBundle},
	{"-root X/root delete -force ID", ""},
	{"--version", ""},
}

// teuPath is the teu to test, which needs no root here.
func teuPath() string {
	switch {
	case os.Geteuid() == 0:
		return kit.Teu()
	case os.Getenv(kit.TeuVar) != "":
		return os.Getenv(kit.TeuVar)
	}
	return "../../teu"
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
			if strings.Contains(c.line, "exec ") {
				want = 255
			}
			if code != want || !strings.Contains(stderr, c.want) || strings.Contains(stdout+stderr, "Incorrect Usage") {
				t.Errorf("exit code %d, want %d: stdout %q, stderr %q, want %q", code, want, stdout, stderr, c.want)
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
	c := exec.Command(teuPath(), args...)
	c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + dir}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr, c.WaitDelay = &out, &errs, time.Second
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// checkLog: containerd reads the last error out of the log.
func checkLog(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	last := strings.TrimSpace(string(text))
	last = last[strings.LastIndexByte(last, '\n')+1:]
	var entry struct {
		Level, Msg string
		Time       time.Time
	}
	if err := json.Unmarshal([]byte(last), &entry); err != nil || entry.Level != "error" || !strings.Contains(entry.Msg, want) || entry.Time.IsZero() {
		t.Errorf("%v: log %q, want an error with %q", err, text, want)
	}
}

// dockerd reads the lines of --version by these names, and the command to run from PATH.
func TestVersionIsWhatDockerReads(t *testing.T) {
	stdout, stderr, code := teu(t, t.TempDir(), []string{"--version"})
	if code != 0 || !strings.HasPrefix(stdout, "teu version ") || !strings.Contains(stdout, "\nspec: ") {
		t.Errorf("exit code %d: stdout %q, stderr %q", code, stdout, stderr)
	}
}
