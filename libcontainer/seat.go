package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/spec/names"
)

// seat is where a process is: its namespaces, in the order of joinOrder, and its root. create records that of init before it runs
// anything of the container's; exec goes nowhere else.
type seat struct {
	ns   [len(joinOrder)]fileID // zero of a kind that the kernel does not have
	root rootID
}

// fileID tells a namespace from every other (namespaces(7)).
type fileID struct{ dev, ino uint64 }

// rootID tells a directory from every other, see sys.Directory.
type rootID struct{ dev, ino, mount uint64 }

// String is s in a record, "net=4:4026531840 … root=8:2:31".
func (s *seat) String() string {
	var b strings.Builder
	for i, id := range s.ns {
		if id != (fileID{}) {
			fmt.Fprintf(&b, "%s=%d:%d ", names.ProcNamespace(joinOrder[i]), id.dev, id.ino)
		}
	}
	fmt.Fprintf(&b, "root=%d:%d:%d", s.root.dev, s.root.ino, s.root.mount)
	return b.String()
}

// parseSeat reads what String has written. A record of before Linux namespaces were recorded has "", which is nil.
func parseSeat(text string) (*seat, error) {
	if text == "" {
		return nil, nil
	}
	s := new(seat)
	for field := range strings.SplitSeq(text, " ") {
		name, value, _ := strings.Cut(field, "=")
		var n [3]uint64
		parts := strings.Split(value, ":")
		bad := len(parts) > len(n)
		for i := 0; i < len(parts) && !bad; i++ {
			var err error
			n[i], err = strconv.ParseUint(parts[i], 10, 64)
			bad = err != nil
		}
		if bad || !s.set(name, n, len(parts)) {
			return nil, fmt.Errorf("record of the namespaces: %.64q: %w", field, syscall.EBADMSG)
		}
	}
	if s.root == (rootID{}) {
		return nil, fmt.Errorf("record of the namespaces: no root: %w", syscall.EBADMSG)
	}
	return s, nil
}

func (s *seat) set(name string, n [3]uint64, parts int) bool {
	if name == "root" {
		s.root = rootID{n[0], n[1], n[2]}
		return parts == 3
	}
	for i, flag := range joinOrder {
		if name == names.ProcNamespace(flag) {
			s.ns[i] = fileID{n[0], n[1]}
			return parts == 2
		}
	}
	return false
}

// seatOf finds out where process pid is.
func seatOf(pid int) (*seat, error) {
	t, err := openThread(pid)
	if err != nil {
		return nil, err
	}
	defer t.close()
	s := new(seat)
	if s.ns, err = t.namespaces(); err == nil {
		s.root, err = rootOf(t.root)
	}
	return s, err
}

// recordSeat notes where init is, while it waits: exec is to go there and nowhere else.
func (c *creation) recordSeat() error {
	s, err := seatOf(c.init.Pid)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		// It is undumpable, and the runtime has no CAP_SYS_PTRACE. Of the workload exec may find out what it joins all the same.
		c.r.Log.Debugf("no record of the namespaces: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	c.state.Namespaces = s.String()
	return nil
}

func rootOf(fd int) (id rootID, err error) {
	id.dev, id.ino, id.mount, err = sys.Directory(fd)
	return id, err
}

// thread is what /proc has of a thread of a process: the first or, when that has ended and others live on, one of those.
type thread struct {
	at      string // in /proc/PID, with a slash behind it, or ""
	process int    // /proc/PID
	ns      int    // ns of the thread
	root    int
}

func (t *thread) close() {
	for _, fd := range [3]int{t.process, t.ns, t.root} {
		if fd >= 0 {
			sys.Close(fd)
		}
	}
}

// openThread opens a thread of process pid, or ESRCH when none lives.
func openThread(pid int) (_ *thread, err error) {
	t := &thread{process: -1, ns: -1, root: -1}
	defer func() {
		if err != nil {
			t.close()
			if errors.Is(err, syscall.ENOENT) {
				err = syscall.ESRCH
			}
			err = fmt.Errorf("open process %d: %w", pid, err)
		}
	}()
	if t.process, err = sys.Openat(sys.AtFdcwd, "/proc/"+strconv.Itoa(pid), sys.OPath|sys.ODirectory, 0); err != nil {
		return nil, err
	}
	// A thread that has ended has neither root nor namespaces.
	if err = t.open(""); err != syscall.ENOENT {
		return t, err
	}
	tasks, err := sys.Openat(t.process, "task", sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(tasks), "task")
	defer f.Close()
	ids, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err = t.open("task/" + id + "/"); err == nil {
			return t, nil
		}
	}
	return nil, syscall.ESRCH
}

func (t *thread) open(at string) (err error) {
	if t.root, err = sys.Openat(t.process, at+"root", sys.OPath|sys.ODirectory, 0); err != nil {
		return err
	}
	if t.ns, err = sys.Openat(t.process, at+"ns", sys.OPath|sys.ODirectory, 0); err != nil {
		sys.Close(t.root)
		t.root = -1
	}
	t.at = at
	return err
}

// namespaces asks which namespaces the thread is in.
func (t *thread) namespaces() (ids [len(joinOrder)]fileID, err error) {
	for i := range joinOrder {
		ids[i], err = namespaceAt(t.ns, i)
		if err == syscall.ENOENT && joinOrder[i] == sys.CloneNewTime {
			err = nil // not in this kernel (CONFIG_TIME_NS)
		}
		if err != nil {
			return ids, fmt.Errorf("stat namespace %s: %w", names.ProcNamespace(joinOrder[i]), err)
		}
	}
	return ids, nil
}

func namespaceAt(dir, kind int) (fileID, error) {
	st, err := sys.Statat(dir, names.ProcNamespace(joinOrder[kind]))
	return fileID{st.Dev, st.Ino}, err
}

// pin is where exec goes: what it has opened and compared, and what it joins.
type pin struct {
	way
	fds         map[uint64]int // of the namespaces that are joined, by flag
	root        int            // the container's, or -1
	noSetgroups bool           // the user namespace that is joined denies setgroups(2)
}

// close closes the root, and the namespaces that nobody has taken out of fds.
func (p *pin) close() {
	for _, fd := range p.fds {
		sys.Close(fd)
	}
	if p.root >= 0 {
		sys.Close(p.root)
	}
}

// pinned opens where process pid is, each thing once, and refuses what is not as recorded: the container's processes may move
// at any time, into namespaces of their own making. Without a record it is what is there.
func pinned(pid int, recorded *seat) (_ *pin, err error) {
	t, err := openThread(pid)
	if err != nil {
		return nil, err
	}
	p := &pin{fds: map[uint64]int{}, root: -1}
	defer func() {
		t.close()
		if err != nil {
			p.close()
		}
	}()
	self, err := sys.Openat(sys.AtFdcwd, "/proc/self/ns", sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/self/ns: %w", err)
	}
	defer sys.Close(self)
	own, err := (&thread{ns: self}).namespaces()
	if err != nil {
		return nil, err
	}
	// A process that leaves a user namespace does not come back: what is asked before it is found there is true of that one.
	const user = len(joinOrder) - 1
	if recorded == nil || recorded.ns[user] != own[user] {
		if p.noSetgroups, err = host.SetgroupsDenied(t.process); err != nil {
			return nil, err
		}
	}
	for i := range joinOrder {
		if own[i] == (fileID{}) {
			continue
		}
		if err := p.pinNamespace(t, i, own[i], recorded); err != nil {
			return nil, err
		}
	}
	return p, p.pinRoot(t, recorded)
}

func (p *pin) pinNamespace(t *thread, kind int, own fileID, recorded *seat) error {
	name := names.ProcNamespace(joinOrder[kind])
	if recorded != nil && recorded.ns[kind] == own {
		id, err := namespaceAt(t.ns, kind)
		if err != nil {
			return fmt.Errorf("stat namespace %s: %w", name, err)
		}
		if id != own {
			return movedError(kind)
		}
		return nil
	}
	fd, err := sys.Openat(t.ns, name, sys.ORdonly, 0)
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", name, err)
	}
	p.fds[joinOrder[kind]] = fd
	st, err := sys.Fstat(fd)
	if err != nil {
		return fmt.Errorf("stat namespace %s: %w", name, err)
	}
	id := fileID{st.Dev, st.Ino}
	if recorded != nil && id != recorded.ns[kind] {
		return movedError(kind)
	}
	if id == own {
		delete(p.fds, joinOrder[kind])
		return sys.Close(fd)
	}
	p.joined |= joinOrder[kind]
	return nil
}

func movedError(kind int) error {
	return fmt.Errorf("its first process has moved to another %s namespace; exec joins only those that create has made or joined",
		names.NamespaceOf(joinOrder[kind]))
}

// pinRoot keeps the root of the thread when it is the container's. When it is another exec does without: in a mount namespace
// that it joins it finds the root, or fails.
func (p *pin) pinRoot(t *thread, recorded *seat) (err error) {
	id, err := rootOf(t.root)
	if err != nil {
		return err
	}
	p.way.root = id
	if recorded != nil {
		p.way.root = recorded.root
	}
	p.held = id == p.way.root
	if !p.held && p.joined&sys.CloneNewNs == 0 {
		return errors.New("its first process has moved to another root directory; exec goes only to the one that create has made")
	}
	if p.held {
		p.root, t.root = t.root, -1
	}
	return nil
}
