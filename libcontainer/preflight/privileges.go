package preflight

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/spec/names"
)

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
	if err != nil || permitted>>sys.CapSysResource&1 != 0 {
		return
	}
	c.rlimits(p.Rlimits, func(n int) (uint64, bool) {
		l, err := sys.GetRlimit(n)
		return l.Max, err == nil
	})
	const file = "/proc/self/oom_score_adj"
	if text, err := sys.ReadFileAt(sys.AtFdcwd, file); err == nil && p.OOMScoreAdj != nil {
		c.oomScore(*p.OOMScoreAdj, strings.TrimSpace(string(text)), func(value string) error { return sys.WriteFileAt(sys.AtFdcwd, file, value) })
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
			n, known := names.Capability(name)
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
		n, ok := names.Find(names.Rlimits, l.Type)
		if !ok {
			continue
		}
		if hard, ok := own(int(n)); ok && l.Hard > hard {
			c.bad(fmt.Sprintf("process.rlimits[%d].hard", i), fmt.Sprintf("%d, and the runtime has no CAP_SYS_RESOURCE", l.Hard),
				fmt.Sprintf("at most its own hard limit, %d", hard))
		}
	}
}

// oomScore: without CAP_SYS_RESOURCE none can be set below the last value that was set with it (proc_pid_oom_score_adj(5)),
// which cannot be read: it is tried on this process, whose own value is put back.
func (c *checker) oomScore(adj int, own string, set func(value string) error) {
	if n, err := strconv.Atoi(own); err != nil || adj >= n {
		return
	}
	err := set(strconv.Itoa(adj))
	if errors.Is(err, syscall.EACCES) {
		c.bad("process.oomScoreAdj", fmt.Sprintf("%d, and the runtime has no CAP_SYS_RESOURCE", adj), "a value that it may set; its own is "+own)
		return
	}
	if err == nil {
		err = set(own)
	}
	if err != nil {
		c.warn("process.oomScoreAdj", fmt.Sprintf("%d, and it cannot be tried: %v", adj, err), "a value that the runtime may set")
	}
}
