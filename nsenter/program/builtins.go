package program

import (
	"syscall"

	"teu/internal/sys"
)

// Want says what Target opens, and what it makes when that is missing: one of the first four, and options.
type Want uint64

// What Target may make.
const (
	WantDir  Want = iota // a directory, mode 0755
	WantFile             // an empty regular file, mode 0644
	WantLike             // whichever the file in the like slot is
	WantAny              // whatever is there: nothing is made, as with Existing
)

// Options of Target.
const (
	NoSymlinks Want = 4 << iota // a symlink anywhere in the path is ELOOP
	Nofollow                    // one at the end of the path is opened itself
	Existing                    // nothing is made: ENOENT
	OffProc                     // a file on a procfs is EXDEV, unless it is inside Held

	wantKind = 3
	wantAll  = wantKind | NoSymlinks | Nofollow | Existing | OffProc
)

// Path is where Target looks: Name inside Root. The first Known bytes of Name lead to Held, a mount that the program has put
// there or a directory that it has opened by them: the lookup starts at that, and they are not looked up again. A symlink
// may lead out of Held, to another place inside Root.
type Path struct {
	Root  Slot
	Name  string
	Held  Slot // None: the lookup starts at Root
	Known int
}

// Inside is name inside root, all of it to be looked up.
func Inside(root Slot, name string) Path { return Path{Root: root, Name: name, Held: None} }

// Jump goes to l.
func (b *Builder) Jump(l *Label) { b.add(Insn{Op: OpJump, Out: None, Label: l}) }

// Fail fails the program with e.
func (b *Builder) Fail(e syscall.Errno) {
	b.add(Insn{Op: OpFail, Out: None}, num(uint64(e)))
}

// Target opens p (O_PATH), and what is missing of it is made, ending in what want says. A file of the other kind, directory or
// not, is ENOTDIR. like is the file that WantLike looks at, else None.
func (b *Builder) Target(p Path, want Want, like Slot) Slot {
	s := b.slot()
	b.add(Insn{Op: OpTarget, Out: s}, fd(p.Root), str(p.Name), num(uint64(want)), fd(like), fd(p.Held), num(p.Known))
	return s
}

// CheckDev fails with ENODEV unless s is a file of type mode (S_IFCHR, …) and device number dev, which is 0 for what is no device.
func (b *Builder) CheckDev(s Slot, mode uint32, dev uint64) {
	b.add(Insn{Op: OpCheckDev, Out: None}, fd(s), num(mode), num(dev))
}

// CheckStdioDev is CheckDev on standard stream n.
func (b *Builder) CheckStdioDev(n int, mode uint32, dev uint64) {
	b.add(Insn{Op: OpCheckDev, Out: None}, num(n), num(mode), num(dev))
}

// CheckFs fails with EXDEV unless s is on a filesystem with that magic number.
func (b *Builder) CheckFs(s Slot, magic uint64) {
	b.add(Insn{Op: OpCheckFs, Out: None}, fd(s), num(magic))
}

// CheckStdioFs is CheckFs on standard stream n.
func (b *Builder) CheckStdioFs(n int, magic uint64) {
	b.add(Insn{Op: OpCheckFs, Out: None}, num(n), num(magic))
}

// Fork goes on in a new process; the old one reports its pid over control and exits. flags are added to clone3's:
// CLONE_PARENT makes the new process a child of whoever started this one.
func (b *Builder) Fork(control Slot, flags uint64) {
	b.add(Insn{Op: OpFork, Out: None}, fd(control), num(flags))
}

// Sync sends the byte send over control, if it is not zero, and waits for the byte expect, if that is not zero. A
// peer that is gone is EPIPE.
func (b *Builder) Sync(control Slot, send, expect byte) {
	b.add(Insn{Op: OpSync, Out: None}, fd(control), num(uint64(send)), num(uint64(expect)))
}

// SendFd sends descriptor s with payload over the connected Unix socket conn.
func (b *Builder) SendFd(conn, s Slot, payload string) {
	b.add(Insn{Op: OpSendFd, Out: None}, fd(conn), fd(s), buf(payload), lenOf(2))
}

// Gate waits on the listening socket for `start`: it accepts, passes the report page and the program, and returns
// the connection once told to go on. hookOut is set to the descriptor that came with that, for the output of
// startContainer hooks, or to that of standard error.
func (b *Builder) Gate(listen Slot) (hookOut Slot) {
	s := b.slot()
	b.add(Insn{Op: OpGate, Out: s}, fd(listen))
	return s
}

// Hook runs path with args and env, state on standard input and its output going to out, and waits for it.
// timeout is in milliseconds; 0 waits for ever. It fails with ETIMEDOUT, or with ECHILD and the wait status as
// the report's detail when the hook did not exit with 0.
func (b *Builder) Hook(path string, args, env []string, state, out Slot, timeout int) {
	b.add(Insn{Op: OpHook, Out: None}, str(path), vec(args), vec(env), fd(state), fd(out), num(timeout))
}

// SigReset gives every signal its default action and unblocks all.
func (b *Builder) SigReset() { b.add(Insn{Op: OpSigReset, Out: None}) }

// CheckCwd fails with EXDEV unless the working directory is inside the root (CVE-2024-21626).
func (b *Builder) CheckCwd() { b.add(Insn{Op: OpCheckCwd, Out: None}) }

// Copies is what Copy copies, as bits.
type Copies uint64

// CopyTree is everything in the directory, the others are about the directory itself.
const (
	CopyTree Copies = 1 << iota
	CopyMode
	CopyUID
	CopyGID
	copyAll = 1<<iota - 1
)

// Copy copies from the directory from to the root of to, a filesystem that was mounted by fsmount and nobody else can see
// yet: directories, files with their holes, symlinks, nodes, with owners, modes, times and extended attributes. What is
// mounted below from is EXDEV, more than 128 directories inside one another ENAMETOOLONG. What vanishes meanwhile is left
// out. The report's text is the name at which it failed.
func (b *Builder) Copy(from, to Slot, what Copies) {
	b.add(Insn{Op: OpCopy, Out: None}, fd(from), fd(to), num(uint64(what)))
}

// CopyLink makes the symlink that link, an O_PATH descriptor, refers to anew as name, a single component, in dir. It fails
// with EINVAL when link is none, and with EEXIST when there is something else of that name.
func (b *Builder) CopyLink(link, dir Slot, name string) {
	b.add(Insn{Op: OpCopyLink, Out: None}, fd(link), fd(dir), str(name))
}

// Listen loads a filter with flags, to which it adds that for a listener, and sends the listener with what is in the
// memfd state over the connected Unix socket conn, which it closes. The filter may catch every call: the process itself
// makes none until it is done. ETIMEDOUT stands for a peer that reads nothing.
func (b *Builder) Listen(conn, state Slot, flags uint64, bpf []byte) {
	b.add(Insn{Op: OpListen, Out: None}, fd(conn), fd(state), num(flags|sys.SeccompFilterNewListener),
		Arg{Kind: Prog, Text: string(bpf)})
}

// Find fails with ENOENT when none of the candidates is there, ENOTDIR being of a single one, and with EACCES when what is there are
// directories, or files that nobody may execute: exec would fail alike. The report's detail is the
// number of the first of these << 16 and its mode.
func (b *Builder) Find(candidates []string) {
	b.add(Insn{Op: OpFind, Out: None}, vec(candidates))
}

// CheckOwner fails with EXDEV unless the mount namespace mnt belongs to the user namespace user or to one that user is in
// (NS_GET_USERNS and NS_GET_PARENT, ioctl_nsfs(2)). In a mount namespace of any other the files are shaped by somebody with less
// than the process has. user is the namespace that the process is in, see OwnUser, or an input that it joins.
func (b *Builder) CheckOwner(mnt, user Slot) {
	b.add(Insn{Op: OpCheckOwner, Out: None}, fd(mnt), fd(user))
}

// OwnUser opens the user namespace that the process is in.
func (b *Builder) OwnUser() Slot { return b.Openat2(Host, ownUser, How{Flags: sys.ONonblock}) }

const ownUser = "/proc/self/ns/user"

// CheckRoot fails with ESTALE unless the root is the directory with that device and inode on the mount with that number, as
// sys.Directory has them.
func (b *Builder) CheckRoot(dev, ino, mount uint64) {
	b.add(Insn{Op: OpCheckRoot, Out: None}, num(dev), num(ino), num(mount))
}

// Ident says which number of a file Identify is about.
type Ident uint64

// The numbers of a file, of stat(2), without the highest bit: a result is never negative.
const (
	Device Ident = iota
	Inode
)

// Identify has a number of the file s as its result, which is for CheckCover and no descriptor.
func (b *Builder) Identify(s Slot, which Ident) Slot {
	out := b.slot()
	b.add(Insn{Op: OpIdentify, Out: out}, fd(s), num(uint64(which)))
	return out
}

// Cover is what may be found at a path that was masked or made read-only. Each is a slot that Identify fills, if something has
// led there, or None.
type Cover struct {
	Dirs, Nulls Slot // the devices of the filesystems with the directory and the null device that masks are made of
	Dev, Ino    Slot // the file that is to be read-only
}

// CheckCover looks path up, an absolute one, in the root that the process is in, through no magic link. It fails with ESTALE when
// something else is found than what c says, with EROFS when the file is not read-only. Nothing at all is as good as a mask.
func (b *Builder) CheckCover(path string, c Cover) {
	b.add(Insn{Op: OpCheckCover, Out: None}, str(path), fd(c.Dirs), fd(c.Nulls), fd(c.Dev), fd(c.Ino))
}

// Exec tries the candidates in turn as execvp(3) does and replaces the process by the first that runs.
func (b *Builder) Exec(candidates, args, env []string) {
	b.add(Insn{Op: OpExec, Out: None}, vec(candidates), vec(args), vec(env))
}
