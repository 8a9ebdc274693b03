package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

// mask masks a path below the directory of the scene, as the compiler does it.
func (b *scene) mask(where, path string) {
	b.At(where, "mask it")
	at := b.Target(Inside(b.dir, path), WantDir|Existing, None)
	mnt := b.CloneTree(at, 0)
	b.MoveMount(mnt, at)
	b.Close(mnt, at)
	b.At("test", "the case")
}

// enterRoot changes the root, for cases that go on in the new one.
func (b *scene) enterRoot() { b.Chroot("."); b.Chdir("/") }

func (b *scene) check(where, path string) {
	b.At(where, "check it")
	b.CheckCover(path, Cover{None, None, None, None})
	b.At("test", "the case")
}

func TestCoverRules(t *testing.T) {
	const first, second, readonly = "linux.maskedPaths[0]", "linux.maskedPaths[10]", "linux.readonlyPaths[0]"
	ready := func(b *scene) { b.Capset(0, 0, 0); b.Sync(b.in, ByteReady, ByteReady) }
	checkRules(t, []rule{
		{name: "mask that nobody checks", at: atChange, want: "exec: linux.maskedPaths[0] was not checked in the final root",
			bad:  func(b *scene) { b.mask(first, "/a") },
			good: func(b *scene) { b.mask(first, "/a"); b.enterRoot(); b.check(first, "/a") }},
		{name: "mask that nobody has checked when it is ready", at: atChange, want: "sync: linux.maskedPaths[0] was not checked",
			bad:  func(b *scene) { b.mask(first, "/a"); b.enterRoot(); ready(b); b.check(first, "/a") },
			good: func(b *scene) { b.mask(first, "/a"); b.enterRoot(); b.check(first, "/a"); ready(b) }, twin: skip{root: true}},
		{name: "mask of two", at: atChange, want: "exec: linux.maskedPaths[10] was not checked",
			bad: func(b *scene) { b.mask(first, "/a"); b.mask(second, "/b"); b.enterRoot(); b.check(first, "/a") },
			good: func(b *scene) {
				b.mask(first, "/a")
				b.mask(second, "/b")
				b.enterRoot()
				b.check(second, "/b")
				b.check(first, "/a")
			}},
		{name: "read-only path", at: atChange, want: "exec: linux.readonlyPaths[0] was not checked",
			bad:  func(b *scene) { b.mask(readonly, "/a") },
			good: func(b *scene) { b.mask(readonly, "/a"); b.enterRoot(); b.check(readonly, "/a") }},
		{name: "read-only root", at: atChange, want: "exec: linux.readonlyPaths[0] was not checked",
			bad: func(b *scene) {
				b.At(readonly, "")
				b.MountSetattr(b.dir, sys.AtRecursive, MountAttr{Set: sys.MountAttrRdonly})
			}},
		{name: "mask on one way", at: atChange, want: "exec: linux.maskedPaths[0] was not checked",
			bad: func(b *scene) {
				l := b.Label()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.mask(first, "/a")
				b.Here(l)
			}},
		{name: "check on one way", at: atChange, want: "exec: linux.maskedPaths[0] was not checked",
			bad: func(b *scene) {
				l := b.Label()
				b.mask(first, "/a")
				b.enterRoot()
				b.Setsid()
				b.On(l, syscall.EPERM)
				b.check(first, "/a")
				b.Here(l)
			}},
		{name: "check whose failure is ignored", at: atChange, want: "exec: linux.maskedPaths[0] was not checked",
			bad: func(b *scene) {
				b.mask(first, "/a")
				b.enterRoot()
				b.At(first, "")
				b.CheckCover("/a", Cover{None, None, None, None})
				b.Ignore(syscall.ESTALE)
			}},
		{name: "check of another path", at: atChange, want: `check_cover: path "b", where "a" was covered`,
			bad: func(b *scene) { b.mask(first, "/a"); b.enterRoot(); b.check(first, "/b") }},
		{name: "check before the change of root", at: atChange, want: "check_cover: before the change of root",
			bad:  func(b *scene) { b.check(first, "/a") },
			good: func(b *scene) { b.enterRoot(); b.check(first, "/a") }},
		{name: "check of a relative path", at: atEntered, want: `check_cover: path "a" is relative to nothing`,
			bad: func(b *scene) { b.check(first, "a") }},
		{name: "number as a descriptor", at: atHost, want: "holds a number where a descriptor is to be",
			bad:  func(b *scene) { b.Close(b.Identify(b.dir, Device)) },
			good: func(b *scene) { b.Identify(b.dir, Device) }},
		{name: "descriptor as a number", at: atEntered, want: "or a descriptor for a number",
			bad:  func(b *scene) { b.CheckCover("/a", Cover{b.in, None, None, None}) },
			good: func(b *scene) { b.CheckCover("/a", Cover{b.Identify(b.in, Device), None, None, None}) }},
		{name: "descriptor in the place of a number", at: atHost, want: "result slot s2 holds a number",
			bad: func(b *scene) {
				s := b.Identify(b.dir, Device)
				b.Alias(b.Openat2(Host, "/", How{}), s)
			}},
		{name: "number that nobody keeps", at: atHost, want: "result of identify that no slot keeps",
			bad: func(b *scene) { b.add(Insn{Op: OpIdentify, Out: None}, fd(b.dir), num(0)) }},
		{name: "number that there is not", at: atHost, want: "identify: argument 1: not of the kind",
			bad: func(b *scene) { b.Identify(b.dir, Inode+1) }},
	})
}
