package badinput

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// row is one bad input. In text, args and want, $ID stands for the container's id, $BUNDLE for the bundle and $ROOT for the
// state directory.
type row struct {
	name string
	spec func(s *specs.Spec) // edits config.json
	text string              // is config.json
	set  func(b *kit.Bundle) // makes whatever else there is to be
	args []string            // of teu; create if there are none
	as   func(c *process)    // what else the process is given
	code int                 // exit code; 1 if 0
	want []string            // what the error says
	// usage is the usage line that follows the error on standard error when the command line itself is wrong.
	usage string
	// leaves tells that the command rightly changes the state directory, as `start` does of a container that ends.
	leaves bool
	// dies tells that init dies on the way, and not always at the same step: the kernel charges memory in batches.
	dies bool
}

// run gives the input twice, to read the error as people do and as callers do.
func (r *row) run(t *testing.T) {
	t.Run(r.name, func(t *testing.T) {
		text := r.give(t, "text")
		asJSON := r.give(t, "json")
		same := asJSON == text
		if r.dies {
			same = cause(asJSON) == cause(text)
		}
		if !same {
			t.Errorf("error in the log as JSON: got %q, want %q as in that as text", asJSON, text)
		}
		t.Logf("%s", text)
	})
}

// cause is an error without the step at which init died.
func cause(msg string) string {
	const died = ": init died: "
	if _, after, ok := strings.Cut(msg, died); ok {
		return died + after
	}
	return msg
}

func (r *row) give(t *testing.T, format string) (msg string) {
	b := kit.New(t)
	named := strings.NewReplacer("$ID", b.ID, "$BUNDLE", b.Dir, "$ROOT", b.Root)
	unnamed := strings.NewReplacer(b.Dir, "$BUNDLE", b.ID, "$ID")
	if r.spec != nil {
		b.Edit(r.spec)
	}
	if r.text != "" {
		b.WriteConfig([]byte(named.Replace(r.text)))
	}
	if r.set != nil {
		r.set(b)
	}
	args := []string{"create", "--pid-file", b.Dir + "/pid", b.ID}
	if r.args != nil {
		args = slices.Clone(r.args)
	}
	for i := range args {
		args[i] = named.Replace(args[i])
	}
	logFile := b.Dir + "/log"
	if format == "json" {
		must(b, os.WriteFile(logFile, nil, 0o666))
		must(b, os.Chmod(logFile, 0o666)) // whoever teu runs as
		args = append([]string{"--log", logFile, "--log-format", "json"}, args...)
	}
	c := b.Command(args...)
	if r.as != nil {
		r.as(&process{b, c})
	}
	before, state := kit.Snapshot(), entries(b)
	res := b.Do(c)
	code := max(r.code, 1)
	if res.Code != code {
		t.Errorf("%v: want exit code %d", res, code)
	}
	stderr, ok := res.Stderr, true
	if r.usage != "" {
		stderr, ok = strings.CutSuffix(stderr, "usage: "+r.usage+"\n")
	}
	if !ok {
		t.Errorf("%v: want the usage %q at the end of stderr", res, r.usage)
	}
	if format == "json" {
		msg, ok = jsonError(b, logFile, stderr)
	} else {
		msg, ok = textError(stderr)
	}
	if !ok {
		log, _ := os.ReadFile(logFile)
		t.Fatalf("%v, log %q: want one line that is an error", res, log)
	}
	for _, w := range r.want {
		if !strings.Contains(msg, named.Replace(w)) {
			t.Errorf("the error: got %q, want %q in it", msg, named.Replace(w))
		}
	}
	if left := before.Left(); len(left) > 0 {
		t.Errorf("after the error %q: left: %s; want nothing", msg, strings.Join(left, "; "))
	}
	if now := entries(b); !r.leaves && !slices.Equal(now, state) {
		t.Errorf("state directory after the error %q: got %q, want %q as before", msg, now, state)
	}
	if _, err := os.Lstat(b.Dir + "/pid"); err == nil && r.args == nil {
		t.Errorf("after the error %q: got a pid file, want none", msg)
	}
	return pids.ReplaceAllString(unnamed.Replace(msg), "/proc/PID/")
}

func must(b *kit.Bundle, err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatalf("unexpected error: %v", err)
	}
}

var pids = regexp.MustCompile(`/proc/\d+/`)

// entries are the names in the state directory.
func entries(b *kit.Bundle) []string {
	var names []string
	list, _ := os.ReadDir(b.Root) // it may not be there
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// textError takes the message out of what has to be one line, of level error, of the text log.
func textError(stderr string) (msg string, ok bool) {
	line, rest, ended := strings.Cut(stderr, "\n")
	stamp, quoted, found := strings.Cut(line, " level=error msg=")
	msg, err := strconv.Unquote(quoted)
	return msg, ended && rest == "" && found && strings.HasPrefix(stamp, "time=") && err == nil && clear(msg)
}

// jsonError does so for the JSON log, which containerd reads; people see the message alone.
func jsonError(b *kit.Bundle, file, stderr string) (msg string, ok bool) {
	data, err := os.ReadFile(file)
	if err != nil || strings.Count(string(data), "\n") != 1 {
		return "", false
	}
	var line struct{ Level, Msg, Time string }
	if err := json.Unmarshal(data, &line); err != nil {
		return "", false
	}
	_, err = time.Parse(time.RFC3339, line.Time)
	return line.Msg, err == nil && line.Level == "error" && stderr == line.Msg+"\n" && clear(line.Msg)
}

// clear is what can be asked of any message: that it is a line, says something, and is not too long to read.
func clear(msg string) bool {
	return msg != "" && len(msg) < 1000 && !strings.ContainsAny(msg, "\n\r\x00") && !strings.Contains(msg, "%!") &&
		!strings.Contains(msg, "failed to")
}
