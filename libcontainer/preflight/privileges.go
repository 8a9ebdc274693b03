package preflight

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/process"
)

// capSysResource is the number of CAP_SYS_RESOURCE.
const capSysResource = 24

// process: what takes a privilege that the runtime has not.
func (c *checker) process() {
	p := c.Process
	if p == nil {
		return
	}
	if p.Capabilities != nil {
		last := host.LastCap(40)
		if grantable, err := host.Grantable(last, inUserNS(c.Spec)); err == nil {
			c.capabilities(p.Capabilities, last, grantable)
		}
	}
	if len(p.Rlimits) == 0 && p.OOMScoreAdj == nil {
		return
	}
	_, permitted, _, err := sys.CapGet()
	if err != nil || permitted>>capSysResource&1 != 0 {
		return
	}
	c.rlimits(p.Rlimits, func(n int) (uint64, bool) {
		l, err := sys.GetRlimit(n)
		return l.Max, err == nil
	})
	if text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/self/oom_score_adj"); err == nil && p.OOMScoreAdj != nil {
		c.oomScore(*p.OOMScoreAdj, strings.TrimSpace(string(text)))
	}
}

// capabilities warns once of each that the kernel does not know, its last one being last, or that the runtime cannot give
// away; names that nobody knows are validation's.
func (c *checker) capabilities(sets *specs.LinuxCapabilities, last int, grantable uint64) {
	told := map[int]bool{}
	for _, set := range [...]struct {
		name string
		list []string
	}{
		{"bounding", sets.Bounding}, {"effective", sets.Effective}, {"inheritable", sets.Inheritable},
		{"permitted", sets.Permitted}, {"ambient", sets.Ambient},
	} {
		for i, name := range set.list {
			n, known := process.CapNumber(name)
			if !known || told[n] || n <= last && grantable>>n&1 != 0 {
				continue
			}
			told[n] = true
			why, want := "which the runtime has not itself", "a runtime that has it in its permitted and its bounding set"
			if n > last {
				why, want = "which this kernel does not know", "a newer kernel"
			}
			c.warn(fmt.Sprintf("process.capabilities.%s[%d]", set.name, i), fmt.Sprintf("%q, %s", name, why), want)
		}
	}
}

// rlimits: a process without CAP_SYS_RESOURCE can raise no hard limit above its own (getrlimit(2)).
func (c *checker) rlimits(list []specs.POSIXRlimit, own func(n int) (hard uint64, ok bool)) {
	for i, l := range list {
		n, ok := process.Rlimit(l.Type)
		if !ok {
			continue
		}
		if hard, ok := own(n); ok && l.Hard > hard {
			c.bad(fmt.Sprintf("process.rlimits[%d].hard", i), fmt.Sprintf("%d, and the runtime has no CAP_SYS_RESOURCE", l.Hard),
				fmt.Sprintf("at most its own hard limit, %d", hard))
		}
	}
}

// oomScore: without CAP_SYS_RESOURCE none can be set below the last value that was set with it, which cannot be read; it is
// at most the runtime's own (proc_pid_oom_score_adj(5)).
func (c *checker) oomScore(adj int, own string) {
	if n, err := strconv.Atoi(own); err == nil && adj < n {
		c.warn("process.oomScoreAdj", fmt.Sprintf("%d, and the runtime has no CAP_SYS_RESOURCE", adj), "at least its own value, "+own)
	}
}
