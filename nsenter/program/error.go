package program

import (
	"fmt"
	"strings"
	"syscall"
)

// Error is a program that did not come to its end. It unwraps to the errno.
type Error struct {
	Report Report
	Notes  []Note
}

// Note returns what the instruction that failed says of itself.
func (e *Error) Note() Note {
	if e.Report.Insn < len(e.Notes) {
		return e.Notes[e.Report.Insn]
	}
	return Note{}
}

// Error is `where: what: call: cause`.
func (e *Error) Error() string {
	n := e.Note()
	var parts []string
	for _, s := range [2]string{n.Where, n.What} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Report.Status != Failed {
		return strings.Join(append(parts, "init died"), ": ")
	}
	switch {
	case n.Op == OpHook && e.Report.Errno == syscall.ECHILD:
		return strings.Join(append(parts, waitStatus(e.Report.Detail)), ": ")
	case n.Op == OpHook && e.Report.Errno == syscall.ETIMEDOUT:
		return strings.Join(append(parts, "killed after its timeout"), ": ")
	case n.Op == OpCheckDev && e.Report.Errno == syscall.ENODEV:
		return strings.Join(append(parts, "not the device it should be", e.Report.Errno.Error()), ": ")
	case n.Op == OpTarget && e.Report.Errno == syscall.ELOOP:
		return strings.Join(append(parts, "a symlink is in the way", e.Report.Errno.Error()), ": ")
	case n.Op == OpTarget && e.Report.Errno == syscall.EXDEV:
		return strings.Join(append(parts, "it leads into /proc", e.Report.Errno.Error()), ": ")
	case n.Op == OpCheckFs && e.Report.Errno == syscall.EXDEV:
		return strings.Join(append(parts, "not the type of filesystem it should be", e.Report.Errno.Error()), ": ")
	case n.Op == OpCopyLink && e.Report.Errno == syscall.EEXIST:
		return strings.Join(append(parts, "something else is there", e.Report.Errno.Error()), ": ")
	case n.Op == OpListen:
		return strings.Join(append(parts, listenStep(e.Report.Detail), e.Report.Errno.Error()), ": ")
	case n.Op == OpExec || n.Op == OpFind || n.Op == OpHook || n.Op == OpTarget:
		// More than one call, and no name that says more than the purpose does.
		return strings.Join(append(parts, e.Report.Errno.Error()), ": ")
	}
	parts = append(parts, callName(n), e.Report.Errno.Error())
	s := strings.Join(parts, ": ")
	if e.Report.Text != "" {
		// "e tmpfs: Bad value for 'size'": the letter is the level.
		s += fmt.Sprintf(" (%s)", strings.TrimPrefix(e.Report.Text, "e "))
	}
	return s
}

// listenStep is what a listen failed at; nsenter/listener.c has the same numbers.
func listenStep(detail uint32) string {
	switch detail {
	case 1:
		return "start a thread that sends it"
	case 2:
		return "load the filter"
	case 3:
		return "send"
	}
	return OpListen.String()
}

func waitStatus(detail uint32) string {
	if sig := detail & 0x7f; sig != 0 {
		return "signal: " + syscall.Signal(sig).String()
	}
	return fmt.Sprintf("exit status %d", detail>>8)
}

// Unwrap is the errno, or nil when the process died without one.
func (e *Error) Unwrap() error {
	if e.Report.Status != Failed {
		return nil
	}
	return e.Report.Errno
}

func callName(n Note) string {
	if n.Op == OpSyscall {
		if sig, ok := signatureOf(n.Nr); ok {
			return sig.name
		}
	}
	return n.Op.String()
}
