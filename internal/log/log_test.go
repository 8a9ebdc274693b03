package log

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// line is what go-runc decodes (getLastRuntimeError).
type line struct {
	Level string
	Msg   string
	Time  time.Time
}

func newTest(t *testing.T, format string, level Level) (*Logger, func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	l, err := New(path, format, level)
	if err != nil {
		t.Fatalf("open the log: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l, func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestJSONLinesDecodeAsContainerdReadsThem(t *testing.T) {
	l, read := newTest(t, "json", Debug)
	msgs := []string{"plain", "quote \" back \\ nl \n tab \t nul \x00 del \x7f", "umlaut ü 漢", "broken \xff utf8"}
	for _, m := range msgs {
		l.Errorf("%s", m)
	}
	dec := json.NewDecoder(strings.NewReader(read()))
	for _, m := range msgs {
		var got line
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("decode the line of %q: %v", m, err)
		}
		want := strings.ToValidUTF8(m, "\ufffd")
		if got.Level != "error" || got.Msg != want || time.Since(got.Time) > time.Minute {
			t.Errorf("line of %q: got %+v, want the level error, the message %q and the time of now", m, got, want)
		}
	}
	if strings.Count(read(), "\n") != len(msgs) {
		t.Errorf("lines: got %d, want %d:\n%s", strings.Count(read(), "\n"), len(msgs), read())
	}
}

func TestTextQuotesTheMessage(t *testing.T) {
	l, read := newTest(t, "text", Info)
	l.Warnf("a\nb %d", 1)
	if got := read(); !strings.HasPrefix(got, `time="`) || !strings.HasSuffix(got, `" level=warning msg="a\nb 1"`+"\n") {
		t.Errorf("line: got %q, want a time, level=warning and msg=%q", got, "a\nb 1")
	}
}

func TestLevels(t *testing.T) {
	for min := Debug; min <= Error; min++ {
		l, read := newTest(t, "", min)
		l.Debugf("x")
		l.Infof("x")
		l.Warnf("x")
		l.Errorf("x")
		if got, want := strings.Count(read(), "\n"), int(Error-min)+1; got != want {
			t.Errorf("lines at the level %v: got %d, want %d", min, got, want)
		}
	}
	for s, want := range map[string]Level{"debug": Debug, "info": Info, "warn": Warning, "warning": Warning, "error": Error} {
		if got, err := ParseLevel(s); err != nil || got != want {
			t.Errorf("level %q: got %v, %v, want %v", s, got, err, want)
		}
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("level loud: got no error, want one")
	}
}

// TestSilent: the error that ends a verb is written all the same.
func TestSilent(t *testing.T) {
	l, read := newTest(t, "", Silent)
	l.Errorf("x")
	if l.Enabled(Error) {
		t.Error("level error of a silent logger: got enabled, want not")
	}
	old := os.Stderr
	os.Stderr = nil
	l.Fatal(errors.New("end"))
	os.Stderr = old
	if got := read(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `level=error msg="end"`) {
		t.Errorf("a silent log: got %q, want the fatal error alone", got)
	}
	if _, err := ParseLevel("silent"); err == nil {
		t.Error("level silent: got no error, want one: nobody may ask for it")
	}
}

func TestAppendsWithRuncsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for range 2 {
		l, err := New(path, "json", Info)
		if err != nil {
			t.Fatalf("open the log: %v", err)
		}
		l.Errorf("x")
		l.Close()
	}
	b, _ := os.ReadFile(path)
	st, err := os.Stat(path)
	if err != nil {
		t.Error(err)
	} else if got := st.Mode().Perm(); got&^0o644 != 0 {
		t.Errorf("mode of the log: got %#o, want 0644 or less", got)
	}
	if got := strings.Count(string(b), "\n"); got != 2 {
		t.Errorf("lines of the log: got %d, want 2:\n%s", got, b)
	}
}

func TestFatalGoesToLogAndStderr(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = w
	l, read := newTest(t, "json", Error)
	l.Fatal(errors.New("no such thing\x1b[2J\u009b2J\r\x7f"))
	os.Stderr = old
	w.Close()
	var buf [64]byte
	n, _ := r.Read(buf[:])
	if got := string(buf[:n]); got != "no such thing?[2J?2J??\n" {
		t.Errorf("stderr: got %q, want %q", got, "no such thing?[2J?2J??\n")
	}
	if !strings.Contains(read(), `"msg":"no such thing\u001b[2J`) {
		t.Errorf("log: got %q, want the message with its escape sequence escaped", read())
	}
}

func TestBadArguments(t *testing.T) {
	if _, err := New("", "xml", Info); err == nil || err.Error() != "--log-format xml: want text or json" {
		t.Errorf("format xml: got error %v, want --log-format xml: want text or json", err)
	}
	if _, err := New(filepath.Join(t.TempDir(), "none", "log"), "", Info); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("log in a directory that is not there: got error %v, want %v", err, os.ErrNotExist)
	}
	var l *Logger
	l.Warnf("dropped")
	l.Fatal(errors.New("dropped"))
	if l.Close() != nil {
		t.Error("close no log: got an error, want none")
	}
}

// TestDebugLinesSayWhoAndWhen: in both formats, beside what every line has, and without work when nothing is to be written.
func TestDebugLinesSayWhoAndWhen(t *testing.T) {
	for format, want := range map[string]string{
		"text": `^time="[^"]+" level=debug msg="a \\"b\\"" pid=` + strconv.Itoa(os.Getpid()) + ` elapsed=\d+\.\d{3}ms\n$`,
		"json": `^\{"level":"debug","msg":"a \\"b\\"","time":"[^"]+","pid":` + strconv.Itoa(os.Getpid()) + `,"elapsed":"\d+\.\d{3}ms"\}\n$`,
	} {
		l, read := newTest(t, format, Debug)
		l.Debugf("a %q", "b")
		if got := read(); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: got %q, want %s", format, got, want)
		}
	}
	ago, read := newTest(t, "text", Debug)
	ago.DebugfAgo(time.Hour, "an hour ago")
	if got := read(); !strings.Contains(got, ` msg="an hour ago"`) || !strings.Contains(got, " elapsed=-3") {
		t.Errorf("what was done before the logger was made: got %q, want it with -3600000 ms or little more", got)
	}
	l, read := newTest(t, "text", Info)
	asked := 0
	l.Debugf("%v", counted{&asked})
	l.DebugfAgo(time.Second, "%v", counted{&asked})
	if got := read(); got != "" || asked != 0 {
		t.Errorf("below the level: got %q, and String was called %d times, want nothing of either", got, asked)
	}
}

// counted counts how often it is formatted.
type counted struct{ n *int }

func (c counted) String() string { *c.n++; return "" }
