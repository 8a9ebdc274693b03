// Package process compiles what config.json says about the process: who it is, what it may do, where it starts and
// what it executes. `create`, `run` and `exec` share it, so there is one builder of credentials.
package process

import (
	"encoding/binary"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Config is what the compiler needs to know beside the spec.
type Config struct {
	Process *specs.Process
	Caps    Caps
	LastCap int // the highest capability the kernel knows
	// Grantable is what the process has before any of the program's doing.
	Grantable uint64

	Filter      []byte // compiled seccomp filter, or nil
	FilterFlags uint64
	Listener    *Listener // where the filter's listener goes, or nil when it has none

	// BeforeExec compiles what is executed before the workload, as its user, with its bounding set and no_new_privs.
	BeforeExec func()
	// Joins: the process is not the container's first.
	Joins bool
	// NoDev: the container has no /dev of the runtime's making.
	NoDev bool
	// NoSetgroups: the user namespace denies setgroups(2), or the caller's groups are to stay.
	NoSetgroups bool
	// NewKeyring is the name of the session keyring to join, or "".
	NewKeyring string
	// Personality and MemoryPolicy are those of the container.
	Personality  *specs.LinuxPersonality
	MemoryPolicy *specs.LinuxMemoryPolicy
	// Home is the home directory of the user, set in the environment when that has none.
	Home string
	// Preserve is how many descriptors from 3 on the workload gets; ListenFds says that they are for socket activation.
	Preserve  int
	ListenFds string

	attrs program.Slot // a procfs for labels, see OpenProc
}

// Listener is how the listener of a filter gets to its supervisor.
type Listener struct {
	Path string // linux.seccomp.listenerPath
	// Socket is connected to it; State holds the container process state. The compiler of the program declares both.
	Socket, State program.Slot
}

// defaultPath is where to look for the executable when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Session gives the process its own session and keyring, and the terminal slave as its standard streams, or the
// streams it has to its user.
func (c *Config) Session(b *program.Builder, slave program.Slot) {
	b.At("", "start a session")
	b.Setsid()
	c.keyring(b)
	if slave != program.None {
		b.At("process.terminal", "make the terminal the controlling one")
		for n := range 3 {
			b.Dup3(slave, n)
		}
		b.IoctlNum(slave, sys.Tiocsctty, 0)
		b.Close(slave)
		return
	}
	c.ownNull(b)
	c.ownStdio(b)
}

// ownNull puts the container's /dev/null in place of the host's: the owner of a device may change its mode through a
// descriptor, and that of the host's is everybody's. It may be read-only or write-only too, with callers that give all
// three streams the same. The container's is checked to be what it says (crun CVE-2026-88265), before it is opened and after,
// which waits for nobody: another container may have the same files. Where there is none, or another file in its place, the
// streams stay as they are.
//
// A process that joins opens nothing of the container's, which may be after it: its parent has put a null device in place that
// cannot be changed.
func (c *Config) ownNull(b *program.Builder) {
	if c.NoDev || c.Joins {
		return
	}
	b.At("", "open the container's /dev/null")
	need, done := b.Label(), b.Label()
	for n := range 3 {
		next := b.Label()
		b.CheckStdioDev(n, sys.SIfchr, sys.NullDev)
		b.On(next, syscall.ENODEV, syscall.EBADF)
		b.Jump(need)
		b.Here(next)
	}
	b.Jump(done)
	b.Here(need)
	root := b.Openat2(program.Host, "/", program.How{Flags: sys.OPath | sys.ODirectory})
	none, other := b.Label(), b.Label()
	found := b.Openat2(root, "dev/null", program.How{Flags: sys.OPath, Resolve: program.InRoot})
	b.On(none, syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.ELOOP)
	b.CheckDev(found, sys.SIfchr, sys.NullDev)
	b.On(other, syscall.ENODEV)
	null := b.Openat2(root, "dev/null", program.How{Flags: sys.ORdwr | sys.ONoctty | sys.ONonblock, Resolve: program.InRoot})
	b.On(other, syscall.ENOENT, syscall.EACCES, syscall.EPERM, syscall.EAGAIN)
	b.CheckDev(null, sys.SIfchr, sys.NullDev)
	b.Ioctl(null, sys.Fionbio, make([]byte, 4)) // the process gets it as anybody opens it
	for n := range 3 {
		next := b.Label()
		b.CheckStdioDev(n, sys.SIfchr, sys.NullDev)
		b.On(next, syscall.ENODEV, syscall.EBADF)
		b.Dup3(null, n)
		b.Here(next)
	}
	b.Close(null)
	b.Here(other)
	b.Close(found)
	b.Here(none)
	b.Close(root)
	b.Here(done)
}

// ptmxDev is the device number of the multiplexer of a devpts.
const ptmxDev = 5<<8 | 2

// ownStdio gives the standard streams to the user, who could else not reopen them through /proc/self/fd: pipes, sockets and
// pseudo-terminals, which are there for this process. Files and other devices are somebody's, and outlast the container: it
// can use them, as the caller has opened them, and no more. What has no owner to change, or is not ours, is left as it is.
func (c *Config) ownStdio(b *program.Builder) {
	if c.Process.User.UID == 0 {
		return
	}
	b.At("process.user", "own the standard streams")
	for n := range 3 {
		own, noPipe, noSocket, noFile, next := b.Label(), b.Label(), b.Label(), b.Label(), b.Label()
		b.CheckStdioDev(n, sys.SIfifo, 0)
		b.On(noPipe, syscall.ENODEV)
		b.On(next, syscall.EBADF)
		b.Jump(own)
		b.Here(noPipe)
		b.CheckStdioDev(n, sys.SIfsock, 0)
		b.On(noSocket, syscall.ENODEV)
		b.Jump(own)
		b.Here(noSocket)
		b.CheckStdioDev(n, sys.SIfreg, 0) // its filesystem may be one that does not answer
		b.On(noFile, syscall.ENODEV)
		b.Jump(next)
		b.Here(noFile)
		b.CheckStdioFs(n, sys.DevptsSuperMagic)
		b.On(next, syscall.EXDEV)
		b.CheckStdioDev(n, sys.SIfchr, ptmxDev)
		b.On(own, syscall.ENODEV)
		b.Jump(next)
		b.Here(own)
		b.FchownStdio(n, c.Process.User.UID, ^uint32(0))
		b.On(next, syscall.EINVAL, syscall.EPERM, syscall.EROFS, syscall.EBADF)
		b.Here(next)
	}
}

// Limits drops from the bounding set. It holds for the hooks that follow too.
func (c *Config) Limits(b *program.Builder) {
	bounding(b, c.Caps, c.LastCap)
}

// Find fails when there is nothing to execute, so that `create` does: callers like Podman tell a missing command from
// others by that. Whether what is there can be executed, and by this user, is left to Exec.
func (c *Config) Find(b *program.Builder) {
	candidates := c.candidates()
	for i, name := range candidates {
		if name[0] != '/' {
			candidates[i] = c.Process.Cwd + "/" + name
		}
	}
	b.At("process.args", What(c.Process.Args[0]))
	b.Find(candidates)
}

// Exec is the last part of every program: the user, the capabilities, the filter, and the workload.
//
// The working directory is entered as root first, since it may be one that only root can; on a filesystem that does
// not trust root (NFS, FUSE) the user has to, so the tail of the program exists twice.
func (c *Config) Exec(b *program.Builder) {
	asUser := b.Label()
	b.At("process.cwd", "change to "+c.Process.Cwd)
	b.Chdir(c.Process.Cwd)
	b.On(asUser, syscall.EACCES)
	candidates, env := c.candidates(), c.environ()
	c.tail(b, false)
	b.Exec(candidates, c.Process.Args, env)
	b.Here(asUser)
	c.tail(b, true)
	b.Exec(candidates, c.Process.Args, env)
}

// tail keeps what the filter has to allow to a minimum: behind it there are only capset, prctl and execve.
func (c *Config) tail(b *program.Builder, chdir bool) {
	if c.Process.NoNewPrivileges {
		b.At("process.noNewPrivileges", "set no_new_privs")
		b.Prctl(sys.PrSetNoNewPrivs, 1)
	}
	c.user(b)
	if chdir {
		b.At("process.cwd", "change to "+c.Process.Cwd)
		b.Chdir(c.Process.Cwd)
	}
	b.At("process.cwd", "check that "+c.Process.Cwd+" is inside the root")
	b.CheckCwd()
	b.At("process.user.umask", "set the umask")
	b.Umask(c.umask())
	if c.BeforeExec != nil {
		c.BeforeExec()
	}
	c.lateRlimits(b)
	if !c.keepsAdmin() {
		capset(b, c.Caps)
		c.closeFds(b)
		c.seccomp(b)
	} else {
		// Without no_new_privs loading a filter takes CAP_SYS_ADMIN, which becoming another user took out of the
		// effective set.
		b.At("linux.seccomp", "keep CAP_SYS_ADMIN for the filter")
		b.Capset(1<<sys.CapSysAdmin, c.Caps.Permitted|1<<sys.CapSysAdmin, c.Caps.Inheritable)
		c.closeFds(b)
		c.seccomp(b)
		capset(b, c.Caps)
	}
	b.At("process.args", What(c.Process.Args[0]))
}

// keepsAdmin: a filter takes CAP_SYS_ADMIN to load, unless there is no_new_privs (seccomp(2)).
func (c *Config) keepsAdmin() bool { return c.Filter != nil && !c.Process.NoNewPrivileges }

// What is what the last instruction says of itself.
func What(arg0 string) string { return "exec " + quote(arg0) }

func (c *Config) closeFds(b *program.Builder) {
	b.At("", "close what the workload is not to have")
	b.CloexecFrom(3 + c.Preserve)
}

func (c *Config) seccomp(b *program.Builder) {
	if c.Filter == nil {
		return
	}
	if l := c.Listener; l != nil {
		b.At("linux.seccomp.listenerPath", "pass the listener to "+l.Path)
		b.Listen(l.Socket, l.State, c.FilterFlags, c.Filter)
		return
	}
	b.At("linux.seccomp", "load the filter")
	b.Seccomp(c.FilterFlags, c.Filter)
}

func (c *Config) user(b *program.Builder) {
	u := &c.Process.User
	if !c.NoSetgroups {
		b.At("process.user.additionalGids", "set the supplementary groups")
		b.Setgroups(u.AdditionalGids)
	}
	b.At("process.user", "become the user")
	b.Prctl(sys.PrSetKeepcaps, 1)
	Become(b, u.UID, u.GID)
	b.Prctl(sys.PrSetKeepcaps, 0)
}

// umask is 0022 unless config.json says otherwise, as with runc.
func (c *Config) umask() uint32 {
	if m := c.Process.User.Umask; m != nil {
		return *m & 0o777
	}
	return 0o022
}

// candidates are the paths to try for args[0], as execvp(3) does.
func (c *Config) candidates() []string {
	name := c.Process.Args[0]
	if strings.Contains(name, "/") {
		return []string{name}
	}
	path, ok := lookup(c.Process.Env, "PATH")
	if !ok {
		path = defaultPath
	}
	var out []string
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		out = append(out, strings.TrimSuffix(dir, "/")+"/"+name)
	}
	return out
}

// environ is what the process is executed with.
func (c *Config) environ() []string {
	env := c.Environ()
	if c.ListenFds != "" {
		env = append(env, "LISTEN_FDS="+c.ListenFds, "LISTEN_PID=1")
	}
	return env
}

// Environ is process.env with each name once, the last value winning, and with a HOME, as startContainer hooks without an
// environment of their own have it too.
func (c *Config) Environ() []string {
	env := make([]string, 0, len(c.Process.Env)+3)
	at := make(map[string]int, len(c.Process.Env))
	for _, e := range c.Process.Env {
		key, _, _ := strings.Cut(e, "=")
		if i, dup := at[key]; dup {
			env[i] = e
			continue
		}
		at[key] = len(env)
		env = append(env, e)
	}
	if home, ok := lookup(env, "HOME"); !ok || home == "" {
		if c.Home != "" {
			if i, dup := at["HOME"]; dup {
				env[i] = "HOME=" + c.Home
			} else {
				env = append(env, "HOME="+c.Home)
			}
		}
	}
	return env
}

func lookup(env []string, key string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// Winsize is struct winsize for process.consoleSize, or nil when none is given.
func Winsize(box *specs.Box) []byte {
	if box == nil {
		return nil
	}
	ws := binary.NativeEndian.AppendUint16(nil, uint16(box.Height))
	ws = binary.NativeEndian.AppendUint16(ws, uint16(box.Width))
	return append(ws, 0, 0, 0, 0)
}

func quote(s string) string { return `"` + s + `"` }
