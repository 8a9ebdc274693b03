package lifecycle

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

const secret = "correct horse"

// debugged runs a container through every verb with the global flags, and gives what each has written to standard error.
func debugged(t *testing.T, flags ...string) (logs map[string]string, pid int) {
	t.Helper()
	kit.NeedsController(t, "pids") // for update
	b := kit.New(t, kit.Args("sleep", "forever"), func(s *specs.Spec) {
		s.Process.Env = append(s.Process.Env, "SECRET="+secret)
		s.Annotations = map[string]string{"secret": secret}
	})
	logs = map[string]string{}
	teu := func(verb string, args ...string) {
		t.Helper()
		logs[verb] = b.OK(append(append(append([]string{}, flags...), verb), args...)...).Stderr
	}
	teu("validate", b.Dir)
	teu("create", b.ID)
	pid = b.State().Pid
	teu("state", b.ID)
	teu("start", b.ID)
	teu("exec", "--env", "ALSO="+secret, b.ID, kit.PayloadPath, "true", secret)
	teu("pause", b.ID)
	teu("resume", b.ID)
	teu("ps", "--format", "json", b.ID)
	teu("update", "--pids-limit", "100", b.ID)
	teu("events", "--stats", b.ID)
	teu("list")
	teu("kill", b.ID, "KILL")
	b.Ended()
	teu("delete", b.ID)
	b.Edit(kit.Args("true", secret))
	teu("run", b.ID)
	return logs, pid
}

// debugLines is what a verb has to say at level debug, %d being the container's first process.
var debugLines = map[string][]string{
	"validate": {"^validate bundle /", "^ask this machine$"},
	"create": {
		`^make container ".+" from bundle /.+, its record in /`, "^validate$", "^planned cgroup( of .+)? /sys/fs/cgroup/", "^compile$", `^the program has \d+ instructions$`,
		"^spawned process %d$", "^process %d waits for its cgroup$", "^process %d is ready$", "^created$",
		"^process.rlimits\\[0\\]: RLIMIT_NOFILE ", "^process %d: root.path: mount /", `^process %d: mounts\[0\]: mount proc on /proc$`,
	},
	"state": {`^container ".+": created, recorded as created with process %d$`},
	"start": {
		`^start container ".+": created, process %d, cgroup( of .+)? /`, `^process %d: process.args: exec "/bin/payload"$`, "^process %d has executed its program$",
	},
	"exec":   {`^exec in container ".+": running, process %d, cgroup( of .+)? /`, `^spawned process \d+$`, `^process \d+: join the container's namespaces$`, `^process \d+: process.args: exec "/bin/payload"$`, `^process \d+ has ended with status 0$`},
	"pause":  {`^pause container ".+": running, process %d, cgroup( of .+)? /`, `^pause container ".+": done$`},
	"resume": {`^resume container ".+": paused, process %d, cgroup( of .+)? /`, `^resume container ".+": done$`},
	"ps":     {`^processes of container ".+": first %d, cgroup( of .+)? /`},
	"update": {`^update container ".+": running, process %d, cgroup( of .+)? /`, `^update container ".+": done$`},
	"events": {`^events of container ".+": running, process %d$`},
	"list":   {`^1 records in /`},
	"kill":   {`^kill container ".+": running, process %d, signal 9$`},
	"delete": {`^delete container ".+": kill process %d, if it is there$`, "^remove cgroup( of .+)? /", `^remove the record of container ".+" in /`},
	"run":    {`^make container ".+" from bundle /`, `^process \d+: process.args: exec "/bin/payload"$`, `^process \d+ has executed its program$`, `^process \d+ has ended with status 0$`, "^remove cgroup( of .+)? /"},
}

// TestDebug: with --debug each verb tells its steps, in both formats, and nothing that config.json or the command line may
// want to keep secret.
func TestDebug(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile(`(?m)^time="[^"]+" level=debug msg="((?:[^"\\]|\\.)*)" pid=\d+ elapsed=\d+\.\d{3}ms$`)
	for format, messages := range map[string]func(string) []string{
		"text": func(log string) (list []string) {
			for _, m := range text.FindAllStringSubmatch(log, -1) {
				list = append(list, strings.ReplaceAll(m[1], `\"`, `"`))
			}
			return list
		},
		"json": func(log string) (list []string) {
			for text := range strings.Lines(log) {
				var line struct {
					Level, Msg string
					Pid        int
					Elapsed    string
				}
				err := json.Unmarshal([]byte(text), &line)
				if _, derr := time.ParseDuration(line.Elapsed); err != nil || derr != nil || line.Pid == 0 {
					t.Errorf("got %q, %v, %v, want level, msg, pid and elapsed in JSON", text, err, derr)
				}
				if line.Level == "debug" {
					list = append(list, line.Msg)
				}
			}
			return list
		},
	} {
		t.Run(format, func(t *testing.T) {
			logs, pid := debugged(t, "--debug", "--log-format", format)
			for verb, log := range logs {
				got := strings.Join(messages(log), "\n")
				for _, want := range debugLines[verb] {
					want = strings.ReplaceAll(want, "%d", fmt.Sprint(pid))
					if !regexp.MustCompile("(?m)" + want).MatchString(got) {
						t.Errorf("%s: got %s, want a line %s", verb, log, want)
					}
				}
				if strings.Contains(log, secret) {
					t.Errorf("%s: got %s, want nothing of the environment, the arguments and the annotations", verb, log)
				}
			}
		})
	}
}

// TestNoDebug: without --debug a verb that goes well says nothing.
func TestNoDebug(t *testing.T) {
	t.Parallel()
	logs, _ := debugged(t)
	for verb := range debugLines {
		if log, ran := logs[verb]; !ran || log != "" {
			t.Errorf("%s: got %q, %v, want it to be run and to log nothing", verb, log, ran)
		}
	}
}
