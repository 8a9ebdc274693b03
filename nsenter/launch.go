package nsenter

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"syscall"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Start says what Spawn starts.
type Start struct {
	Stdio      *[3]int // the standard streams, nil for the caller's own
	Preserve   []int   // descriptors that become 3, 4, …, Hole for a number with none
	Exe        *Exe    // from ProtectedExe
	Namespaces uint64  // CLONE_NEW* of the namespaces the process is born in
	CgroupDir  int     // a cgroup v2 directory to be born in, or -1
	UIDs, GIDs []syscall.SysProcIDMap
	UID, GID   uint32 // who the process is in a new user namespace: root, or another where that is not mapped
	// CPUs is the mask of those that the process starts on, nil for all: the runtime's own are no concern of a container's
	// (runc #4041).
	CPUs []uint64
}

// Hole is no descriptor, in Start.Preserve. The interpreter may use the number, close-on-exec as all that it opens.
const Hole = -1

// Init is a started interpreter, and the process that becomes the workload.
type Init struct {
	Pid     int // of the process that becomes the workload, known after Join when the program forks
	PidFd   int
	Control int // our end of the control socket
	// Cloned says that the process was born in Start.CgroupDir; else it has to be moved there.
	Cloned bool
	// Signals is what CatchSignals has returned, or -1. One that would end a process ends each wait for the interpreter, which somebody
	// may have stopped; the others are in Held, for the process to get once it executes its program.
	Signals int
	Held    []byte

	theirs int
	prog   *program.Program
	report int
	mapped []byte
	early  []byte // what the process that went on sent before the one that left had its say
}

// InputControl is the first input of every program: the socket it came over and synchronises with its parent over.
const InputControl = "control"

// New makes what init and its parent talk over. The caller closes it with Close.
func New() (*Init, error) {
	pair, err := sys.SeqpacketPair()
	if err != nil {
		return nil, err
	}
	return &Init{Control: pair[0], theirs: pair[1], PidFd: -1, Signals: -1, report: -1}, nil
}

// Name gives init's end of the control socket a name, before Spawn: see [Waits].
func (in *Init) Name(path string) error { return sys.BindUnix(in.theirs, path) }

// Waits reports whether the process whose end of the control socket has that name still is the interpreter: the end of the
// process closes it, and so does execve(2) of the container's program, which cannot get it back. ENOENT: it has no name.
func Waits(name string) (bool, error) { return sys.Bound(name) }

/*
Spawn starts the interpreter in its namespaces: the binary itself, executed as "teu init N", with the standard
streams, what is preserved from 3 on, N, the control socket, and N+1, the binary. There it waits for its program, which
Run may already have sent: the two may be called beside each other. A failed Spawn may be tried again.
*/
func (in *Init) Spawn(s *Start) error {
	err := in.clone(s)
	if err == nil && s.CgroupDir >= 0 && in.stillborn() {
		// Linux 6.18 kills the child of CLONE_INTO_CGROUP when the caller's cgroup and the target were not written to
		// cgroup.kill equally often. It did not come to its first instruction, so another can take its place.
		s.CgroupDir = -1
		err = in.clone(s)
	}
	if err != nil {
		return err
	}
	in.Cloned = s.CgroupDir >= 0
	sys.Close(in.theirs)
	in.theirs = -1
	return nil
}

func (in *Init) clone(s *Start) error {
	restore, err := onCPUs(s.CPUs)
	defer restore()
	if err != nil {
		return fmt.Errorf("process.execCPUAffinity.initial: %w", err)
	}
	files := make([]uintptr, 0, 3+len(s.Preserve)+2)
	if s.Stdio == nil {
		s.Stdio = &[3]int{0, 1, 2}
	}
	for _, fd := range s.Stdio {
		files = append(files, uintptr(fd))
	}
	for _, fd := range s.Preserve {
		files = append(files, uintptr(fd))
	}
	n := len(files)
	files = append(files, uintptr(in.theirs), uintptr(s.Exe.fd))
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
		// Whoever is not root there loses the capabilities by the exec below, if they are not ambient.
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{Uid: s.UID, Gid: s.GID, NoSetGroups: true}
		if s.UID != 0 {
			attr.AmbientCaps = allCaps()
		}
	}
	exe := "/proc/self/fd/" + strconv.Itoa(n+1)
	pid, err := syscall.ForkExec(exe, []string{"teu", "init", strconv.Itoa(n)}, &syscall.ProcAttr{
		Files: files, Sys: &attr, Env: []string{},
	})
	if err != nil {
		return fmt.Errorf("clone into namespaces %s: %w", program.CloneFlags(s.Namespaces), err)
	}
	in.Pid = pid
	return nil
}

// allCaps are the capabilities that the kernel knows.
func allCaps() (list []uintptr) {
	for n := 0; n < 64; n++ {
		if _, known := sys.CapBounded(n); !known {
			break
		}
		list = append(list, uintptr(n))
	}
	return list
}

// onCPUs has the calling thread run on the CPUs of mask, nil for all, until restore, for a child to inherit that. The
// thread must not end: its child would be told of its parent's death.
func onCPUs(mask []uint64) (restore func(), err error) {
	runtime.LockOSThread()
	if mask == nil {
		// Where that is not allowed the process runs where its parent does, until its cgroup says more.
		if err = sys.SchedSetaffinity(0, sys.AllCPUs()); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			err = nil
		}
		return runtime.UnlockOSThread, err
	}
	own, err := sys.SchedGetaffinity(0)
	if err == nil {
		err = sys.SchedSetaffinity(0, mask)
	}
	return func() {
		sys.SchedSetaffinity(0, own) // it had these before
		runtime.UnlockOSThread()
	}, err
}

// maxFDs is SCM_MAX_FD, the most descriptors that one message brings (unix(7)).
const maxFDs = 253

// Run sends the interpreter its program, with a descriptor for each input that the program names.
func (in *Init) Run(p *program.Program, inputs map[string]int, o program.Options) error {
	if len(p.Inputs) == 0 || p.Inputs[0] != InputControl {
		return fmt.Errorf("run program: first input is not %s: %w", InputControl, syscall.EINVAL)
	}
	if n := len(p.Inputs) + 1; n > maxFDs {
		return fmt.Errorf("run program: %d descriptors, at most %d: %w", n, maxFDs, syscall.E2BIG)
	}
	in.prog = p
	size := program.ReportLen(len(p.Insns))
	var err error
	if in.report, err = sys.Memfd("teu-report", int64(size)); err != nil {
		return err
	}
	if err = sys.SealSize(in.report); err != nil {
		return err
	}
	if in.mapped, err = sys.MapReport(in.report, size); err != nil {
		return err
	}
	enc, err := p.Encode(o)
	if err != nil {
		return err
	}
	image, err := sealedMemfd("teu-program", enc)
	if err != nil {
		return err
	}
	defer sys.Close(image)
	fds := make([]int, 0, len(p.Inputs)+1)
	fds = append(fds, image, in.report)
	for _, name := range p.Inputs[1:] {
		fd, ok := inputs[name]
		if !ok {
			return fmt.Errorf("run program: input %s: no descriptor: %w", name, syscall.EBADF)
		}
		fds = append(fds, fd)
	}
	if err := sys.SendFDs(in.Control, []byte{0}, fds...); err != nil {
		return fmt.Errorf("run program: %w", err)
	}
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
	for _, fd := range [4]int{in.PidFd, in.Control, in.report, in.theirs} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
	in.PidFd, in.Control, in.report, in.theirs = -1, -1, -1, -1
	if in.mapped != nil {
		sys.Unmap(in.mapped)
		in.mapped = nil
	}
}

// Report reads the report page.
func (in *Init) Report() (program.Report, error) {
	if in.mapped == nil {
		return program.Report{}, nil
	}
	return program.DecodeReport(in.mapped, len(in.prog.Insns))
}

// Failure is why the interpreter ended before its time.
func (in *Init) Failure() error {
	r, err := in.Report()
	if err != nil {
		return err
	}
	if in.prog == nil {
		return &program.Error{}
	}
	return &program.Error{Report: r, Notes: in.Notes()}
}

// Notes are what the instructions of the program say of themselves; none before Run.
func (in *Init) Notes() []program.Note {
	if in.prog == nil {
		return nil
	}
	notes := make([]program.Note, len(in.prog.Insns))
	for i := range in.prog.Insns {
		notes[i] = program.NoteOf(&in.prog.Insns[i])
	}
	return notes
}

// Instructions describes each instruction of the program in a line.
func (in *Init) Instructions() []string { return in.prog.Lines() }
