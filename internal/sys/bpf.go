package sys

// BPF programs of type BPF_PROG_TYPE_CGROUP_DEVICE, through bpf(2):
//
//	DeviceProgLoad     BPF_PROG_LOAD            verify and keep a program, named
//	DeviceProgs        BPF_PROG_QUERY           ids of the programs attached to a cgroup
//	BPFProgByID        BPF_PROG_GET_FD_BY_ID    an fd for one of them
//	BPFProgName        BPF_OBJ_GET_INFO_BY_FD   its name
//	DeviceProgAttach   BPF_PROG_ATTACH          BPF_F_ALLOW_MULTI, with BPF_F_REPLACE when one is to be replaced
//	DeviceProgDetach   BPF_PROG_DETACH

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BPF instruction parts and the cgroup device context (linux/bpf_common.h, linux/bpf.h).
const (
	BPFLdxMemW = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	BPFMov32K  = unix.BPF_ALU | unix.BPF_MOV | unix.BPF_K
	BPFMov32X  = unix.BPF_ALU | unix.BPF_MOV | unix.BPF_X
	BPFAnd32K  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	BPFRsh32K  = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	BPFJeq32K  = unix.BPF_JMP32 | unix.BPF_JEQ | unix.BPF_K
	BPFJa      = unix.BPF_JMP | unix.BPF_JA
	BPFJset32K = unix.BPF_JMP32 | unix.BPF_JSET | unix.BPF_K
	BPFExit    = unix.BPF_JMP | unix.BPF_EXIT

	DevcgBlock = unix.BPF_DEVCG_DEV_BLOCK
	DevcgChar  = unix.BPF_DEVCG_DEV_CHAR
	DevcgMknod = unix.BPF_DEVCG_ACC_MKNOD
	DevcgRead  = unix.BPF_DEVCG_ACC_READ
	DevcgWrite = unix.BPF_DEVCG_ACC_WRITE
)

// BPFNameMax is the longest program name, without the final NUL (BPF_OBJ_NAME_LEN).
const BPFNameMax = unix.BPF_OBJ_NAME_LEN - 1

// BPFInsn appends one struct bpf_insn. The kernel lays the two 4-bit registers out as a bit-field, so their order
// follows the byte order of the machine.
func BPFInsn(b []byte, op, dst, src uint8, off int16, imm int32) []byte {
	regs := dst | src<<4
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		regs = src | dst<<4
	}
	b = append(b, op, regs)
	b = binary.NativeEndian.AppendUint16(b, uint16(off))
	return binary.NativeEndian.AppendUint32(b, uint32(imm))
}

// bpfAttr is union bpf_attr with room to spare (it has 168 bytes in Linux 6.18; the kernel accepts a longer one
// whose tail is zero). It is always passed whole: BPF_PROG_QUERY of Linux 6.17 to 7.1 writes the field revision
// at offset 56 no matter what size it was told, past the end of a shorter buffer.
type bpfAttr [32]uint64

func (a *bpfAttr) put32(off int, v uint32) {
	binary.NativeEndian.PutUint32(unsafe.Slice((*byte)(unsafe.Pointer(&a[0])), len(a)*8)[off:], v)
}

func (a *bpfAttr) get32(off int) uint32 {
	return binary.NativeEndian.Uint32(unsafe.Slice((*byte)(unsafe.Pointer(&a[0])), len(a)*8)[off:])
}

// putPtr stores a pointer as the __u64 that the union wants. p must be pinned until the call has returned.
func (a *bpfAttr) putPtr(off int, p *byte) { a[off/8] = uint64(uintptr(unsafe.Pointer(p))) }

func bpf(cmd uintptr, a *bpfAttr) (int, error) {
	for {
		r, _, e := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(a)), unsafe.Sizeof(*a))
		switch {
		case e == unix.EINTR:
		// The verifier gives up with EAGAIN when a signal is pending, and the Go runtime sends some
		// (kernel/bpf/verifier.c, do_check).
		case e == unix.EAGAIN && cmd == unix.BPF_PROG_LOAD:
		case e != 0:
			return -1, e
		default:
			return int(r), nil
		}
	}
}

// DeviceProgLoad loads insns (struct bpf_insn, 8 bytes each, native byte order) as a cgroup device filter called
// name. When the kernel's verifier refuses it, the error ends in the last line of the verifier's log.
func DeviceProgLoad(insns []byte, name string) (fd int, err error) {
	var a bpfAttr
	var pin runtime.Pinner
	defer pin.Unpin()
	license := []byte("Apache-2.0\x00") // only helpers marked GPL care, and there are none here
	pin.Pin(&insns[0])
	pin.Pin(&license[0])
	a.put32(0, unix.BPF_PROG_TYPE_CGROUP_DEVICE)
	a.put32(4, uint32(len(insns)/8))
	a.putPtr(8, &insns[0])
	a.putPtr(16, &license[0])
	var n [unix.BPF_OBJ_NAME_LEN]byte
	copy(n[:BPFNameMax], name)
	for i := 0; i < len(n); i += 4 {
		a.put32(48+i, binary.NativeEndian.Uint32(n[i:]))
	}
	fd, err = bpf(unix.BPF_PROG_LOAD, &a)
	if err == nil || errors.Is(err, unix.EPERM) {
		return fd, wrapBPF("BPF_PROG_LOAD", err)
	}
	log := make([]byte, 64<<10)
	pin.Pin(&log[0])
	a.put32(24, 1)
	a.put32(28, uint32(len(log)))
	a.putPtr(32, &log[0])
	if fd, again := bpf(unix.BPF_PROG_LOAD, &a); again == nil {
		return fd, nil
	}
	if s := lastLine(log); s != "" {
		return -1, fmt.Errorf("bpf BPF_PROG_LOAD: %w: %s", err, s)
	}
	return -1, wrapBPF("BPF_PROG_LOAD", err)
}

func lastLine(log []byte) string {
	s, _, _ := strings.Cut(string(log), "\x00")
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// DeviceProgs returns the ids of the device filters attached to the cgroup itself, not those above it. cgroup may
// be an O_PATH fd.
func DeviceProgs(cgroup int) ([]uint32, error) {
	const most = 64 // BPF_CGROUP_MAX_PROGS
	ids := make([]byte, 4*most)
	var pin runtime.Pinner
	pin.Pin(&ids[0])
	defer pin.Unpin()
	var a bpfAttr
	a.put32(0, uint32(cgroup))
	a.put32(4, unix.BPF_CGROUP_DEVICE)
	a.putPtr(16, &ids[0])
	a.put32(24, most)
	if _, err := bpf(unix.BPF_PROG_QUERY, &a); err != nil {
		return nil, wrapBPF("BPF_PROG_QUERY", err)
	}
	out := make([]uint32, min(a.get32(24), most))
	for i := range out {
		out[i] = binary.NativeEndian.Uint32(ids[4*i:])
	}
	return out, nil
}

// BPFProgByID opens the program with this id. It needs CAP_SYS_ADMIN.
func BPFProgByID(id uint32) (fd int, err error) {
	var a bpfAttr
	a.put32(0, id)
	fd, err = bpf(unix.BPF_PROG_GET_FD_BY_ID, &a)
	return fd, wrapBPF("BPF_PROG_GET_FD_BY_ID", err)
}

// BPFProgName returns the name that a program was loaded with.
func BPFProgName(fd int) (string, error) {
	const nameAt = 64 // offsetof(struct bpf_prog_info, name)
	info := make([]byte, 256)
	var pin runtime.Pinner
	pin.Pin(&info[0])
	defer pin.Unpin()
	var a bpfAttr
	a.put32(0, uint32(fd))
	a.put32(4, uint32(len(info)))
	a.putPtr(8, &info[0])
	if _, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, &a); err != nil {
		return "", wrapBPF("BPF_OBJ_GET_INFO_BY_FD", err)
	}
	s, _, _ := strings.Cut(string(info[nameAt:nameAt+unix.BPF_OBJ_NAME_LEN]), "\x00")
	return s, nil
}

// DeviceProgAttach attaches prog to the cgroup beside others (BPF_F_ALLOW_MULTI: each of them, here and above, must
// agree). With replace >= 0 it takes the place of that program in one step (BPF_F_REPLACE, Linux 5.6).
func DeviceProgAttach(cgroup, prog, replace int) error {
	flags := uint32(unix.BPF_F_ALLOW_MULTI)
	var a bpfAttr
	if replace >= 0 {
		flags |= unix.BPF_F_REPLACE
		a.put32(16, uint32(replace))
	}
	a.put32(0, uint32(cgroup))
	a.put32(4, uint32(prog))
	a.put32(8, unix.BPF_CGROUP_DEVICE)
	a.put32(12, flags)
	_, err := bpf(unix.BPF_PROG_ATTACH, &a)
	return wrapBPF("BPF_PROG_ATTACH", err)
}

// DeviceProgDetach detaches prog from the cgroup.
func DeviceProgDetach(cgroup, prog int) error {
	var a bpfAttr
	a.put32(0, uint32(cgroup))
	a.put32(4, uint32(prog))
	a.put32(8, unix.BPF_CGROUP_DEVICE)
	_, err := bpf(unix.BPF_PROG_DETACH, &a)
	return wrapBPF("BPF_PROG_DETACH", err)
}

func wrapBPF(cmd string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bpf %s: %w", cmd, err)
}
