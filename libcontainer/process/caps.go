package process

import (
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

// Caps are capability sets as bit masks.
type Caps struct {
	Bounding, Effective, Permitted, Inheritable, Ambient uint64
}

// ParseCaps reads process.capabilities. Names nobody knows are left out, of which validation warns, and so are
// capabilities that are not in grantable, which are returned as warnings: config.md says the runtime SHOULD NOT fail for
// either. Those that cannot be made ambient are another warning: it takes the permitted and the inheritable set
// (capabilities(7)).
func ParseCaps(spec *specs.LinuxCapabilities, grantable uint64) (c Caps, warnings []string) {
	if spec == nil {
		return Caps{}, nil
	}
	var ungranted uint64
	mask := func(list []string) (m uint64) {
		for _, name := range list {
			if n, ok := names.Capability(name); ok {
				m |= 1 << n
			}
		}
		ungranted |= m &^ grantable
		return m & grantable
	}
	c = Caps{
		Bounding: mask(spec.Bounding), Effective: mask(spec.Effective), Permitted: mask(spec.Permitted),
		Inheritable: mask(spec.Inheritable), Ambient: mask(spec.Ambient),
	}
	if ungranted != 0 {
		warnings = append(warnings, "process.capabilities: not granted to the runtime itself: "+capList(ungranted))
	}
	if lost := c.Ambient &^ (c.Permitted & c.Inheritable); lost != 0 {
		warnings = append(warnings, "process.capabilities.ambient: not permitted and inheritable, so not made ambient: "+capList(lost))
	}
	return c, warnings
}

func capList(m uint64) string {
	var list []string
	for i := range 64 {
		if m>>i&1 != 0 {
			list = append(list, names.CapabilityName(i))
		}
	}
	return strings.Join(list, ", ")
}

// Narrow takes away what the rest of the program does not need, before the process waits at its gate: of what may be done (the
// effective set) all but program.LastCaps, for good (the permitted one) what neither the workload nor its filter is to have.
func (c *Config) Narrow(b *program.Builder) {
	last := program.LastCaps & c.Grantable
	keep := last | c.Caps.Permitted | c.Caps.Effective | c.Caps.Inheritable | c.Caps.Ambient
	if c.keepsAdmin() {
		keep |= 1 << sys.CapSysAdmin
	}
	b.At("process.capabilities", "drop what is not needed any more")
	b.Capset(last, keep, 0)
}

// bounding drops what the bounding set must not hold. It comes before the user changes: it takes CAP_SETPCAP.
func bounding(b *program.Builder, c Caps, last int) {
	b.At("process.capabilities.bounding", "drop from the bounding set")
	for i := 0; i <= last; i++ {
		if c.Bounding>>i&1 == 0 {
			b.Prctl(sys.PrCapbsetDrop, uint64(i))
		}
	}
}

// capset sets the other sets, after the user changed.
func capset(b *program.Builder, c Caps) {
	b.At("process.capabilities", "set capabilities")
	b.Capset(c.Effective, c.Permitted, c.Inheritable)
	// What setuid left of the old ones is gone with the inheritable set; make sure (CVE-2016-8867).
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	for i := range 64 {
		if c.Ambient>>i&1 != 0 {
			b.At("process.capabilities.ambient", "raise "+names.CapabilityName(i))
			b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientRaise, uint64(i))
			// It takes the permitted and the inheritable set: without, the spec has us go on.
			b.Ignore(syscall.EPERM)
		}
	}
}
