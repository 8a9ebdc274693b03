package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

// compileExec compiles the program that joins a container and becomes another process in it.
func compileExec(p *specs.Process, f *initFacts, joined uint64) *program.Program {
	b := program.New()
	control := b.Stream(nsenter.InputControl)
	init := b.Input("init")
	root := program.None
	if joined&sys.CloneNewNs == 0 {
		root = b.Input(inputRoot)
	}
	consoleSock := program.None
	if p.Terminal {
		consoleSock = b.Stream(inputConsole)
	}
	declareListener(b, &f.process)
	joins := f.declareJoins(b)
	process.Begin(b)
	f.process.OpenProc(b)
	f.join(b, "", joins)
	if joined != 0 {
		b.At("", "join the container's namespaces")
		b.Setns(init, joined)
	}
	b.Close(init)
	if joined&sys.CloneNewUser != 0 {
		becomeRoot(b, "")
	}
	if root != program.None {
		// Without a mount namespace of its own the container is in the host's, below a root of its own.
		b.At("", "change to the container's root")
		b.Fchdir(root)
		b.Close(root)
		b.Chroot(".")
		b.Chdir("/")
		f.process.NoDev = true
	}
	if joined&sys.CloneNewPid != 0 {
		enterPidNamespace(b, "", control)
	}
	slave := program.None
	if p.Terminal {
		slave = execConsole(b, p, consoleSock)
	}
	f.process.Session(b, slave)
	f.process.Attributes(b)
	f.process.Limits(b)
	process.Released(b)
	b.Sync(control, program.ByteReady, program.ByteReady)
	f.process.Exec(b)
	return b.Program()
}

// execConsole opens a terminal of the container's devpts, passes the master on and returns the slave.
func execConsole(b *program.Builder, p *specs.Process, sock program.Slot) program.Slot {
	fs := rootfs.Inside(b)
	u := &p.User
	master, slave := fs.Console(process.Winsize(p.ConsoleSize), u.UID, u.GID, u.UID != 0, false)
	fs.Close()
	b.At("process.terminal", "pass the terminal on")
	b.SendFd(sock, master, "/dev/ptmx")
	b.Close(master, sock)
	return slave
}
