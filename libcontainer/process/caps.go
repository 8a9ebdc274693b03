package process

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// CapNames lists the capabilities of Linux 5.9 to 6.18, each at its number (capabilities(7)).
func CapNames() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
		"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
		"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
		"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
		"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// capSysAdmin is the number of CAP_SYS_ADMIN.
const capSysAdmin = 21

// CapNumber returns the number of a capability, or false for a name this runtime does not know.
func CapNumber(name string) (int, bool) {
	i := slices.Index(CapNames(), name)
	return i, i >= 0
}

// CapName returns the name of capability number c.
func CapName(c int) string {
	if names := CapNames(); c < len(names) {
		return names[c]
	}
	return fmt.Sprintf("capability %d", c)
}

// Caps are capability sets as bit masks.
type Caps struct {
	Bounding, Effective, Permitted, Inheritable, Ambient uint64
}

// ParseCaps reads process.capabilities. Names nobody knows are left out, of which validation warns, and so are
// capabilities that are not in grantable, which are returned as warnings: config.md says the runtime SHOULD NOT fail for
// either.
func ParseCaps(spec *specs.LinuxCapabilities, grantable uint64) (c Caps, warnings []string) {
	if spec == nil {
		return Caps{}, nil
	}
	var ungranted uint64
	mask := func(list []string) (m uint64) {
		for _, name := range list {
			if n, ok := CapNumber(name); ok {
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
	return c, warnings
}

func capList(m uint64) string {
	var names []string
	for i := range 64 {
		if m>>i&1 != 0 {
			names = append(names, CapName(i))
		}
	}
	return strings.Join(names, ", ")
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
			b.At("process.capabilities.ambient", "raise "+CapName(i))
			b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientRaise, uint64(i))
			// It takes the permitted and the inheritable set: without, the spec has us go on.
			b.Ignore(syscall.EPERM)
		}
	}
}
