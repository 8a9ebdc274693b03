package libcontainer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// explainExec says what execve(2) does not: which of the files involved is the missing one, or what is wrong with the
// executable. root is the container's root. An errno of execve speaks of the path, of the interpreter of a script, of
// the loader of an ELF file, or of the format, and does not tell which.
func explainExec(err *program.Error, root int) error {
	n := err.Note()
	if err.Report.Status != program.Failed || n.Op != program.OpFind && (n.Op != program.OpExec || root < 0) {
		return err
	}
	if n.Op == program.OpFind && err.Report.Errno == syscall.EACCES {
		if i := int(err.Report.Detail >> 16); i < len(n.Candidates) {
			return fmt.Errorf("%w: %s %s", err, n.Candidates[i], modeCause(err.Report.Detail&0xffff))
		}
		return err
	}
	if name, cause := causeOf(err, root); cause != "" {
		return fmt.Errorf("%w: %s %s", err, name, cause)
	}
	if err.Report.Errno == syscall.ENOENT && !strings.Contains(n.What, "/") {
		return &notFoundError{err} // only a name without a slash is looked up in $PATH
	}
	return err
}

// lookWait bounds the look at what could not be executed: its filesystem may be one that a process of the container serves.
const lookWait = 2 * time.Second

// causeOf is which of the candidates to explain, and what is wrong with it, or "".
func causeOf(err *program.Error, root int) (name, cause string) {
	held, derr := sys.Dup(root) // it may be needed for longer than the caller waits
	if derr != nil {
		return "", ""
	}
	found := make(chan [2]string, 1)
	go func() {
		defer sys.Close(held)
		for _, name := range tried(err) {
			path := name
			if !strings.HasPrefix(name, "/") {
				path = dirAt(err) + "/" + name
			}
			if cause := execCause(held, path, err.Report.Errno); cause != "" {
				found <- [2]string{name, cause}
				return
			}
		}
		found <- [2]string{}
	}()
	select {
	case f := <-found:
		return f[0], f[1]
	case <-time.After(lookWait):
		return "", ""
	}
}

// tried are the candidates that the errno may be about: the one that execve(2) has given it for or, when it has found none to
// execute, all, of which the first that is there is meant.
func tried(err *program.Error) []string {
	list, at := err.Note().Candidates, int(err.Report.Detail)
	if e := err.Report.Errno; err.Note().Op == program.OpExec && e != syscall.ENOENT && e != syscall.ENOTDIR && at < len(list) {
		return list[at : at+1]
	}
	return list
}

// dirAt is the directory that the program was in when it failed.
func dirAt(err *program.Error) string {
	for i := min(err.Report.Insn, len(err.Notes)-1); i >= 0; i-- {
		if dir := err.Notes[i].Dir; strings.HasPrefix(dir, "/") {
			return dir
		}
	}
	return ""
}

// notFoundError is ENOENT of a name looked up in $PATH, in the words that callers look for.
type notFoundError struct{ err *program.Error }

func (e *notFoundError) Error() string {
	n := e.err.Note()
	return n.Where + ": " + n.What + ": executable file not found in $PATH"
}

func (e *notFoundError) Unwrap() error { return e.err }

// maxScriptLine is what the kernel reads of a script's first line (BINPRM_BUF_SIZE).
const maxScriptLine = 256

// modeCause is why nobody can execute a file of this mode.
func modeCause(mode uint32) string {
	switch mode & sys.SIfmt {
	case sys.SIfdir:
		return "is a directory"
	case sys.SIfreg:
		return fmt.Sprintf("is not executable (mode %#o)", mode&0o7777)
	}
	return "is not a regular file"
}

func execCause(root int, path string, errno syscall.Errno) string {
	fd, st, err := sys.OpenRegular(root, path)
	switch {
	case sys.IsDir(&st):
		return modeCause(st.Mode)
	case errors.Is(err, syscall.EINVAL):
		return "is not a regular file"
	case err != nil:
		return ""
	}
	defer sys.Close(fd)
	if errno == syscall.EACCES && st.Mode&0o111 == 0 {
		return modeCause(st.Mode)
	}
	if noexec, err := sys.IsNoexec("/proc/self/fd/" + strconv.Itoa(fd)); err == nil && noexec && errno == syscall.EACCES {
		return "is on a mount with noexec"
	}
	head := make([]byte, maxScriptLine)
	n, err := sys.Pread(fd, head, 0)
	if err != nil {
		return ""
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return scriptCause(root, head)
	case bytes.HasPrefix(head, []byte(elfMagic)):
		return elfCause(root, fd, head)
	case errno == syscall.ENOEXEC && n == 0:
		return "is empty"
	case errno == syscall.ENOEXEC:
		return "is neither a program nor a script with a #! line"
	}
	return ""
}

func scriptCause(root int, head []byte) string {
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	// Blanks and tabs only, as the kernel has it: a CR is part of the name.
	fields := strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) == 0 {
		return "has an empty #! line"
	}
	interpreter := fields[0]
	why := missing(root, interpreter)
	if why == "" {
		return ""
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return fmt.Sprintf("has a #! line that ends in CR LF, so that its interpreter is %q: %s", strings.TrimLeft(string(line), " \t"), why)
	}
	return fmt.Sprintf("wants the interpreter %s: %s", printable(interpreter), why)
}

// Offsets and values of elf(5) for the ELF files of 64-bit little-endian machines. debug/elf knows them all, and its
// imports cost every start of teu more than this costs to read.
const (
	elfMagic      = "\x7fELF"
	elfClass64    = 2
	elfMachineAt  = 18
	elfPhoffAt    = 32
	elfPhentAt    = 54
	elfPhnumAt    = 56
	elfInterp     = 3 // PT_INTERP
	elfMaxHeaders = 64
)

func elfCause(root, fd int, head []byte) string {
	if len(head) < 64 {
		return "is cut short"
	}
	le := binary.LittleEndian
	if want := machine(); want != 0 && (le.Uint16(head[elfMachineAt:]) != want || head[4] != elfClass64) {
		return fmt.Sprintf("is built for another machine (ELF machine %d), this one is %s", le.Uint16(head[elfMachineAt:]), runtime.GOARCH)
	}
	off, size, n := int64(le.Uint64(head[elfPhoffAt:])), int64(le.Uint16(head[elfPhentAt:])), int64(le.Uint16(head[elfPhnumAt:]))
	if size < 56 || n > elfMaxHeaders {
		return ""
	}
	for i := range n {
		var ph [56]byte
		if m, err := sys.Pread(fd, ph[:], off+i*size); err != nil || m < len(ph) {
			return "is cut short"
		}
		if le.Uint32(ph[0:]) != elfInterp {
			continue
		}
		name := make([]byte, min(le.Uint64(ph[32:]), 4096))
		if _, err := sys.Pread(fd, name, int64(le.Uint64(ph[8:]))); err != nil {
			return ""
		}
		loader := string(bytes.TrimRight(name, "\x00"))
		if why := missing(root, loader); why != "" {
			return fmt.Sprintf("wants the ELF loader %s: %s", printable(loader), why)
		}
	}
	return ""
}

// printable is a name out of an image's file, fit for a terminal and for a log of one line a message.
func printable(name string) string {
	if q := strconv.Quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}

// machine is e_machine of this architecture, or 0 when elfCause does not know it.
func machine() uint16 {
	switch runtime.GOARCH {
	case "amd64":
		return 62
	case "arm64":
		return 183
	case "riscv64":
		return 243
	}
	return 0
}

// missing is why path cannot be executed inside root, or "".
func missing(root int, path string) string {
	fd, err := sys.OpenInRoot(root, path, sys.OPath)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	if err != nil {
		return err.Error()
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err == nil && st.Mode&0o111 == 0 {
		return syscall.EACCES.Error()
	}
	return ""
}
