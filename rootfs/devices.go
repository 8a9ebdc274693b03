package rootfs

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// Paths in the container.
const (
	dev        = "/dev"
	devPts     = dev + "/pts"
	devConsole = dev + "/console"
)

type device struct {
	where, path string
	mode        uint32 // type and permissions
	dev         uint64
	uid, gid    uint32
}

// defaultDevices is the list of config-linux.md, "Default Devices"; the console and ptmx are Console's and the
// symlink's.
func defaultDevices() []device {
	char := func(path string, major, minor uint32) device {
		return device{where: "linux.devices", path: path, mode: sys.SIfchr | 0o666, dev: sys.Makedev(major, minor)}
	}
	return []device{
		char("/dev/null", 1, 3), char("/dev/zero", 1, 5), char("/dev/full", 1, 7),
		char("/dev/random", 1, 8), char("/dev/urandom", 1, 9), char("/dev/tty", 5, 0),
	}
}

// Devices compiles the default devices and links, and linux.devices.
func (c *Compiler) Devices() error {
	if c.c.NoMounts && c.c.UserNS {
		return nil // they could neither be made nor bound
	}
	bound := DevIsBound(c.c.Spec)
	if !bound {
		c.b.At("linux.devices", "open /dev")
		c.openDev()
		for _, d := range defaultDevices() {
			c.device(&d)
		}
		c.links()
	}
	if c.c.Spec.Linux == nil {
		return nil
	}
	for i := range c.c.Spec.Linux.Devices {
		d, err := specDevice(i, &c.c.Spec.Linux.Devices[i])
		if err != nil {
			return err
		}
		// What somebody brings along may be the host's own. /dev/ptmx is a link into the container's devpts, whatever the
		// list says; that of a privileged container is the host's whole /dev (as runc).
		if bound && strings.HasPrefix(d.path, "/dev/") || d.path == "/dev/ptmx" {
			continue
		}
		c.device(&d)
	}
	return nil
}

// DevIsBound reports whether somebody brings a whole /dev along, to which nothing is added (as with runc).
func DevIsBound(spec *specs.Spec) bool {
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if _, bind := BindFlags(m); bind && destination(m) == dev {
			return true
		}
	}
	return false
}

func specDevice(i int, d *specs.LinuxDevice) (device, error) {
	where := fmt.Sprintf("linux.devices[%d]", i)
	out := device{where: where, path: filepath.Clean("/" + d.Path), mode: 0o666, dev: sys.Makedev(uint32(d.Major), uint32(d.Minor))}
	switch d.Type {
	case "c", "u":
		out.mode |= sys.SIfchr
	case "b":
		out.mode |= sys.SIfblk
	case "p":
		out.mode |= sys.SIfifo
		out.dev = 0
	default:
		return out, fmt.Errorf("%s.type: %q: want c, b, u or p: %w", where, d.Type, syscall.EINVAL)
	}
	if d.FileMode != nil {
		out.mode = out.mode&sys.SIfmt | uint32(*d.FileMode)&0o7777
	}
	if d.UID != nil {
		out.uid = *d.UID
	}
	if d.GID != nil {
		out.gid = *d.GID
	}
	return out, nil
}

// device makes a node, or in a user namespace, where mknod(2) is refused, binds the host's. A file that is there
// already has to be the device asked for (config-linux.md, "Devices").
func (c *Compiler) device(d *device) {
	b := c.b
	if c.c.UserNS && d.mode&sys.SIfmt != sys.SIfifo {
		b.At(d.where, "bind the host's "+d.path)
		src := b.OpenTree(program.Host, d.path, sys.OpenTreeClone)
		b.CheckDev(src, d.mode&sys.SIfmt, d.dev)
		dst := c.node(d.path)
		b.MoveMount(src, dst)
		b.Close(dst, src)
		return
	}
	b.At(d.where, "make "+d.path)
	dir, close := c.parent(d.path)
	name := path.Base(d.path)
	exists, done := b.Label(), b.Label()
	b.Mknodat(dir, name, d.mode, d.dev)
	b.On(exists, syscall.EEXIST)
	if d.uid != 0 || d.gid != 0 {
		b.Fchownat(dir, name, d.uid, d.gid)
	}
	b.Jump(done)
	b.Here(exists)
	node := b.Openat2(dir, name, program.How{Flags: sys.OPath | sys.ONofollow, Resolve: sys.ResolveBeneath | sys.ResolveNoSymlinks})
	b.CheckDev(node, d.mode&sys.SIfmt, d.dev)
	b.Close(node)
	b.Here(done)
	close()
}

// node opens the file p, or makes it, for something to be mounted on: no symlink leads there.
func (c *Compiler) node(p string) program.Slot {
	return c.target(p, program.WantFile|program.NoSymlinks, program.None)
}

// parent opens the directory that a node is made in; the one on /dev is at hand. No symlink leads there: it could lead to a
// volume, and the node be on the host.
func (c *Compiler) parent(p string) (dir program.Slot, done func()) {
	d := path.Dir(p)
	if d == dev {
		return c.openDev(), func() {}
	}
	s := c.target(d, program.WantDir|program.NoSymlinks, program.None)
	return s, func() { c.b.Close(s) }
}

// openDev is the directory /dev, mounted or not.
func (c *Compiler) openDev() program.Slot {
	if h, ok := c.held[dev]; ok {
		return h.at
	}
	s := c.target(dev, program.WantDir, program.None)
	c.hold(dev, held{at: s, order: openedOrder})
	return s
}

// links makes the symlinks of config-linux.md, "Default Devices" and "/dev symlinks".
func (c *Compiler) links() {
	b := c.b
	b.At("linux.devices", "make the links in /dev")
	dir := c.openDev()
	for _, l := range [5][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
		{"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"},
	} {
		b.Symlinkat(l[0], dir, l[1])
		b.Ignore(syscall.EEXIST)
	}
	// /dev/core is there only where the kernel has /proc/kcore.
	none := b.Label()
	s := b.Openat2(program.Host, "/proc/kcore", program.How{Flags: sys.OPath})
	b.On(none, syscall.ENOENT, syscall.EACCES)
	b.Close(s)
	b.Symlinkat("/proc/kcore", dir, "core")
	b.Ignore(syscall.EEXIST)
	b.Here(none)
}

// Console opens a pseudo-terminal of the container's own devpts, binds its slave on /dev/console and returns both
// ends. The multiplexer is opened as the device it is on the filesystem it should be on, not by whatever name /dev
// has for it (CVE-2025-52565).
//
// It becomes uid's; its group is what the devpts gives (gid=5, that of tty). bind is false for exec, whose terminal is not the
// container's console.
func (c *Compiler) Console(size []byte, uid uint32, bind bool) (master, slave program.Slot) {
	b := c.b
	b.At("process.terminal", "open a pseudo-terminal")
	// To open some devices is to do something already: what is opened is sure to be the multiplexer, since in a devpts
	// nobody can make a file.
	dir := c.target(devPts, program.WantDir|program.NoSymlinks|program.Existing, program.None)
	b.CheckFs(dir, sys.DevptsSuperMagic)
	pts := b.Openat2(dir, "ptmx", program.How{Flags: sys.ORdwr | sys.ONoctty, Resolve: program.Strict})
	b.CheckDev(pts, sys.SIfchr, sys.Makedev(5, 2))
	b.Close(dir)
	b.Ioctl(pts, sys.Tiocsptlck, []byte{0, 0, 0, 0})
	slave = b.IoctlFd(pts, sys.Tiocgptpeer, sys.ORdwr|sys.ONoctty|sys.OCloexec)
	if size != nil {
		b.At("process.consoleSize", "set the size of the terminal")
		b.Ioctl(slave, sys.Tiocswinsz, size)
	}
	if uid != 0 {
		b.At("process.user", "own the terminal")
		b.FchownFd(slave, uid, ^uint32(0))
	}
	if !bind {
		return pts, slave
	}
	b.At("process.terminal", "bind the terminal on /dev/console")
	mnt := b.CloneTree(slave, 0)
	dst := c.node(devConsole)
	b.MoveMount(mnt, dst)
	b.Close(dst, mnt)
	return pts, slave
}
