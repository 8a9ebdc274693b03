package cli

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestErrors: one line, and where the command line itself is wrong the usage below it.
func TestErrors(t *testing.T) {
	const (
		top  = "teu [GLOBAL OPTION...] COMMAND [ARGUMENT...]"
		exec = "teu exec [OPTION...] CONTAINER COMMAND [ARG...]\n       teu exec [OPTION...] --process FILE CONTAINER"
	)
	for line, want := range map[string]struct{ msg, usage string }{
		"state":                      {"state: want one argument CONTAINER", "teu state CONTAINER"},
		"state a b":                  {"state: want one argument CONTAINER, got 2", "teu state CONTAINER"},
		"kill":                       {"kill: want arguments CONTAINER [SIGNAL]", "teu kill [OPTION...] CONTAINER [SIGNAL]"},
		"kill a b c":                 {"kill: want arguments CONTAINER [SIGNAL], got 3", "teu kill [OPTION...] CONTAINER [SIGNAL]"},
		"exec":                       {"exec: want arguments CONTAINER COMMAND [ARG...]", exec},
		"events":                     {"events: want one argument CONTAINER", "teu events [OPTION...] CONTAINER"},
		"events --interval 0 x":      {"events: --interval 0: want a time above 0 with its unit, such as 500ms or 5s", "teu events [OPTION...] CONTAINER"},
		"events --interval -1s x":    {"events: --interval -1s: want a time above 0 with its unit, such as 500ms or 5s", "teu events [OPTION...] CONTAINER"},
		"events --interval 5 x":      {"events: --interval 5: want a time above 0 with its unit, such as 500ms or 5s", "teu events [OPTION...] CONTAINER"},
		"ps":                         {"ps: want arguments CONTAINER [PS-OPTION...]", "teu ps [OPTION...] CONTAINER [PS-OPTION...]"},
		"ps -f xml x":                {"ps: --format xml: want table or json", "teu ps [OPTION...] CONTAINER [PS-OPTION...]"},
		"list x":                     {"list: want no arguments, got 1", "teu list [OPTION...]"},
		"spec x":                     {"spec: want no arguments, got 1", "teu spec [OPTION...]"},
		"features x y":               {"features: want no arguments, got 2", "teu features"},
		"validate x y":               {"validate: want at most one argument BUNDLE, got 2", "teu validate [OPTION...] [BUNDLE]"},
		"mounts":                     {"mounts: want arguments add|remove CONTAINER FILE", "teu mounts add|remove CONTAINER FILE"},
		"mounts add x":               {"mounts: want arguments add|remove CONTAINER FILE, got 2", "teu mounts add|remove CONTAINER FILE"},
		"mounts list x f":            {`mounts: got "list", want add or remove`, "teu mounts add|remove CONTAINER FILE"},
		"create":                     {"create: want one argument CONTAINER", "teu create [OPTION...] CONTAINER"},
		"run":                        {"run: want one argument CONTAINER", "teu run [OPTION...] CONTAINER"},
		"start":                      {"start: want one argument CONTAINER", "teu start CONTAINER"},
		"delete":                     {"delete: want one argument CONTAINER", "teu delete [OPTION...] CONTAINER"},
		"delete -- x -f":             {"delete: want one argument CONTAINER, got 2", "teu delete [OPTION...] CONTAINER"},
		"pause":                      {"pause: want one argument CONTAINER", "teu pause CONTAINER"},
		"resume a b":                 {"resume: want one argument CONTAINER, got 2", "teu resume CONTAINER"},
		"kill x FOO":                 {`unknown signal "FOO"`, ""},
		"kill x -9":                  {"kill: unknown flag -9", "teu kill [OPTION...] CONTAINER [SIGNAL]"},
		"run --bogus x":              {"run: unknown flag --bogus", "teu run [OPTION...] CONTAINER"},
		"run --bundel b x":           {`run: unknown flag --bundel; did you mean "--bundle"?`, "teu run [OPTION...] CONTAINER"},
		"run x --pidfile p":          {`run: unknown flag --pidfile; did you mean "--pid-file"?`, "teu run [OPTION...] CONTAINER"},
		"run ---keep x":              {`run: unknown flag --keep; did you mean "--keep"?`, "teu run [OPTION...] CONTAINER"},
		"exec -no-subreapr x y":      {"exec: unknown flag --no-subreapr", exec},
		"state x -f":                 {"state: unknown flag -f", "teu state CONTAINER"},
		"--bogus":                    {"unknown flag --bogus", top},
		"--rot r list":               {`unknown flag --rot; did you mean "--root"?`, top},
		"--log":                      {"--log: want a value FILE", top},
		"create --bundle":            {"create: --bundle: want a value DIR", "teu create [OPTION...] CONTAINER"},
		"create x --bundle":          {"create: --bundle: want a value DIR", "teu create [OPTION...] CONTAINER"},
		"create --preserve-fds -1 x": {"create: --preserve-fds -1: want a number, 0 or more", "teu create [OPTION...] CONTAINER"},
		"exec --preserve-fds -1 x y": {"exec: --preserve-fds -1: want a number, 0 or more", exec},
		"list -f xml":                {"list: --format xml: want table or json", "teu list [OPTION...]"},
		"list --format=":             {`list: --format "": want table or json`, "teu list [OPTION...]"},
		"--cgroup-manager x list":    {"--cgroup-manager x: want cgroupfs, systemd or disabled", ""},
		"--systemd-cgroup --cgroup-manager disabled list": {"--systemd-cgroup: contradicts --cgroup-manager disabled", ""},
		"--systemd-cgroup=on list":                        {"--systemd-cgroup on: want true or false", top},
		"--rootless maybe list":                           {"--rootless maybe: want true, false or auto", ""},
		"--root / list":                                   {"--root: it cannot be /", ""},
		"--log-format xml list":                           {"--log-format xml: want text or json", ""},
		"--log-level loud list":                           {"--log-level loud: want debug, info, warning or error", ""},
		"--log /nonexistent/log list":                     {"open /nonexistent/log: no such file or directory", ""},
		"create --preserve-fds many x":                    {"create: --preserve-fds many: want a number, 0 or more", "teu create [OPTION...] CONTAINER"},
		"exec --additional-gids x x y":                    {"exec: --additional-gids x: want a number", exec},
		"run --detach=perhaps x":                          {"run: --detach perhaps: want true or false", "teu run [OPTION...] CONTAINER"},
		"spec --bundle /nonexistent/dir":                  {"open /nonexistent/dir/config.json: no such file or directory", ""},
	} {
		checkError(t, line, 1, want.msg, want.usage)
	}
	checkError(t, "exec x", 255, "exec: want a COMMAND after CONTAINER, or --process FILE", exec)
	for line, want := range map[string]string{
		"strat":                  `unknown command "strat"; did you mean "start"?`,
		"creat x":                `unknown command "creat"; did you mean "create"?`,
		"hlep":                   `unknown command "hlep"; did you mean "help"?`,
		"help strat":             `unknown command "strat"; did you mean "start"?`,
		"bogus":                  `unknown command "bogus"; "teu --help" lists the commands`,
		"checkpoint --help":      `unknown command "checkpoint"; "teu --help" lists the commands`,
		"restore --detach x":     `unknown command "restore"; "teu --help" lists the commands`,
		"--root /x/run -- --run": `unknown command "--run"; "teu --help" lists the commands`,
	} {
		checkError(t, line, 3, want, "")
	}
}

// checkError checks that a command line does nothing but fail, and all that it writes.
func checkError(t *testing.T, line string, code int, msg, usage string) {
	t.Helper()
	r := teu(t, line, nil)
	stamp, rest, _ := strings.Cut(r.stderr, " level=error ")
	want := fmt.Sprintf("msg=%q\n", msg)
	if usage != "" {
		want += "usage: " + usage + "\n"
	}
	if r.code != code || !strings.HasPrefix(stamp, "time=") || rest != want || r.stdout != "" || r.rec.calls != nil {
		t.Errorf("%s: got the exit code %d, calls %v, stdout %q, stderr\n%s\nwant the exit code %d, no calls, no stdout, stderr\n%s", line, r.code, r.rec.calls, r.stdout, r.stderr, code, want)
	}
}

// TestUsageFollowsTheLogFile: the usage is for people, and no part of the log.
func TestUsageFollowsTheLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	r := teu(t, "--log "+path+" --log-format json state", nil)
	if want := "state: want one argument CONTAINER\nusage: teu state CONTAINER\n"; r.stderr != want || r.code != 1 {
		t.Errorf("got the exit code %d, stderr %q, want 1, %q", r.code, r.stderr, want)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), "\n") != 1 || !strings.Contains(string(b), `"msg":"state: want one argument CONTAINER"`) {
		t.Errorf("log: got %q, %v, want the message as one line", b, err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"create", "delete", "ps", "resume", "run", "start", "state", "f"}
	for word, want := range map[string]string{
		"strat": "start", "stat": "start", "stae": "state", "rnu": "run", "runn": "run", "cretae": "create", "dlete": "delete",
		"resmue": "resume", "sp": "ps", "p": "ps", "create": "create",
		"": "", "g": "", "rm": "", "restore": "", "stop": "", "checkpoint": "", "kill": "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"abcd", "badc", 2}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestExitCodesAreRuncs runs runc beside teu with command lines that come to no container.
func TestExitCodesAreRuncs(t *testing.T) {
	runc := runcPath(t)
	root := filepath.Join(t.TempDir(), "root")
	for _, line := range []string{
		"", "--help", "help", "help create", "help bogus", "--version", "bogus", "strat x", "--bogus", "--bogus list", "--log-format xml list",
		"create --help", "create -h x", "create x --help", "create", "create a b", "create --bogus x", "create x --bogus", "create --bundle",
		"start", "start a b", "state", "state --bogus x", "kill", "kill a b c", "kill x -9", "delete", "delete --force", "delete a b",
		"exec", "exec --bogus x y", "exec x", "events", "events --interval 5 x", "events --interval 0 x", "ps", "pause", "resume a b",
		"list x", "list --format yaml", "spec x", "update", "update --bogus x", "update --blkio-weight many x", "run", "run x sh",
	} {
		args := append([]string{"--root", root}, strings.Fields(line)...)
		want := 0
		if err := osexec.Command(runc, args...).Run(); err != nil {
			exit := (*osexec.ExitError)(nil)
			if !errors.As(err, &exit) {
				t.Fatalf("run runc %s: %v", line, err)
			}
			want = exit.ExitCode()
		}
		// That there is no container is all that both say of a command line that is right.
		if r := teuArgs(t, args, &recorder{err: errors.New("no container")}); r.code != want {
			t.Errorf("%s: got the exit code %d, want %d as of runc\n%s", line, r.code, want, r.stderr)
		}
	}
}
