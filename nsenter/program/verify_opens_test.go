package program

import (
	"syscall"
	"testing"

	"teu/internal/sys"
)

// TestOpenRules: what may be anything is opened so that nothing happens.
func TestOpenRules(t *testing.T) {
	const want = "openat2: neither by O_PATH, nor read-only and O_NONBLOCK"
	at := func(flags uint64) func(b *scene) {
		return func(b *scene) { b.Builder.Openat2(b.dir, "x", How{Flags: flags, Resolve: InRoot}) }
	}
	null := func(check, again string, flags uint64) func(b *scene) {
		return func(b *scene) {
			f := b.Openat2(b.dir, check, How{Flags: sys.OPath, Resolve: InRoot})
			b.CheckDev(f, sys.SIfchr, sys.Makedev(1, 3))
			b.Openat2(b.dir, again, How{Flags: flags, Resolve: InRoot})
		}
	}
	pts := func(resolve uint64) func(b *scene) {
		return func(b *scene) {
			b.CheckFs(b.dir, sys.DevptsSuperMagic)
			b.Openat2(b.dir, "ptmx", How{Flags: sys.ORdwr | sys.ONoctty, Resolve: resolve})
		}
	}
	checkRules(t, []rule{
		{name: "reading that may wait", at: atHost, want: want, bad: at(0), good: at(sys.ONonblock)},
		{name: "reading of a file of the host", at: atHost, want: want,
			bad:  func(b *scene) { b.Builder.Openat2(Host, "/x", How{}) },
			good: func(b *scene) { b.Builder.Openat2(Host, "/x", How{Flags: sys.ONonblock}) }},
		{name: "writing", at: atHost, want: want, bad: at(sys.OWronly | sys.ONonblock), good: at(sys.OPath)},
		{name: "reading and writing", at: atHost, want: want, bad: at(sys.ORdwr | sys.ONonblock), good: at(sys.ODirectory)},
		{name: "making", at: atHost, want: want, bad: at(sys.OCreat | sys.ONonblock)},
		{name: "cutting", at: atHost, want: want, bad: at(sys.OTrunc | sys.ONonblock)},
		{name: "null device", at: atHost, want: want, bad: null("null", "null", sys.ORdwr),
			good: null("null", "null", sys.ORdwr|sys.ONonblock)},
		{name: "null device by another path", at: atHost, want: want, bad: null("null", "other", sys.ORdwr|sys.ONonblock)},
		{name: "null device that is to be made", at: atHost, want: want, bad: null("null", "null", sys.ORdwr|sys.ONonblock|sys.OCreat)},
		{name: "null device that was none on one way", at: atHost, want: want,
			bad: func(b *scene) {
				f := b.Openat2(b.dir, "null", How{Flags: sys.OPath, Resolve: InRoot})
				b.CheckDev(f, sys.SIfchr, sys.Makedev(1, 3))
				b.Ignore(syscall.ENODEV)
				b.Openat2(b.dir, "null", How{Flags: sys.ORdwr | sys.ONonblock, Resolve: InRoot})
			}},
		{name: "another device", at: atHost, want: want,
			bad: func(b *scene) {
				f := b.Openat2(b.dir, "null", How{Flags: sys.OPath, Resolve: InRoot})
				b.CheckDev(f, sys.SIfchr, sys.Makedev(1, 5))
				b.Openat2(b.dir, "null", How{Flags: sys.ORdwr | sys.ONonblock, Resolve: InRoot})
			}},
		{name: "multiplexer", at: atHost, want: want, bad: pts(InRoot), good: pts(Strict)},
		{name: "multiplexer of no devpts", at: atHost, want: want,
			bad: func(b *scene) { b.Openat2(b.dir, "ptmx", How{Flags: sys.ORdwr, Resolve: Strict}) }},
	})
}
