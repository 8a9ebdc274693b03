package program

import (
	"fmt"

	"teu/internal/sys"
)

func keyctl(in *Insn) error {
	switch req, key, perm := in.Args[0].Val, in.Args[1].Kind, in.Args[2].Val; {
	case req == sys.KeyctlJoinSessionKeyring && key == Str && perm == 0:
	case req == sys.KeyctlSetperm && key == Imm && perm != 0:
	default:
		return fmt.Errorf("request %d is none that programs use", req)
	}
	return nil
}

// ioctl checks the request; only one of them makes a descriptor.
func ioctl(in *Insn) error {
	req, arg := in.Args[1].Val, &in.Args[2]
	want := 0
	switch req {
	case sys.Tiocgptpeer:
		if in.Out == None {
			return fmt.Errorf("descriptor that no slot keeps")
		}
	case sys.Tiocsctty:
	case sys.Tiocsptlck, sys.Fionbio:
		want = 4
	case sys.Tiocswinsz:
		want = 8
	case sys.Siocsifflags:
		want = 40
	default:
		return fmt.Errorf("request %#x is none that programs use", req)
	}
	if in.Out != None && req != sys.Tiocgptpeer {
		return fmt.Errorf("result of request %#x, which has none", req)
	}
	if (want > 0) != (arg.Kind == Buf) || len(arg.Text) != want {
		return fmt.Errorf("request %#x with %d bytes, want %d", req, len(arg.Text), want)
	}
	return nil
}
