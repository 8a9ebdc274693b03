package seccomp

import (
	"encoding/binary"
	"fmt"
	"testing"

	"teu/internal/sys"
)

// call is one system call as a filter sees it: struct seccomp_data.
type call struct {
	arch uint32
	nr   uint32
	args [6]uint64
}

func (c *call) data() []byte {
	b := binary.NativeEndian.AppendUint32(nil, c.nr)
	b = binary.NativeEndian.AppendUint32(b, c.arch)
	b = binary.NativeEndian.AppendUint64(b, 0x1234) // instruction pointer
	for _, a := range c.args {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}

// run executes a filter on a call and gives its verdict, with the checks of the kernel's seccomp_check_filter.
func run(code []byte, c call) (uint32, error) {
	n := len(code) / sys.SockFilterSize
	if len(code)%sys.SockFilterSize != 0 || n == 0 || n > sys.BPFMaxInsns {
		return 0, fmt.Errorf("got a program of %d bytes, want 1 to %d whole instructions", len(code), sys.BPFMaxInsns)
	}
	data := c.data()
	var acc uint32
	for pc := 0; pc < n; pc++ {
		i := code[pc*sys.SockFilterSize:]
		op, jt, jf, k := binary.NativeEndian.Uint16(i), int(i[2]), int(i[3]), binary.NativeEndian.Uint32(i[4:])
		jump := func(on bool) {
			if on {
				pc += jt
			} else {
				pc += jf
			}
		}
		switch op {
		case sys.BPFLoadWord:
			if k%4 != 0 || int(k)+4 > len(data) {
				return 0, fmt.Errorf("insn %d: got a load at %d, want a word of the %d bytes of data", pc, k, len(data))
			}
			acc = binary.NativeEndian.Uint32(data[k:])
		case sys.BPFAndImm:
			acc &= k
		case sys.BPFJump:
			pc += int(k)
		case sys.BPFJumpEq:
			jump(acc == k)
		case sys.BPFJumpGt:
			jump(acc > k)
		case sys.BPFJumpGe:
			jump(acc >= k)
		case sys.BPFJumpSet:
			jump(acc&k != 0)
		case sys.BPFReturn:
			return k, nil
		default:
			return 0, fmt.Errorf("insn %d: got the code %#x, want one of those that filters have", pc, op)
		}
	}
	return 0, fmt.Errorf("got no return before the end, want one")
}

// verdict is run for a filter that must be sound.
func verdict(t testing.TB, f Filter, c call) uint32 {
	t.Helper()
	v, err := run(f.BPF, c)
	if err != nil {
		t.Fatalf("run the filter on %+v: %v", c, err)
	}
	return v
}

func TestRunRefusesBrokenPrograms(t *testing.T) {
	for name, code := range map[string][]byte{
		"empty":           nil,
		"half":            make([]byte, 4),
		"no return":       insn(nil, sys.BPFLoadWord, 0, 0, 0),
		"jump outside":    insn(insn(nil, sys.BPFJump, 0, 0, 9), sys.BPFReturn, 0, 0, 0),
		"load outside":    insn(nil, sys.BPFLoadWord, 0, 0, 64),
		"unknown":         insn(nil, 0xffff, 0, 0, 0),
		"too many":        make([]byte, (sys.BPFMaxInsns+1)*sys.SockFilterSize),
		"load misaligned": insn(nil, sys.BPFLoadWord, 0, 0, 2),
	} {
		if v, err := run(code, call{}); err == nil {
			t.Errorf("%s: got verdict %#x, want an error", name, v)
		}
	}
}
