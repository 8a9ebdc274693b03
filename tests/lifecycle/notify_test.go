package lifecycle

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// manager is the socket of a service manager that has started teu.
type manager struct {
	b *kit.Bundle
	t *testing.T
	l *net.UnixConn
}

func notified(t *testing.T, b *kit.Bundle) *manager {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: b.Dir + "/notify", Net: "unixgram"})
	check(t, err)
	t.Cleanup(func() { l.Close() })
	return &manager{b, t, l}
}

func (m *manager) command(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := m.b.Command(args...)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.b.Dir+"/notify")
	return cmd
}

// heard is the next message.
func (m *manager) heard() string {
	m.t.Helper()
	check(m.t, m.l.SetDeadline(time.Now().Add(kit.Limit)))
	buf := make([]byte, 4096)
	n, err := m.l.Read(buf)
	check(m.t, err)
	return string(buf[:n])
}

// say sends a message as a process of the container does (sd_notify(3)).
func say(t *testing.T, pid int, socket, message string) {
	t.Helper()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: fmt.Sprintf("/proc/%d/root%s", pid, socket), Net: "unixgram"})
	check(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	check(t, err)
}

// TestNotify: that the process is ready comes to the socket that teu was given, and no other thing it says; who is detached
// returns then.
func TestNotify(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"run", "run --detach", "start"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, everyNamespace, kit.Args("sleep", "forever"))
			m := notified(t, b)
			if verb == "start" {
				if res := b.Do(m.command("create", b.ID)); res.Code != 0 {
					t.Fatalf("%v, want exit code 0", res)
				}
			}
			cmd := m.command(append(strings.Fields(verb), b.ID)...)
			check(t, cmd.Start())
			b.Until("it runs", func() bool {
				return b.Teu("state", b.ID).Code == 0 && b.State().Status == specs.StateRunning
			})
			pid := b.State().Pid
			var socket string
			for v := range strings.SplitSeq(procFile(t, pid, "environ"), "\x00") {
				if s, found := strings.CutPrefix(v, "NOTIFY_SOCKET="); found {
					socket = s
				}
			}
			if socket == "" || strings.HasPrefix(socket, b.Dir) {
				t.Fatalf("NOTIFY_SOCKET inside: got %q, want a path that is not in %s", socket, b.Dir)
			}
			say(t, pid, socket, "STATUS=nearly\nMAINPID=1\n")
			say(t, pid, socket, "STATUS=there\nMAINPID=1\nREADY=1\n")
			if got, want := m.heard(), fmt.Sprintf("MAINPID=%d\nREADY=1", pid); strings.TrimSpace(got) != want {
				t.Errorf("notified: got %q, want %q", got, want)
			}
			if verb == "run" {
				b.OK("kill", b.ID, "KILL")
			}
			if res := b.Wait(cmd); (res.Code == 0) == (verb == "run") || res.Stderr != "" {
				t.Errorf("%v, want a failure only of run, and no stderr", res)
			}
		})
	}
}

// TestNotifyEnds: a process that ends without a word holds nobody up.
func TestNotifyEnds(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("true"))
	m := notified(t, b)
	for _, args := range [][]string{{"run", b.ID}, {"run", "--detach", b.ID}} {
		if res := b.Do(m.command(args...)); res.Code != 0 {
			t.Errorf("%v, want exit code 0", res)
		}
	}
}
