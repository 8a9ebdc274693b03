package nsenter

import (
	"fmt"
	"runtime"
	"strconv"
	"syscall"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Files are the descriptors the container's process starts with.
type Files struct {
	Stdio    [3]int
	Preserve []int // become 3, 4, …
}

// Start says what Launch starts.
type Start struct {
	Program    *program.Program
	Inputs     map[string]int // the descriptor for each input the program names
	Files      Files
	Exe        int    // from ProtectedExe
	Namespaces uint64 // CLONE_NEW* of the namespaces the process is born in
	CgroupDir  int    // a cgroup v2 directory to be born in, or -1
	UIDs, GIDs []syscall.SysProcIDMap
	Fault      *program.Fault
	Stamp      bool
}

// Init is a started interpreter, and the process that becomes the workload.
type Init struct {
	Pid     int // of the process that becomes the workload, known after Join when the program forks
	PidFd   int
	Control int // our end of the control socket

	prog    *program.Program
	report  int
	mapped  []byte
	forkPid int    // the process that left after an OpFork, to be reaped
	early   []byte // what the process that went on sent before the one that left had its say
}

// InputControl is the input that every program has: the socket it synchronises with its parent over.
const InputControl = "control"

/*
Launch starts the interpreter in its namespaces. The child is the binary itself, executed as "teu init N":

	N-3…  what the caller preserves, from 3
	N     the program, sealed      N+1  the report page
	N+2…  the inputs               last the binary

The caller owns the returned descriptors and closes them with Close.
*/
func Launch(s *Start) (*Init, error) {
	pair, err := sys.SeqpacketPair()
	if err != nil {
		return nil, err
	}
	defer sys.Close(pair[1])
	in := &Init{prog: s.Program, Control: pair[0], PidFd: -1, report: -1}
	if err := in.start(s, pair[1]); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *Init) start(s *Start, control int) error {
	n := len(s.Program.Insns)
	base := 3 + len(s.Files.Preserve)
	var err error
	if in.report, err = sys.Memfd("teu-report", int64(program.ReportLen(n))); err != nil {
		return err
	}
	if in.mapped, err = sys.MapReport(in.report, program.ReportLen(n)); err != nil {
		return err
	}
	enc, err := s.Program.Encode(program.Layout{
		Report: base + 1, FirstInput: base + 2, Fault: s.Fault, Stamp: s.Stamp,
	})
	if err != nil {
		return err
	}
	image, err := sealedMemfd("teu-program", enc)
	if err != nil {
		return err
	}
	defer sys.Close(image)

	files := make([]uintptr, 0, base+8)
	add := func(fd int) { files = append(files, uintptr(fd)) }
	for _, fd := range s.Files.Stdio {
		add(fd)
	}
	for _, fd := range s.Files.Preserve {
		add(fd)
	}
	add(image)
	add(in.report)
	for _, name := range s.Program.Inputs {
		fd, ok := s.Inputs[name]
		if name == InputControl {
			fd, ok = control, true
		}
		if !ok {
			return fmt.Errorf("launch: input %s: no descriptor: %w", name, syscall.EBADF)
		}
		add(fd)
	}
	add(s.Exe)
	return in.clone(s, files, base)
}

func (in *Init) clone(s *Start, files []uintptr, base int) error {
	attr := syscall.SysProcAttr{
		Cloneflags:  uintptr(s.Namespaces),
		UidMappings: s.UIDs,
		GidMappings: s.GIDs,
		PidFD:       &in.PidFd,
	}
	if s.CgroupDir >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, s.CgroupDir
	}
	if s.Namespaces&sys.CloneNewUser != 0 {
		// Without a mapped id 0 the exec below would lose the capabilities in the new user namespace.
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{NoSetGroups: true}
	}
	exe := "/proc/self/fd/" + strconv.Itoa(len(files)-1)
	pid, err := syscall.ForkExec(exe, []string{"teu", "init", strconv.Itoa(base)}, &syscall.ProcAttr{
		Files: files, Sys: &attr, Env: []string{},
	})
	runtime.KeepAlive(s)
	if err != nil {
		return fmt.Errorf("clone into namespaces %s: %w", program.CloneFlags(s.Namespaces), err)
	}
	in.Pid = pid
	return nil
}

func sealedMemfd(name string, data []byte) (int, error) {
	fd, err := sys.Memfd(name, 0)
	if err != nil {
		return -1, err
	}
	if err = sys.WriteAll(fd, data); err == nil {
		err = sys.Seal(fd)
	}
	if err != nil {
		sys.Close(fd)
		return -1, fmt.Errorf("memfd %s: %w", name, err)
	}
	return fd, nil
}

// Close closes the descriptors of in; the process goes on.
func (in *Init) Close() {
	for _, fd := range [3]int{in.PidFd, in.Control, in.report} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
	in.PidFd, in.Control, in.report = -1, -1, -1
	if in.mapped != nil {
		sys.Unmap(in.mapped)
		in.mapped = nil
	}
}

// The bytes that go over the control socket.
const (
	ByteForked = 'f' // interpreter: the report holds the pid of the process that goes on
	ByteReady  = 's' // interpreter: a Sync that waits for the same byte
)

// Expect waits for the interpreter to reach Sync(b). When the interpreter fails first, the error is its report.
func (in *Init) Expect(b byte) error {
	for {
		if len(in.early) > 0 {
			got := in.early[0]
			in.early = in.early[1:]
			if got != b {
				return fmt.Errorf("wait for init: unexpected message %q: %w", got, syscall.EPROTO)
			}
			return nil
		}
		got, ok, err := sys.RecvByte(in.Control)
		switch {
		case err != nil:
			return fmt.Errorf("wait for init: %w", err)
		case !ok:
			return in.Failure()
		case got == b:
			return nil
		default:
			return fmt.Errorf("wait for init: unexpected message %q: %w", got, syscall.EPROTO)
		}
	}
}

// Join waits until the process that becomes the workload exists, when the program forks. The two processes share the
// socket, so the new one's first message may come before the word of the old one.
func (in *Init) Join() error {
	for {
		got, ok, err := sys.RecvByte(in.Control)
		switch {
		case err != nil:
			return fmt.Errorf("wait for init: %w", err)
		case !ok:
			return in.Failure()
		case got == ByteForked:
			return in.adopt()
		}
		in.early = append(in.early, got)
	}
}

// adopt takes over the process that went on after OpFork; it is our child because of CLONE_PARENT, so its pid is ours
// until we reap it.
func (in *Init) adopt() error {
	r, err := in.Report()
	if err != nil {
		return err
	}
	if r.Pid <= 0 {
		return fmt.Errorf("wait for init: no pid after fork: %w", syscall.EPROTO)
	}
	fd, err := sys.PidfdOpen(r.Pid)
	if err != nil {
		return err
	}
	sys.Close(in.PidFd)
	in.forkPid, in.Pid, in.PidFd = in.Pid, r.Pid, fd
	_, err = sys.Wait4(in.forkPid)
	return err
}

// Go answers a Sync.
func (in *Init) Go(b byte) error {
	if err := sys.SendByte(in.Control, b); err != nil {
		return in.Failure()
	}
	return nil
}

// WaitExec waits until the workload runs, which closes the control socket, or the interpreter has failed.
func (in *Init) WaitExec() error {
	_, ok, err := sys.RecvByte(in.Control)
	if err != nil {
		return fmt.Errorf("wait for init: %w", err)
	}
	if ok {
		return fmt.Errorf("wait for init: message after the last: %w", syscall.EPROTO)
	}
	r, err := in.Report()
	if err != nil {
		return err
	}
	if r.Status == program.Execing {
		return nil
	}
	return in.Failure()
}

// Report reads the report page.
func (in *Init) Report() (program.Report, error) {
	return program.DecodeReport(in.mapped, len(in.prog.Insns))
}

// Failure is why the interpreter ended before its time.
func (in *Init) Failure() error {
	r, err := in.Report()
	if err != nil {
		return err
	}
	notes := make([]program.Note, len(in.prog.Insns))
	for i := range in.prog.Insns {
		notes[i] = program.NoteOf(&in.prog.Insns[i])
	}
	return &program.Error{Report: r, Notes: notes}
}

// Instructions describes each instruction of the program in a line.
func (in *Init) Instructions() []string { return in.prog.Lines() }
