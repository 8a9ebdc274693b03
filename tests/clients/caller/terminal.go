package caller

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"teu/internal/sys"
)

// Terminal is a program on a terminal of its own, as a user would have it.
type Terminal struct {
	t      *T
	cmd    *exec.Cmd
	fd     int // of the master: os.File.Fd would make it block
	master *os.File
	read   chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

// OnTerminal starts the program with arguments on a terminal of 33 rows and 99 columns.
func (p Program) OnTerminal(t *T, args ...string) *Terminal {
	master, slave, err := sys.OpenPTY()
	t.Check(err)
	t.Check(sys.SetWinsize(master, &sys.Winsize{Row: 33, Col: 99}))
	t.Check(sys.SetNonblock(master, true))
	term := &Terminal{t: t, fd: master, master: os.NewFile(uintptr(master), "master"), read: make(chan struct{})}
	s := os.NewFile(uintptr(slave), "slave")
	defer s.Close()
	c, cancel := p.Command(args...)
	c.Stdin, c.Stdout, c.Stderr = s, s, s
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	t.Check(c.Start())
	t.Cleanup(func() {
		cancel()
		term.master.Close()
	})
	term.cmd = c
	go term.collect()
	return term
}

func (term *Terminal) collect() {
	defer close(term.read)
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf) // EIO when nobody has the slave open any more
		term.mu.Lock()
		term.text.Write(buf[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Screen is what has appeared, without carriage returns.
func (term *Terminal) Screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return strings.ReplaceAll(term.text.String(), "\r", "")
}

// Type types a text.
func (term *Terminal) Type(text string) {
	_, err := term.master.WriteString(text)
	term.t.Check(err)
}

// Resize gives the terminal another size, of which its foreground processes hear by SIGWINCH.
func (term *Terminal) Resize(rows, columns uint16) {
	term.t.Check(sys.SetWinsize(term.fd, &sys.Winsize{Row: rows, Col: columns}))
}

// Expect waits until the text has appeared.
func (term *Terminal) Expect(text string) {
	Until(term.t, "the terminal shows "+text, func() bool { return strings.Contains(term.Screen(), text) })
}

// End waits for the program and returns its exit code.
func (term *Terminal) End() int {
	err := term.cmd.Wait()
	<-term.read
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		term.t.Fatalf("wait for %v: %v: %s", term.cmd.Args, err, term.Screen())
	}
	return term.cmd.ProcessState.ExitCode()
}
