package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

func TestMountRules(t *testing.T) {
	tmpfs := func(b *scene) Slot { return b.Fsmount(b.Fsopen("tmpfs"), 0) }
	checkRules(t, []rule{
		{name: "reconfigure another's filesystem", at: atHost, want: "fspick: of a filesystem that the program has not mounted itself",
			bad:  func(b *scene) { b.Fspick(b.OpenTree(Host, "/x", sys.OpenTreeClone)) },
			good: func(b *scene) { b.FsReconfigure(b.Fspick(tmpfs(b))) }},
		{name: "reconfigure the parent's filesystem", at: atHost, want: "fspick: of a filesystem that the program has not mounted itself",
			bad: func(b *scene) { b.Fspick(b.in) }},
		{name: "reconfigure by a path", at: atHost, want: "fspick: of a filesystem that the program has not mounted itself",
			bad: func(b *scene) { b.open(sys.SysFspick, fd(Host), str("/x"), num(uint64(sys.FspickCloexec))) }},
		{name: "fspick without close-on-exec", at: atHost, want: "fspick without close-on-exec",
			bad: func(b *scene) { b.open(sys.SysFspick, fd(tmpfs(b)), str(""), num(uint64(sys.FspickEmptyPath))) }},
		{name: "copy to a directory of the host", at: atHost, want: "copy: to a filesystem that is not of our own making",
			bad:  func(b *scene) { b.Copy(b.dir, b.dir, CopyTree) },
			good: func(b *scene) { b.Copy(b.dir, tmpfs(b), CopyMode) }},
		{name: "copy to a clone", at: atHost, want: "copy: to a filesystem that is not of our own making",
			bad:  func(b *scene) { b.Copy(b.dir, b.OpenTree(Host, "/x", sys.OpenTreeClone), CopyTree) },
			good: func(b *scene) { b.Copy(b.OpenTree(Host, "/x", sys.OpenTreeClone), b.in, CopyMode) }},
		{name: "copy to where others are", at: atHost, want: "where others can be since it was attached",
			bad: func(b *scene) {
				mnt := tmpfs(b)
				b.MoveMount(mnt, b.dir)
				b.Copy(b.dir, mnt, CopyTree)
			},
			good: func(b *scene) {
				mnt := tmpfs(b)
				b.Copy(b.dir, mnt, CopyMode)
				b.MoveMount(mnt, b.dir)
			}},
		{name: "copy of a tree with devices", at: atHost, want: "copy: of a tree that may hold devices",
			bad: func(b *scene) {
				src := b.CloneTree(b.dir, 0)
				b.MountSetattr(src, 0, MountAttr{Set: sys.MountAttrNosuid})
				b.Copy(src, tmpfs(b), CopyTree)
			},
			good: func(b *scene) {
				src := b.CloneTree(b.dir, 0)
				b.MountSetattr(src, 0, MountAttr{Set: sys.MountAttrNodev | sys.MountAttrRdonly})
				b.Copy(src, tmpfs(b), CopyTree)
				b.Close(src)
			}},
		{name: "copy of a tree with devices again", at: atHost, want: "copy: of a tree that may hold devices",
			bad: func(b *scene) {
				src := b.CloneTree(b.dir, 0)
				b.MountSetattr(src, 0, MountAttr{Set: sys.MountAttrNodev})
				b.MountSetattr(src, 0, MountAttr{Clear: sys.MountAttrNodev})
				b.Copy(src, tmpfs(b), CopyTree)
			}},
		{name: "copy of a tree that may be without devices", at: atHost, want: "copy: of a tree that may hold devices",
			bad: func(b *scene) {
				src, l := b.CloneTree(b.dir, 0), b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.MountSetattr(src, 0, MountAttr{Set: sys.MountAttrNodev})
				b.Here(l)
				b.Copy(src, tmpfs(b), CopyTree)
			}},
		{name: "copy to where others may be", at: atHost, want: "where others can be since it was attached",
			bad: func(b *scene) {
				mnt, l := tmpfs(b), b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.MoveMount(mnt, b.dir)
				b.Here(l)
				b.Copy(b.dir, mnt, CopyTree)
			}},
		{name: "copy of nobody knows what", at: atHost, want: "copy: argument 2: not of the kind that it takes",
			bad: func(b *scene) { b.Copy(b.dir, tmpfs(b), 16) }},
		{name: "copy of no slot", at: atHost, want: "copy: argument 1: not of the kind",
			bad: func(b *scene) { b.Copy(b.dir, None, CopyTree) }},
		{name: "symlink of two components", at: atHost, want: `path "a/b" of more than one component below a descriptor`,
			bad:  func(b *scene) { b.CopyLink(b.dir, b.dir, "a/b") },
			good: func(b *scene) { b.CopyLink(b.dir, b.dir, "a") }},
		{name: "symlink made on the host", at: atHost, want: `path "a" is relative to nothing`,
			bad: func(b *scene) { b.CopyLink(b.dir, Host, "a") }},
		{name: "symlink made outside", at: atEntered, want: "from outside, after the change of root",
			bad: func(b *scene) { b.CopyLink(b.in, b.dir, "a") }},
	})
}
