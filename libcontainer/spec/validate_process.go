package spec

import (
	"math"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec/names"
)

// process: config.md, "Process".
func (c *checker) process() {
	p := c.Process
	if p == nil {
		c.bad("process", "nothing", "an object with args, cwd and user")
		return
	}
	if len(p.Args) == 0 {
		c.bad("process.args", "nothing", "at least the program to run")
	} else if p.Args[0] == "" {
		c.bad("process.args[0]", "nothing", "the program to run")
	}
	if !absolute(p.Cwd) {
		c.bad("process.cwd", quote(p.Cwd), "an absolute path")
	}
	for i, e := range p.Env {
		if !strings.Contains(e, "=") {
			c.warn(at("process.env", i), quote(e), "NAME=value")
		}
	}
	c.console()
	c.user()
	c.rlimits()
	c.capabilities()
	c.scheduling()
	if adj := p.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		c.bad("process.oomScoreAdj", strconv.Itoa(*adj), "-1000 to 1000")
	}
}

func (c *checker) console() {
	size := c.Process.ConsoleSize
	if size == nil || *size == (specs.Box{}) {
		return
	}
	if !c.Process.Terminal {
		c.warn("process.consoleSize", "a size without process.terminal", "both or neither: it is ignored")
		return
	}
	// struct winsize has 16 bits for each (ioctl_tty(2)).
	if size.Height > math.MaxUint16 || size.Width > math.MaxUint16 {
		c.bad("process.consoleSize", strconv.FormatUint(uint64(size.Width), 10)+"×"+
			strconv.FormatUint(uint64(size.Height), 10), "at most 65535×65535")
	}
}

// noID is (uid_t)-1: for setresuid(2) and setresgid(2) it means "leave as it is", so it would leave the
// process with the runtime's own id.
const noID = math.MaxUint32

func (c *checker) user() {
	u := &c.Process.User
	if u.UID == noID {
		c.bad("process.user.uid", "4294967295", "0 to 4294967294")
	}
	if u.GID == noID {
		c.bad("process.user.gid", "4294967295", "0 to 4294967294")
	}
	for i, g := range u.AdditionalGids {
		if g == noID {
			c.bad(at("process.user.additionalGids", i), "4294967295", "0 to 4294967294")
		}
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		c.bad("process.user.umask", strconv.FormatUint(uint64(*u.Umask), 10), "0 to 511 (0777)")
	}
}

// listenerFiles is how many descriptors a process may have that makes the listener of its filter, which may refuse to set a limit
// afterwards: the three streams, what it talks to teu by, the listener.
const listenerFiles = 16

// rlimits: config.md asks for an error on unknown and on double types; setrlimit(2) refuses soft above hard.
func (c *checker) rlimits() {
	seen := map[string]bool{}
	for i, l := range c.Process.Rlimits {
		if !names.Has(names.Rlimits, l.Type) {
			c.bad(at("process.rlimits", i)+".type", quote(l.Type), "a name of getrlimit(2), as RLIMIT_NOFILE")
		}
		if seen[l.Type] {
			c.bad(at("process.rlimits", i)+".type", quote(l.Type)+" again", "each type once")
		}
		seen[l.Type] = true
		if l.Soft > l.Hard {
			c.bad(at("process.rlimits", i)+".soft", strconv.FormatUint(l.Soft, 10),
				"at most the hard limit, "+strconv.FormatUint(l.Hard, 10))
		}
		if l.Type == "RLIMIT_NOFILE" && l.Soft < listenerFiles && c.Linux != nil && c.Linux.Seccomp != nil && c.Linux.Seccomp.ListenerPath != "" {
			c.bad(at("process.rlimits", i)+".soft", strconv.FormatUint(l.Soft, 10)+" with linux.seccomp.listenerPath",
				strconv.Itoa(listenerFiles)+" or more: the process itself makes the listener")
		}
	}
}

// capabilities warns of unknown names, as config.md asks: each name once, at the first place.
func (c *checker) capabilities() {
	caps := c.Process.Capabilities
	if caps == nil {
		return
	}
	told := map[string]bool{}
	for _, set := range [...]struct {
		name string
		caps []string
	}{
		{"bounding", caps.Bounding},
		{"effective", caps.Effective},
		{"inheritable", caps.Inheritable},
		{"permitted", caps.Permitted},
		{"ambient", caps.Ambient},
	} {
		for i, name := range set.caps {
			if _, known := names.Capability(name); !known && !told[name] {
				told[name] = true
				c.warn(at("process.capabilities."+set.name, i), quote(name), "a name of capabilities(7), as CAP_CHOWN")
			}
		}
	}
}

// mapped reports whether a user namespace with these mappings has id.
func mapped(maps []specs.LinuxIDMapping, id uint32) bool {
	for _, m := range maps {
		if id >= m.ContainerID && id-m.ContainerID < m.Size {
			return true
		}
	}
	return false
}
