package libcontainer

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// explainExec says what execve(2) does not: which of the files involved is the missing one, or what is wrong with the
// executable. root is the container's root. An errno of execve speaks of the path, of the interpreter of a script, of
// the loader of an ELF file, or of the format, and does not tell which.
func explainExec(err *program.Error, root int) error {
	if err.Note().Op != program.OpExec || err.Report.Status != program.Failed || root < 0 {
		return err
	}
	// Among several candidates the one to explain is the first that is there at all.
	for _, name := range err.Note().Candidates {
		if cause := execCause(root, name, err.Report.Errno); cause != "" {
			return fmt.Errorf("%w: %s %s", err, name, cause)
		}
	}
	if len(err.Note().Candidates) > 1 && err.Report.Errno == syscall.ENOENT {
		return &notFoundError{err}
	}
	return err
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

func execCause(root int, path string, errno syscall.Errno) string {
	fd, err := sys.OpenInRoot(root, path, sys.ORdonly|sys.ONonblock|sys.ONoctty)
	if err != nil {
		return ""
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err != nil {
		return ""
	}
	switch {
	case sys.IsDir(&st):
		return "is a directory"
	case !sys.IsRegular(&st):
		return "is not a regular file"
	case errno == syscall.EACCES && st.Mode&0o111 == 0:
		return fmt.Sprintf("is not executable (mode %#o)", st.Mode&0o7777)
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
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return elfCause(root, fd, errno)
	case errno == syscall.ENOEXEC && n == 0:
		return "is empty"
	case errno == syscall.ENOEXEC:
		return "is neither a program nor a script with a #! line"
	}
	return ""
}

func scriptCause(root int, head []byte) string {
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) == 0 {
		return "has an empty #! line"
	}
	interpreter := fields[0]
	why := missing(root, interpreter)
	if why == "" {
		return ""
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return fmt.Sprintf("its #! line ends in CR LF, so that its interpreter is %q: %s", strings.TrimLeft(string(line), " \t"), why)
	}
	return fmt.Sprintf("its interpreter %s: %s", interpreter, why)
}

// fdReader reads a descriptor at offsets.
type fdReader int

func (r fdReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := sys.Pread(int(r), b, off)
	if err == nil && n < len(b) {
		err = errors.New("unexpected end of file")
	}
	return n, err
}

func elfCause(root, fd int, errno syscall.Errno) string {
	f, err := elf.NewFile(fdReader(fd))
	if err != nil {
		return "is no ELF file that makes sense"
	}
	if want := machine(); want != elf.EM_NONE && f.Machine != want {
		return fmt.Sprintf("is built for %v, and this machine is %s", f.Machine, runtime.GOARCH)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return ""
		}
		loader := string(bytes.TrimRight(name, "\x00"))
		if why := missing(root, loader); why != "" {
			return fmt.Sprintf("its ELF loader %s: %s", loader, why)
		}
	}
	return ""
}

func machine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	case "riscv64":
		return elf.EM_RISCV
	case "ppc64le":
		return elf.EM_PPC64
	case "s390x":
		return elf.EM_S390
	}
	return elf.EM_NONE
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
