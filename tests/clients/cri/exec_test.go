package cri

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

var execChecks = checks{
	{Name: "exec", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		o := c.exec(ct, "sh", "-c", "echo out; echo err >&2; echo $FROM; exit 7")
		if o.ExitCode != 7 || string(o.Stdout) != "out\nimage\n" || string(o.Stderr) != "err\n" {
			c.Errorf("exec: got %v; want exit code 7, stdout %q, stderr %q", o, "out\nimage\n", "err\n")
		}
		c.inside(ct, "sleep", "grep -o ^sleep /proc/1/cmdline")
		c.is("the exit code of one that was killed", c.exec(ct, "sh", "-c", "kill -KILL $$").ExitCode, int32(137))
		if o := c.exec(ct, "sh", "-c", "dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x"); len(o.Stdout) != 1<<20 {
			c.Errorf("output of exec: got %d bytes, want %d", len(o.Stdout), 1<<20)
		}
	}},
	{Name: "exec of commands that cannot run", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		for command, text := range map[string]string{
			"nothing": `"nothing": executable file not found in $PATH`, "/bin/nothing": "no such file or directory", "/etc/passwd": "permission denied",
		} {
			_, err := c.runtime.ExecSync(bg, &v1.ExecSyncRequest{ContainerId: ct.id, Cmd: []string{command}})
			c.fails(err, text)
		}
		c.inside(ct, "still there", "echo still there")
	}},
	{Name: "exec with a time limit", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		_, err := c.runtime.ExecSync(bg, &v1.ExecSyncRequest{ContainerId: ct.id, Cmd: []string{"sleep", "999"}, Timeout: 1})
		c.fails(err, "timeout")
		caller.Until(c.T, "it is gone", func() bool { return !strings.Contains(string(c.exec(ct, "ps").Stdout), "sleep 999") })
	}},
	{Name: "exec, eight in parallel", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		caller.Parallel(c.T, 8, func(t *caller.T) caller.Outcome {
			c.With(t).inside(ct, "out", "echo out")
			return caller.Outcome{}
		})
	}},
	{Name: "exec, streams", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		answer := got(c.runtime.Exec(bg, &v1.ExecRequest{ContainerId: ct.id, Cmd: []string{"sh", "-c", "cat; echo err >&2; exit 5"}, Stdin: true, Stdout: true, Stderr: true}))(c.T)
		var out, errs screen
		in := strings.Repeat("0123456789abcde\n", 1<<16)
		code := c.stream(answer.Url, remotecommand.StreamOptions{Stdin: strings.NewReader(in), Stdout: &out, Stderr: &errs})
		if code != 5 || out.String() != in || errs.String() != "err\n" {
			c.Errorf("exec with streams: got exit code %d, %d bytes of output, errors %q; want 5, the input of %d bytes, %q", code, len(out.String()), errs.String(), len(in), "err\n")
		}
	}},
	{Name: "exec, terminal", Do: func(c cri) {
		ct := c.up(c.pod(), caller.Sleeper)
		script := "tty; until stty size | grep '33 99'; do sleep 0.05; done; until stty size | grep '44 111'; do sleep 0.05; done; exit 6"
		answer := got(c.runtime.Exec(bg, &v1.ExecRequest{ContainerId: ct.id, Cmd: []string{"sh", "-c", script}, Tty: true, Stdin: true, Stdout: true}))(c.T)
		c.terminal(answer.Url, 6, "/dev/pts/0")
	}},
	{Name: "attach", Do: func(c cri) {
		ct := c.up(c.pod(), "while read l; do echo got $l; [ $l = end ] && exit 5; done", func(config *v1.ContainerConfig) {
			config.Stdin, config.StdinOnce = true, true
		})
		answer := got(c.runtime.Attach(bg, &v1.AttachRequest{ContainerId: ct.id, Stdin: true, Stdout: true, Stderr: true}))(c.T)
		var out, errs screen
		code := c.stream(answer.Url, remotecommand.StreamOptions{Stdin: strings.NewReader("one\nend\n"), Stdout: &out, Stderr: &errs})
		if code != 0 || out.String() != "got one\ngot end\n" {
			c.Errorf("attach: got exit code %d, output %q, errors %q; want 0, %q", code, out.String(), errs.String(), "got one\ngot end\n")
		}
		c.is("the exit code", c.ended(ct).ExitCode, int32(5))
		c.is("the log", c.said(ct, "stdout"), "got one\ngot end\n")
	}},
	{Name: "attach to a terminal", Do: func(c cri) {
		ct := c.up(c.pod(), "until stty size | grep '33 99'; do sleep 0.05; done; until stty size | grep '44 111'; do sleep 0.05; done; exit 6", func(config *v1.ContainerConfig) {
			config.Stdin, config.Tty = true, true
		})
		answer := got(c.runtime.Attach(bg, &v1.AttachRequest{ContainerId: ct.id, Tty: true, Stdin: true, Stdout: true}))(c.T)
		c.terminal(answer.Url, 0, "33 99")
		c.is("the exit code", c.ended(ct).ExitCode, int32(6))
	}},
	{Name: "port-forward", Do: func(c cri) {
		p := c.pod()
		c.server(p)
		answer := got(c.runtime.PortForward(bg, &v1.PortForwardRequest{PodSandboxId: p.id, Port: []int32{8000}}))(c.T)
		port := c.forward(answer.Url, 8000)
		for range 3 {
			c.hello(fmt.Sprintf("127.0.0.1:%d", port))
		}
	}},
}

// hello asks a [cri.server].
func (c cri) hello(address string) {
	conn, err := net.DialTimeout("tcp", address, caller.Limit)
	c.Check(err)
	defer conn.Close()
	c.Check(conn.SetDeadline(time.Now().Add(caller.Limit)))
	text, err := io.ReadAll(conn)
	c.Check(err)
	c.is("the answer of "+address, string(text), "hello\n")
}

// screen is a buffer that is written to meanwhile.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// stream speaks with a process and returns its exit code.
func (c cri) stream(address string, options remotecommand.StreamOptions) int {
	u, err := url.Parse(address)
	c.Check(err)
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{}, http.MethodPost, u)
	c.Check(err)
	ctx, cancel := context.WithTimeout(bg, caller.Limit)
	defer cancel()
	err = executor.StreamWithContext(ctx, options)
	var exit exec.CodeExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	c.Check(err)
	return 0
}

// sizes are those that a terminal gets.
type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, ok := <-s
	if !ok {
		return nil
	}
	return &size
}

// terminal has a terminal of 33 rows, then of 44, before a process that waits for both and ends with a code. It shows a text.
func (c cri) terminal(address string, want int, text string) {
	in, writer := io.Pipe() // nothing is typed
	defer writer.Close()
	var out screen
	queue := make(sizes, 1)
	queue <- remotecommand.TerminalSize{Width: 99, Height: 33}
	done := make(chan struct{})
	go func() {
		defer close(queue)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(out.String(), "33 99") {
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
		queue <- remotecommand.TerminalSize{Width: 111, Height: 44}
	}()
	defer close(done)
	code := c.stream(address, remotecommand.StreamOptions{Stdin: in, Stdout: &out, Tty: true, TerminalSizeQueue: queue})
	if code != want || !strings.Contains(out.String(), text) || !strings.Contains(out.String(), "44 111") {
		c.Errorf("on a terminal: got exit code %d, output %q; want %d, %q and 44 111", code, out.String(), want, text)
	}
}

// forward forwards a port of a pod until the check is over, and returns that of the host.
func (c cri) forward(address string, port int) uint16 {
	u, err := url.Parse(address)
	c.Check(err)
	transport, upgrader, err := spdy.RoundTripperFor(&rest.Config{})
	c.Check(err)
	stop, ready := make(chan struct{}), make(chan struct{})
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, u)
	f, err := portforward.New(dialer, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	c.Check(err)
	ended := make(chan error, 1)
	go func() { ended <- f.ForwardPorts() }()
	c.Cleanup(func() { close(stop) })
	select {
	case <-ready:
	case err := <-ended:
		c.Fatalf("forward ports: %v", err)
	}
	ports, err := f.GetPorts()
	c.Check(err)
	return ports[0].Local
}
