package spec

import (
	"slices"
	"strings"
)

// Unconfined is the AppArmor profile that confines nothing.
const Unconfined = "unconfined"

// labels checks what config.json says to security modules. A label that nobody would enforce is refused, as with runc:
// whoever gave it relies on it.
func (c *checker) labels() {
	if p := c.Process; p != nil {
		switch {
		case p.ApparmorProfile == "":
		case strings.ContainsAny(p.ApparmorProfile, "\n\x00"):
			c.bad("process.apparmorProfile", quote(p.ApparmorProfile), "the name of a profile, in one line")
		case c.facts.NoApparmor && p.ApparmorProfile != Unconfined:
			c.bad("process.apparmorProfile", quote(p.ApparmorProfile)+", and no AppArmor in this kernel", "no profile")
		}
		c.selinux("process.selinuxLabel", p.SelinuxLabel)
	}
	if c.Linux != nil {
		c.selinux("linux.mountLabel", c.Linux.MountLabel)
	}
}

func (c *checker) selinux(path, label string) {
	switch {
	case label == "":
	// user:role:type, and a level where the policy has them; a level may hold colons of its own.
	case strings.Count(label, ":") < 2 || slices.Contains(strings.SplitN(label, ":", 4), "") || strings.ContainsAny(label, "\n\x00\""):
		c.bad(path, quote(label), "a label as system_u:system_r:container_t:s0")
	case c.facts.NoSelinux:
		c.bad(path, quote(label)+", and SELinux is not enabled in this kernel", "no label")
	}
}
