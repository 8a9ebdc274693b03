package spec

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Facts are what the checks need to know of the machine. The zero value assumes nothing.
type Facts struct {
	// Own holds the namespace types whose linux.namespaces[].path leads to the namespace the runtime itself is
	// in: a sysctl or a hostname set there would be the host's.
	Own map[specs.LinuxNamespaceType]bool
	// NoApparmor and NoSelinux say that the kernel does not have that security module enabled.
	NoApparmor, NoSelinux bool
	// Systemd says that the container gets a systemd unit.
	Systemd bool
}

// Problem is one thing in a config that is not as it should be.
type Problem struct {
	Path  string // the place in config.json, as linux.namespaces[2].type
	Found string // what stands there
	Want  string // what would be right; empty for what teu does not support
}

func (p Problem) String() string {
	if p.Path == "" {
		return p.Text()
	}
	if p.Want == "" && p.Found != "" {
		return p.Path + ": " + p.Found
	}
	return p.Path + ": " + p.Text()
}

// Text is String without the place.
func (p Problem) Text() string {
	switch {
	case p.Want != "":
		return "got " + p.Found + ", want " + p.Want
	case p.Found != "":
		return p.Found
	}
	return "not supported"
}

// Report is all that Validate has found, each list in the order of the checks.
type Report struct {
	Problems []Problem // a container cannot be made of this config
	Warnings []Problem // it can, but not as the config says
}

// Err is nil without problems, else an error in one line that lists all of them; file is where the config
// came from.
func (r *Report) Err(file string) error {
	if len(r.Problems) == 0 {
		return nil
	}
	return &invalidError{file, r.Problems}
}

type invalidError struct {
	file     string
	problems []Problem
}

func (e *invalidError) Error() string {
	list := make([]string, len(e.problems))
	for i, p := range e.problems {
		list[i] = p.String()
	}
	s := e.file + ": "
	if len(list) > 1 {
		s += strconv.Itoa(len(list)) + " problems: "
	}
	return s + strings.Join(list, "; ")
}

// checker walks one spec; the checks only read it.
type checker struct {
	*specs.Spec
	facts Facts
	Report
}

// Validate says all that keeps s from being a container on Linux: what the runtime-spec forbids, what the
// kernel would refuse, and what teu does not do yet. It looks at nothing but s and f: whether the root
// exists, say, is found out where it is opened.
func Validate(s *specs.Spec, f Facts) Report {
	c := checker{Spec: s, facts: f}
	c.version()
	c.root()
	c.process()
	c.names()
	c.mounts()
	c.hooks()
	c.annotations()
	if s.Linux != nil {
		c.namespaces()
		c.userNamespace()
		c.timeNamespace()
		c.sysctls()
		c.cgroups()
		c.devices()
		c.rootfs()
		c.seccomp()
		c.netDevices()
		c.intelRdt()
		c.personality()
		c.memoryPolicy()
	}
	c.labels()
	return c.Report
}

// ValidateProcess is Validate for a process object alone, as exec takes it.
func ValidateProcess(p *specs.Process, f Facts) Report {
	c := checker{Spec: &specs.Spec{Process: p}, facts: f}
	c.process()
	c.labels()
	return c.Report
}

func (c *checker) bad(path, found, want string) { tell(&c.Problems, Problem{path, found, want}) }

func (c *checker) warn(path, found, want string) { tell(&c.Warnings, Problem{path, found, want}) }

// tell adds p, as long as there are not too many: a config of MaxSize has room for millions.
func tell(list *[]Problem, p Problem) {
	switch n := len(*list); {
	case n < maxNotes:
		*list = append(*list, p)
	case n == maxNotes:
		*list = append(*list, Problem{Found: "there are more"})
	}
}

// at is the path of element i of a list.
func at(list string, i int) string {
	return list + "[" + strconv.Itoa(i) + "]"
}

// quote shows a string that was found.
func quote(s string) string {
	if s == "" {
		return "nothing"
	}
	if len(s) > 100 {
		return strconv.Quote(s[:100]) + "…"
	}
	return strconv.Quote(s)
}

func absolute(path string) bool { return strings.HasPrefix(path, "/") }

func (c *checker) root() {
	if c.Root == nil {
		c.bad("root", "nothing", "an object with the path of the root filesystem")
	} else if c.Root.Path == "" {
		c.bad("root.path", "nothing", "the path of the root filesystem")
	}
}

// maxName is the longest hostname or domainname in bytes (uts_namespaces(7): __NEW_UTS_LEN).
const maxName = 64

func (c *checker) names() {
	for _, n := range [...]struct{ path, value string }{{"hostname", c.Hostname}, {"domainname", c.Domainname}} {
		if n.value == "" {
			continue
		}
		if !c.private(specs.UTSNamespace) {
			c.bad(n.path, quote(n.value)+" without a uts namespace of its own", "one in linux.namespaces")
		}
		if len(n.value) > maxName {
			c.bad(n.path, strconv.Itoa(len(n.value))+" bytes", "at most "+strconv.Itoa(maxName))
		}
	}
}
