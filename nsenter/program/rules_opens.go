package program

import (
	"fmt"

	"teu/internal/sys"
)

// opens refuses to open what may be anything in a way that waits or does something by itself, as with FIFOs, leases and devices.
// What is on a filesystem of the program's own, or in a devpts, is no such file; the null device is opened to be written to, when it
// was one a moment ago, and is checked once more.
func (f *flow) opens(in *Insn) error {
	flags := how(in).Flags
	switch {
	case flags&sys.OPath != 0:
		return nil
	case flags&(sys.OWronly|sys.ORdwr|sys.OCreat|sys.OTrunc) == 0 && flags&(sys.ONonblock|sys.ODirectory) != 0:
		return nil
	case in.Args[0].Kind != Use:
	case f.ownFile(in), f.devpts.has(in.Args[0].Val) && how(in).Resolve == Strict:
		return nil
	case flags&sys.ONonblock != 0 && flags&(sys.OCreat|sys.OTrunc) == 0 && f.wasNull(in):
		return nil
	}
	return fmt.Errorf("neither by O_PATH, nor read-only and O_NONBLOCK, of a file that may be anything")
}

// wasNull reports whether in opens what was found to be the null device by the same path.
func (f *flow) wasNull(in *Insn) bool {
	l := lookup{in.Args[0].Val, plain(in.Args[1].Text), true}
	for s := range f.tracks.opened {
		if f.nulls.has(uint64(s)) && f.tracks.opened[s] == l {
			return true
		}
	}
	return false
}
