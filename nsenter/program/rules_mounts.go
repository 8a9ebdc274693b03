package program

import (
	"encoding/binary"
	"fmt"

	"teu/internal/sys"
)

// attributes records through which mounts no device can be opened.
func (f *flow) attributes(in *Insn) {
	s, attr, ne := &in.Args[0], []byte(in.Args[3].Text), binary.NativeEndian
	if s.Kind != Use || in.Args[1].Text != "" {
		return
	}
	if ne.Uint64(attr)&sys.MountAttrNodev != 0 {
		f.nodev.add(s.Val)
	} else if ne.Uint64(attr[8:])&sys.MountAttrNodev != 0 {
		f.nodev.del(s.Val)
	}
}

// copy writes to where nobody else can be yet: nothing there is a symlink that somebody has put in the way. What it reads may
// become a device after it was looked at.
func (f *flow) copy(in *Insn) error {
	to := &in.Args[1]
	if to.Kind != Use || to.Val >= f.inputs && !f.mount.has(to.Val) {
		return fmt.Errorf("to a filesystem that is not of our own making")
	}
	if f.placed.has(to.Val) {
		return fmt.Errorf("to slot s%d, where others can be since it was attached", to.Val)
	}
	if from := &in.Args[0]; in.Args[2].Val&uint64(CopyTree) != 0 && (from.Kind != Use || !f.nodev.has(from.Val)) {
		return fmt.Errorf("of a tree that may hold devices")
	}
	return nil
}

// mounts checks and records what in does to a mount or to a filesystem.
func (f *flow) mounts(in *Insn) error {
	switch in.Nr {
	case sys.SysFspick:
		if s := &in.Args[0]; s.Kind != Use || !f.mount.has(s.Val) {
			return fmt.Errorf("of a filesystem that the program has not mounted itself")
		}
	case sys.SysFsconfig:
		if err := f.fsconfig(in); err != nil {
			return err
		}
	case sys.SysMoveMount:
		if s := &in.Args[0]; s.Kind == Use {
			if f.hostPid.has(s.Val) {
				return fmt.Errorf("of a procfs of another pid namespace than the one that was joined")
			}
			f.placed.add(s.Val)
		}
		f.covered(in)
		return f.mounted(in)
	case sys.SysMountSetattr:
		f.attributes(in)
		f.covered(in)
	}
	return nil
}
