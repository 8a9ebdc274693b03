package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/lsm"
	"teu/libcontainer/spec"
)

// lsmFacts asks about the security modules that labels are given for.
func lsmFacts(p *specs.Process, mountLabel string) (f spec.Facts) {
	if p != nil {
		f.NoApparmor = p.ApparmorProfile != "" && !lsm.Apparmor()
		f.NoSelinux = p.SelinuxLabel != "" && !lsm.Selinux()
	}
	f.NoSelinux = f.NoSelinux || mountLabel != "" && !lsm.Selinux()
	return f
}

// checkLabels asks the policy about the labels: what it does not know would fail half-way through.
func checkLabels(p *specs.Process, mountLabel string) error {
	if err := lsm.CheckLabel("process.selinuxLabel", p.SelinuxLabel); err != nil {
		return err
	}
	return lsm.CheckLabel("linux.mountLabel", mountLabel)
}
