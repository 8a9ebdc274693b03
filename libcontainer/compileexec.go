package libcontainer

import (
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

// way is how exec comes to where a container is.
type way struct {
	joined uint64 // the namespaces that it joins
	root   rootID // the container's root
	held   bool   // the input "root" is a descriptor of that
}

// compileExec compiles the program that joins a container and becomes another process in it.
func compileExec(p *specs.Process, f *initFacts, w way) *program.Program {
	b := program.New()
	control := b.Stream(nsenter.InputControl)
	slots, root := w.inputs(b)
	consoleSock := program.None
	if p.Terminal {
		consoleSock = b.Stream(inputConsole)
	}
	declareListener(b, &f.process)
	joins := f.declareJoins(b)
	process.Begin(b)
	f.process.OpenProc(b)
	f.join(b, "", joins)
	f.joinNamespaces(b, slots, 0, func(uint64) { b.At("", "join the container's namespaces") })
	if w.joined&sys.CloneNewUser != 0 {
		becomeRoot(b, "", &p.User)
	}
	w.toRoot(b, root)
	if w.joined&sys.CloneNewNs == 0 {
		f.process.NoDev = true
	}
	slave := program.None
	if p.Terminal {
		slave = execConsole(b, p, consoleSock)
	}
	f.process.Narrow(b)
	if w.joined&sys.CloneNewPid != 0 {
		// Last, and with no more than is needed: the container's processes see it from here on, and may stop or trace it.
		enterPidNamespace(b, "", control)
	}
	f.process.Session(b, slave)
	f.process.Attributes(b)
	f.process.Limits(b)
	process.Released(b)
	b.Sync(control, program.ByteReady, program.ByteReady)
	f.process.Exec(b)
	return b.Program()
}

// inputs declares the namespaces to join and, where the way holds it, the container's root.
func (w way) inputs(b *program.Builder) (slots map[uint64]program.Slot, root program.Slot) {
	slots, root = map[uint64]program.Slot{}, program.None
	for _, flag := range joinOrder {
		if w.joined&flag != 0 {
			slots[flag] = b.Input(inputName(flag))
		}
	}
	if w.held {
		root = b.Input(inputRoot)
	}
	return slots, root
}

// toRoot goes to the container's root and makes sure to be there. setns(2) leads to the root of the mount namespace, which is that of
// the container but for a runtime that was itself in a chroot: there pivot_root(2) moves only the processes. Without a mount
// namespace of its own the container is in the host's, below a root of its own.
func (w way) toRoot(b *program.Builder, root program.Slot) {
	b.At("", "change to the container's root")
	there, elsewhere := b.Label(), b.Label()
	if w.joined&sys.CloneNewNs != 0 {
		w.checkRoot(b)
		if root == program.None {
			return
		}
		b.On(elsewhere, syscall.ESTALE)
		b.Close(root)
		b.Jump(there)
	}
	b.Here(elsewhere)
	b.Fchdir(root)
	b.Close(root)
	b.Chroot(".")
	b.Chdir("/")
	w.checkRoot(b)
	b.Here(there)
}

func (w way) checkRoot(b *program.Builder) { b.CheckRoot(w.root.dev, w.root.ino, w.root.mount) }

// execConsole opens a terminal of the container's devpts, passes the master on and returns the slave.
func execConsole(b *program.Builder, p *specs.Process, sock program.Slot) program.Slot {
	fs := rootfs.Inside(b)
	master, slave := fs.Console(process.Winsize(p.ConsoleSize), p.User.UID, false)
	fs.Close()
	b.At("process.terminal", "pass the terminal on")
	b.SendFd(sock, master, "/dev/ptmx")
	b.Close(master, sock)
	return slave
}
