package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// SlowVar names the variable for how many times longer everything may take: an emulated machine is slow.
const SlowVar = "TEU_TEST_SLOW"

// Limit bounds every command and every wait of the tests.
var Limit = slow(20 * time.Second)

func slow(d time.Duration) time.Duration {
	text := os.Getenv(SlowVar)
	if text == "" {
		return d
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		panic(SlowVar + "=" + text + ": want a positive number")
	}
	return d * time.Duration(times)
}

// Result is how a teu command ended.
type Result struct {
	Args           []string
	Code           int // 128 and the signal for one that a signal ended
	Stdout, Stderr string

	b   *Bundle
	out string // the file of stdout, which a container goes on writing to
}

func (r Result) String() string {
	return fmt.Sprintf("teu %s: exit code %d, stdout %q, stderr %q", strings.Join(r.Args, " "), r.Code, r.Stdout, r.Stderr)
}

// Command is `teu --root … args`, in the bundle's directory. Its output goes to files, as containers outlive it.
func (b *Bundle) Command(args ...string) *exec.Cmd {
	b.T.Helper()
	c := exec.Command(Teu(), slices.Concat([]string{"--root", b.Root}, flags(), args)...)
	c.Dir = b.Dir
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TEU_TEST=" + b.ID, "_TEU_CACHE=" + b.Cache}, environment()...)
	n := b.outputs.Add(1)
	for name, w := range map[string]*io.Writer{"out": &c.Stdout, "err": &c.Stderr} {
		f, err := os.OpenFile(fmt.Sprintf("%s/%s.%d", b.Dir, name, n), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o644)
		b.check(err)
		*w = f
	}
	b.T.Cleanup(func() { // of a test that failed before it waited
		if c.Process != nil && c.ProcessState == nil {
			c.Process.Kill()
			c.Wait()
		}
	})
	return c
}

// Activated has a command be told of n sockets, which it gets as its descriptors from 3 on, as systemd tells of them
// (sd_listen_fds(3)): LISTEN_PID is the command's own.
func Activated(c *exec.Cmd, n string) {
	c.Args = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, c.Path}, c.Args[1:]...)
	c.Path = "/bin/sh"
	c.Env = append(c.Env, "LISTEN_FDS="+n)
}

// Do runs a command that Command made, within the time limit.
func (b *Bundle) Do(c *exec.Cmd) Result {
	b.T.Helper()
	b.check(c.Start())
	return b.Wait(c)
}

// Wait waits for a command that was started.
func (b *Bundle) Wait(c *exec.Cmd) Result {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Process.Kill() })
	err := c.Wait()
	res := Result{Args: c.Args[1:], b: b}
	out, errs := c.Stdout.(*os.File), c.Stderr.(*os.File)
	defer out.Close()
	defer errs.Close()
	res.out = out.Name()
	res.Stdout, res.Stderr = b.read(out.Name()), b.read(errs.Name())
	if !stop() {
		b.T.Fatalf("%v: killed after %v", res, Limit)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		res.Code = 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
	case errors.As(err, &exit):
		res.Code = exit.ExitCode()
	case err != nil:
		b.T.Fatal(err)
	}
	return res
}

func (b *Bundle) read(path string) string {
	b.T.Helper()
	text, err := os.ReadFile(path)
	b.check(err)
	return string(text)
}

// Teu runs a teu command.
func (b *Bundle) Teu(args ...string) Result {
	b.T.Helper()
	return b.Do(b.Command(args...))
}

// Logged runs a teu command with a log of its own, and returns what it has logged.
func (b *Bundle) Logged(args ...string) (res Result, log string) {
	b.T.Helper()
	file := fmt.Sprintf("%s/log.%d", b.Dir, b.outputs.Add(1))
	b.check(os.WriteFile(file, nil, 0o644)) // teu may fail before it has made it
	res = b.Teu(append([]string{"--log", file}, args...)...)
	return res, b.read(file)
}

// OK runs a teu command that has to succeed.
func (b *Bundle) OK(args ...string) Result {
	b.T.Helper()
	res := b.Teu(args...)
	if res.Code != 0 {
		b.T.Fatal(res)
	}
	return res
}

// Fails runs a teu command that has to fail, with an error of one line that holds each of want. The usage may stand below it.
func (b *Bundle) Fails(args []string, want ...string) Result {
	b.T.Helper()
	res := b.Teu(args...)
	if res.Code == 0 {
		b.T.Fatalf("%v: want it to fail", res)
	}
	lines := strings.Split(strings.TrimSuffix(res.Stderr, "\n"), "\n")
	if n := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "usage: ") }); n > 0 {
		lines = lines[:n]
	}
	last := lines[len(lines)-1]
	for _, w := range want {
		if !strings.Contains(last, w) {
			b.T.Errorf("%v: want %q", res, w)
		}
	}
	return res
}

// Run runs the container to its end; it has to succeed.
func (b *Bundle) Run(edits ...func(*specs.Spec)) Result {
	b.T.Helper()
	if len(edits) > 0 {
		b.Edit(edits...)
	}
	return b.OK("run", b.ID)
}

// Start creates and starts the container.
func (b *Bundle) Start(args ...string) Result {
	b.T.Helper()
	if len(args) > 0 {
		b.Edit(Args(args...))
	}
	res := b.OK("create", b.ID)
	b.OK("start", b.ID)
	return res
}

// Inspect runs `payload all` in the container and returns what it found.
func (b *Bundle) Inspect(edits ...func(*specs.Spec)) *Report {
	b.T.Helper()
	return JSON[*Report](b, b.Run(append(edits, Args("all"))...).Stdout)
}

// State is what `teu state` says.
func (b *Bundle) State() specs.State {
	b.T.Helper()
	return JSON[specs.State](b, b.OK("state", b.ID).Stdout)
}

// Ended waits until the container is stopped.
func (b *Bundle) Ended() {
	b.T.Helper()
	b.Until("the container is stopped", func() bool { return b.State().Status == specs.StateStopped })
}

// Output waits until the container has written want to the standard output that the command gave it, and returns all.
func (r Result) Output(want string) string {
	r.b.T.Helper()
	var text string
	r.b.Until(fmt.Sprintf("%q in %s", want, r.out), func() bool {
		text = r.b.read(r.out)
		return strings.Contains(text, want)
	})
	return text
}

// Until waits for done to become true.
func (b *Bundle) Until(what string, done func() bool) {
	b.T.Helper()
	if !within(Limit, done) {
		b.T.Fatalf("waited %v in vain until %s", Limit, what)
	}
}

func within(limit time.Duration, done func() bool) bool {
	end := time.Now().Add(limit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(end) {
			return false
		}
		<-tick.C
	}
	return true
}

// JSON decodes text, which has to be JSON.
func JSON[T any](b *Bundle, text string) (value T) {
	b.T.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		b.T.Fatalf("%v in %q", err, text)
	}
	return value
}
