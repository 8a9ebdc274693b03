package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

// TestHeldRules: what is on or below the place of a mount that the program holds is looked up from that mount.
func TestHeldRules(t *testing.T) {
	tmpfs := func(b *scene) Slot { return b.Fsmount(b.Fsopen("tmpfs"), 0) }
	on := func(b *scene, path string) Slot { // a mount that is held on path
		mnt, dst := tmpfs(b), b.Target(Inside(b.dir, path), WantDir|OffProc, None)
		b.MoveMount(mnt, dst)
		b.Close(dst)
		return mnt
	}
	open := func(b *scene, path string, held Slot, known int) {
		b.Target(Path{b.dir, path, held, known}, WantDir, None)
	}
	const again = "below slot s1 again, though slot s"
	checkRules(t, []rule{
		{name: "below a mount", at: atHost, want: `target: path "/a/b" is looked up ` + again + `3 is mounted on "a"`,
			bad:  func(b *scene) { on(b, "/a"); open(b, "/a/b", None, 0) },
			good: func(b *scene) { open(b, "/a/b", on(b, "/a"), 2) }},
		{name: "the place of a mount", at: atHost, want: `path "/a" is looked up ` + again,
			bad:  func(b *scene) { on(b, "/a"); open(b, "/a", None, 0) },
			good: func(b *scene) { open(b, "/a", on(b, "/a"), 2); open(b, "/ab", None, 0) }},
		{name: "below a mount by dots", at: atHost, want: again,
			bad:  func(b *scene) { on(b, "/a"); open(b, "x/..//a/b/", None, 0) },
			good: func(b *scene) { on(b, "/a"); open(b, "/a/../b", None, 0) }},
		{name: "below a mount by openat2", at: atHost, want: again,
			bad:  func(b *scene) { on(b, "/a"); b.Openat2(b.dir, "a/b", How{Resolve: InRoot}) },
			good: func(b *scene) { on(b, "/a"); b.Openat2(b.dir, "b/a", How{Resolve: InRoot}) }},
		{name: "the place of a mount by mknodat", at: atHost, want: again,
			bad:  func(b *scene) { on(b, "/a"); b.Mknodat(b.dir, "a", 0, 0) },
			good: func(b *scene) { on(b, "/a"); b.Mknodat(b.dir, "b", 0, 0) }},
		{name: "the place of a mount by name", at: atHost, want: again,
			bad: func(b *scene) {
				b.call(sys.SysMoveMount, fd(tmpfs(b)), str(""), fd(b.dir), str("a"), num(uint64(sys.MoveMountFEmptyPath)))
				open(b, "/a/b", None, 0)
			}},
		{name: "below a mount of the parent's", at: atHost, want: again,
			bad: func(b *scene) {
				b.MoveMount(b.in, b.Openat2(b.dir, "a", How{Resolve: InRoot}))
				open(b, "/a/b", None, 0)
			},
			// What is not held any more can only be looked up again.
			good: func(b *scene) { b.Close(on(b, "/a")); open(b, "/a/b", None, 0) }},
		{name: "below what may be a mount", at: atHost, want: again,
			bad: func(b *scene) {
				mnt, dst, l := tmpfs(b), b.Target(Inside(b.dir, "/a"), WantDir|OffProc, None), b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.MoveMount(mnt, dst)
				b.Here(l)
				open(b, "/a/b", None, 0)
			},
			// On the other way nothing is mounted.
			good: func(b *scene) {
				mnt, dst, other, l := tmpfs(b), b.Target(Inside(b.dir, "/a"), WantDir|OffProc, None), b.Label(), b.Label()
				b.Setsid()
				b.On(other, syscall.EPERM)
				b.MoveMount(mnt, dst)
				b.Close(mnt)
				b.Jump(l)
				b.Here(other)
				open(b, "/a/b", None, 0)
				b.Here(l)
			}},
		{name: "past a mount further on", at: atHost, want: again,
			bad: func(b *scene) { a := on(b, "/a"); below(b, "/a/b", a, 2); open(b, "/a/b/c", a, 2) },
			good: func(b *scene) {
				a := on(b, "/a")
				open(b, "/a/b/c", below(b, "/a/b", a, 2), 4)
				open(b, "/a/c", a, 2)
			}},
		{name: "from a mount that is covered", at: atHost, want: again,
			bad:  func(b *scene) { a := on(b, "/a"); below(b, "/a", a, 2); open(b, "/a/b", a, 2) },
			good: func(b *scene) { open(b, "/a/b", below(b, "/a", on(b, "/a"), 2), 2) }},
		{name: "from a mount elsewhere", at: atHost, want: `path "/a/b" starts at slot s3, which is not on "/a"`,
			bad: func(b *scene) { open(b, "/a/b", on(b, "/c"), 2) }},
		{name: "from a mount that is nowhere", at: atHost, want: "which is not on",
			bad: func(b *scene) { open(b, "/a/b", tmpfs(b), 2) }},
		{name: "from a mount in another root", at: atHost, want: "which is not on",
			bad: func(b *scene) {
				mnt := on(b, "/a")
				b.Target(Path{b.Openat2(b.dir, "r", How{Resolve: InRoot}), "/a/b", mnt, 2}, WantDir, None)
			}},
		{name: "from a directory past a mount", at: atHost, want: again,
			bad: func(b *scene) {
				dir := b.Target(Inside(b.dir, "/a"), WantDir, None)
				on(b, "/a/b")
				open(b, "/a/b/c", dir, 2)
			},
			good: func(b *scene) {
				dir := b.Target(Inside(b.dir, "/a"), WantDir, None)
				on(b, "/a/b")
				open(b, "/a/c", dir, 2)
			}},
		{name: "from the middle of a name", at: atHost, want: `path "/ab" starts after 2 bytes`,
			bad: func(b *scene) { open(b, "/ab", on(b, "/a"), 2) }},
		{name: "from after the path", at: atHost, want: "starts after 3 bytes",
			bad: func(b *scene) { open(b, "/a", on(b, "/a"), 3) }},
		{name: "from nothing of the path", at: atHost, want: "starts after 0 bytes",
			bad: func(b *scene) { open(b, "/a", on(b, "/a"), 0) }},
		{name: "from no slot", at: atHost, want: `path "/a/b" starts at no slot`,
			bad: func(b *scene) { open(b, "/a/b", None, 2) }},
	})
}

// below is a mount that is held on path, which starts at another.
func below(b *scene, path string, held Slot, known int) Slot {
	mnt, dst := b.Fsmount(b.Fsopen("tmpfs"), 0), b.Target(Path{b.dir, path, held, known}, WantDir|OffProc, None)
	b.MoveMount(mnt, dst)
	b.Close(dst)
	return mnt
}

// TestProcRules: what goes into a procfs goes there by its path.
func TestProcRules(t *testing.T) {
	on := func(path string, want Want) func(b *scene) {
		return func(b *scene) {
			mnt, dst := b.Fsmount(b.Fsopen("tmpfs"), 0), b.Target(Inside(b.dir, path), want, None)
			b.MoveMount(mnt, dst)
			b.Close(dst, mnt)
		}
	}
	const lax = `move_mount: on path "a", by which a symlink may lead into a procfs`
	checkRules(t, []rule{
		{name: "mount by a path with symlinks", at: atHost, want: lax, bad: on("/a", WantDir), good: on("/a", WantDir|OffProc)},
		{name: "mount by a path without symlinks", at: atHost, want: lax, bad: on("/a", WantFile|Nofollow), good: on("/a", WantFile|NoSymlinks)},
		{name: "mount by a path in proc", at: atHost, want: "into a procfs", bad: on("/procs/a", WantDir), good: on("//proc/a", WantDir)},
		{name: "mount that is no mask", at: atChange, want: lax,
			bad: func(b *scene) { b.At("mounts[0]", "bind it"); on("/a", WantDir)(b) },
			good: func(b *scene) {
				b.mask("linux.maskedPaths[0]", "/a")
				b.enterRoot()
				b.check("linux.maskedPaths[0]", "/a")
			}, twin: skip{root: true}},
	})
}
