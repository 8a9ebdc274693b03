package hooks

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

func TestOutputGoesToFiles(t *testing.T) {
	before := openFDs()
	st := state(t)
	list := []specs.Hook{sh("echo out >&1; echo err >&2"), sh("echo more")}
	st.Annotations = map[string]string{names.HooksStderr: st.Bundle + "/err"}
	if err := Run("hooks.prestart", list, st); err != nil {
		t.Fatalf("run: %v", err)
	}
	if got := read(t, st.Bundle+"/err"); got != "err\n" {
		t.Errorf("file for standard error: got %q, want %q", got, "err\n")
	}
	st.Annotations[names.HooksStdout] = st.Bundle + "/err" // one for both
	if err := Run("hooks.prestart", list, st); err != nil {
		t.Fatalf("run: %v", err)
	}
	if got := read(t, st.Bundle+"/err"); got != "err\nout\nerr\nmore\n" {
		t.Errorf("file for both: got %q, want it appended to", got)
	}
	// A hook that fails says why all the same, where its standard error is not somebody else's.
	delete(st.Annotations, names.HooksStderr)
	if err := Run("hooks.prestart", []specs.Hook{sh("echo why >&2; exit 3")}, st); err == nil || !strings.HasSuffix(err.Error(), "exit status 3: why") {
		t.Errorf("hook that fails: got error %v, want what it said", err)
	}
	if n := openFDs(); n != before {
		t.Errorf("open descriptors at the end: got %d, want %d as before", n, before)
	}
}

func TestAFileThatCannotBeOpened(t *testing.T) {
	before := openFDs()
	st := state(t)
	ran := []specs.Hook{sh("echo x >>ran")}
	st.Annotations = map[string]string{names.HooksStdout: st.Bundle + "/out", names.HooksStderr: st.Bundle + "/none/err"}
	want := `annotations["run.oci.hooks.stderr"]: open ` + st.Bundle + "/none/err: no such file or directory"
	if err := Run("hooks.prestart", ran, st); err == nil || err.Error() != want || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("run: got error %v, want %s", err, want)
	}
	if _, err := os.Stat(st.Bundle + "/ran"); err == nil {
		t.Error("hook of a container that is not to be: got it run, want it not")
	}
	if w := RunAll("hooks.poststop", ran, st); len(w) != 1 || w[0].Error() != want {
		t.Errorf("run all: got warnings %v, want %s", w, want)
	}
	if got := read(t, st.Bundle+"/ran"); got != "x\n" {
		t.Errorf("hooks that ran of those at the end: got %q, want %q", got, "x\n")
	}
	if n := openFDs(); n != before {
		t.Errorf("open descriptors at the end: got %d, want %d as before", n, before)
	}
}

// What comes through a pipe is in the file when the reader is ended, and more than the pipe holds is no less.
func TestPipeGoesToAFile(t *testing.T) {
	path := t.TempDir() + "/out"
	s, err := OpenStreams(map[string]string{names.HooksStdout: path, names.HooksStderr: path + "2"})
	if err != nil {
		t.Fatal(err)
	}
	o, w, err := NewOutput(s)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a line\n", 2*pipeSize/len("a line\n"))
	if err := sys.WriteAll(w, []byte(text)); err != nil {
		t.Fatal(err)
	}
	sys.Close(w)
	o.End()
	if got := read(t, path); got != text {
		t.Errorf("file: got %d bytes, want %d", len(got), len(text))
	}
}

// A pipe that nobody reads, be it full, is given up: neither the writer nor the end of the reading waits for it.
func TestPipeThatNobodyReads(t *testing.T) {
	path := t.TempDir() + "/fifo"
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	idle, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	s, err := OpenStreams(map[string]string{names.HooksStdout: path})
	if err != nil {
		t.Fatal(err)
	}
	o, w, err := NewOutput(s)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		_ = sys.WriteAll(w, []byte(strings.Repeat("a line\n", 4*pipeSize/len("a line\n"))))
		sys.Close(w)
		line, _ := o.End()
		ended <- line
	}()
	select {
	case line := <-ended:
		if !strings.HasSuffix(line, "a line") {
			t.Errorf("end of the output: got %.20q, want what was written", line)
		}
	case <-time.After(10 * teeWait):
		t.Fatalf("the end of the output: got none after %v, want it", 10*teeWait)
	}
}
