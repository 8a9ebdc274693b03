package caller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limit bounds every command and every wait.
const Limit = 60 * time.Second

// Outcome is how a command ended.
type Outcome struct {
	Args     []string
	Code     int // -1 for one that a signal ended
	Out, Err string
}

func (o Outcome) String() string {
	return fmt.Sprintf("%s: exit code %d, stdout %q, stderr %q", strings.Join(o.Args, " "), o.Code, brief(o.Out), brief(o.Err))
}

// brief is a text short enough to be read.
func brief(s string) string {
	if len(s) > 1000 {
		return s[:500] + " […] " + s[len(s)-500:]
	}
	return s
}

// Program is a command line to which arguments are added, with the environment that its client needs.
type Program struct {
	Args []string
	Env  []string
}

// Command is the program with arguments; it is ended after [Limit].
func (p Program) Command(args ...string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	all := append(append([]string(nil), p.Args...), args...)
	c := exec.CommandContext(ctx, all[0], all[1:]...)
	c.Env = p.Env
	c.WaitDelay = time.Second // a process that it left may hold its output
	return c, cancel
}

// Do runs the program with arguments and something on its standard input, which may be nil.
func (p Program) Do(t *T, in io.Reader, args ...string) Outcome {
	c, cancel := p.Command(args...)
	defer cancel()
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = in, &out, &errs
	err := c.Run()
	o := Outcome{append(p.Args[:1:1], args...), c.ProcessState.ExitCode(), out.String(), errs.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%v: %v: want an end with an exit code", o, err)
	}
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
		t.Fatalf("%v: want an end within %v, and not by SIGKILL", o, Limit)
	}
	return o
}

// Until waits for done to become true.
func Until(t *T, what string, done func() bool) {
	if !within(done) {
		t.Fatalf("after %v: want that %s", Limit, what)
	}
}

func within(done func() bool) bool {
	end := time.After(Limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			return false
		}
	}
	return true
}
