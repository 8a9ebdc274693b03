package program

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
)

// every has one instruction of each method of Builder, in an order that Verify accepts.
func every() *Program {
	b := New()
	control, conn := b.Stream("control"), b.Stream("conn")
	b.At("", "start")
	b.Prctl(sys.PrSetDumpable, 0)
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	b.SigReset()
	b.Umask(0o22)
	b.Setrlimit(sys.RlimitNofile, 3, 4)
	own := b.OwnUser()
	b.CheckOwner(conn, own)
	b.Close(own)
	b.Setns(conn, sys.CloneNewNet|sys.CloneNewNs)
	b.CheckRoot(1<<32, 2, 3)
	b.Unshare(sys.CloneNewIpc | sys.CloneNewUts)
	b.Fork(control, sys.CloneParent)
	b.Sync(control, 'c', 0)
	number := b.Identify(control, Inode)
	b.At("root.path", "mount the root")
	b.MountSetattrPath("/", sys.AtRecursive, MountAttr{Propagation: sys.MsSlave})
	host := b.Openat2(Host, "/bundle/rootfs", How{Flags: sys.OPath | sys.ODirectory, Resolve: sys.ResolveNoMagiclinks})
	root := b.CloneTree(host, sys.AtRecursive)
	b.Close(host)
	b.MoveMountTo(root, "/")
	everyFile(b, root)
	everyDevice(b, root)
	b.At("", "enter")
	b.Fchdir(root)
	b.Close(root)
	b.PivotRoot(".", ".")
	b.Umount2(".", sys.MntDetach)
	b.Chdir("/")
	b.CheckCover("/proc/x", Cover{Dirs: number, Nulls: None, Dev: number, Ino: None})
	b.SendFd(conn, control, "payload")
	everyHook(b, control, conn)
	b.At("process", "become it")
	b.Setgroups([]uint32{1, 2, 70000})
	b.Prctl(sys.PrSetKeepcaps, 1)
	b.Setresgid(5)
	b.Prctl(sys.PrSetDumpable, 0)
	b.Setresuid(6)
	b.Prctl(sys.PrSetDumpable, 0)
	b.CheckCwd()
	b.Capset(1<<21, 1<<21|1<<40, 0)
	b.Prctl(sys.PrCapAmbient, sys.PrCapAmbientClearAll)
	b.Find([]string{"/bin/a", "/usr/bin/a"})
	b.CloexecFrom(3)
	b.Listen(conn, control, 4, []byte("12345678abcdefgh"))
	b.Seccomp(2, []byte("12345678abcdefgh"))
	b.Exec([]string{"/bin/a", "/usr/bin/a"}, []string{"a", "", "b c"}, []string{"A=1", "B="})
	return b.Program()
}

func everyFile(b *Builder, root Slot) {
	b.At("mounts[0]", "mount tmpfs")
	none := b.Label()
	fs := b.Fsopen("tmpfs")
	b.FsSet(fs, "size", "1m")
	b.FsFlag(fs, "noswap")
	b.Ignore(syscall.EINVAL)
	b.FsCreate(fs)
	mnt := b.Fsmount(fs, sys.MountAttrNosuid|sys.MountAttrStrictatime)
	b.MountSetattr(mnt, sys.AtRecursive, MountAttr{Set: sys.MountAttrRdonly, Clear: sys.MountAttrAtime})
	dst := b.Target(Inside(root, "/tmp"), WantDir|OffProc, None)
	src := b.CloneTree(dst, 0)
	b.MountSetattr(src, 0, MountAttr{Set: sys.MountAttrNodev})
	b.Copy(src, mnt, CopyTree|CopyMode|CopyUID|CopyGID)
	b.Close(src)
	b.MoveMount(mnt, dst)
	super := b.Fspick(mnt)
	b.FsReconfigure(super)
	b.CopyLink(super, root, "link")
	b.On(none, syscall.EINVAL)
	file := b.Target(Inside(root, "/etc/x"), WantFile, None)
	like := b.Target(Inside(root, "/data"), WantLike, file)
	b.CheckFs(mnt, sys.ProcSuperMagic)
	key := b.Openat2(mnt, "sys/x", How{Flags: sys.OWronly, Resolve: Strict})
	b.Write(key, "value")
	done := b.Label()
	other := b.OpenTree(Host, "/src", sys.OpenTreeClone)
	b.On(none, syscall.ENOENT, syscall.EACCES)
	b.Jump(done)
	b.Here(none)
	b.Fail(syscall.EROFS)
	b.Here(done)
	b.Close(fs, mnt, super, dst, file, like, key, other)
}

func everyDevice(b *Builder, root Slot) {
	b.At("linux.devices", "make them")
	b.Mknodat(root, "null", sys.SIfchr|0o666, sys.Makedev(1, 3))
	b.Symlinkat("pts/ptmx", root, "ptmx")
	b.Fchownat(root, "null", 1, 2)
	dir := b.Openat2(root, "/dev/pts", How{Flags: sys.OPath, Mode: 0, Resolve: InRoot | sys.ResolveNoSymlinks})
	b.CheckFs(dir, sys.DevptsSuperMagic)
	pts := b.Openat2(dir, "ptmx", How{Flags: sys.ORdwr | sys.ONoctty, Mode: 0, Resolve: Strict})
	b.Close(dir)
	b.CheckDev(pts, sys.SIfchr, sys.Makedev(5, 2))
	b.CheckStdioDev(0, sys.SIfchr, sys.Makedev(1, 3))
	b.Ioctl(pts, sys.Tiocsptlck, []byte{0, 0, 0, 0})
	tty := b.IoctlFd(pts, sys.Tiocgptpeer, sys.ORdwr|sys.OCloexec)
	b.FchownFd(tty, 3, 4)
	b.FchownStdio(2, 3, 4)
	b.Dup3(tty, 0)
	b.IoctlNum(tty, sys.Tiocsctty, 0)
	b.Close(pts, tty)
	b.Sethostname("box")
	b.Setdomainname("example.org")
	s := b.Socket(sys.AfInet, sys.SockDgrm)
	b.Close(s)
}

func everyHook(b *Builder, control, listen Slot) {
	b.At("hooks.startContainer[0]", "/bin/hook")
	out := b.Gate(listen)
	b.Hook("/bin/hook", []string{"hook", "-v"}, []string{"K=v"}, control, out, 1500)
	b.Setsid()
	b.Personality(8)
	b.SetMempolicy(2, []uint64{1})
	b.SetSessionKeyringPerm(1)
	b.SetLabel(listen, "u:r:t:s0")
	b.JoinSessionKeyring("_ses.x")
	b.Chroot(".")
	b.Chdir("/")
}

// image is an encoded program, as the interpreter sees it.
type image []byte

func (m image) header(i int) int             { return int(binary.NativeEndian.Uint32(m[4*i:])) }
func (m image) blob() []byte                 { return m[m.header(5) : m.header(5)+m.header(6)] }
func (m image) insn(i int) []byte            { return m[headerLen+insnLen*i:][:insnLen] }
func (m image) u16(b []byte) int             { return int(binary.NativeEndian.Uint16(b)) }
func (m image) value(b []byte, i int) uint64 { return binary.NativeEndian.Uint64(b[32+8*i:]) }

func (m image) cstring(off uint64) string {
	s, _, _ := strings.Cut(string(m.blob()[off:]), "\x00")
	return s
}

func (m image) pointer(off uint64) uint64 { return binary.NativeEndian.Uint64(m.blob()[off:]) }

// arg decodes argument i of instruction b the way the interpreter does.
func (m image) arg(b []byte, i int, like Arg) Arg {
	v := m.value(b, i)
	data := func(v uint64) string { return string(m.blob()[v&0xffffffff:][:v>>32]) }
	switch b[8+i] {
	case kindUse:
		return Arg{Kind: Use, Val: v}
	case kindStr:
		return str(m.cstring(v))
	case kindLen:
		return Arg{Kind: Len, Val: v}
	case kindBuf:
		switch like.Kind {
		case Vec:
			var list []string
			for off := v & 0xffffffff; m.pointer(off) != 0; off += 8 {
				list = append(list, m.cstring(m.pointer(off)))
			}
			return vec(list)
		case Prog:
			n := uint64(m.u16(m.blob()[v&0xffffffff:]))
			return Arg{Kind: Prog, Text: data(m.pointer(v&0xffffffff+8) | 8*n<<32)}
		}
		return buf(data(v))
	}
	return Arg{Kind: Imm, Val: v}
}

func TestEncodedProgramIsTheProgram(t *testing.T) {
	p := every()
	if err := p.Verify(); err != nil {
		t.Fatalf("verify: %v\n%s", err, p)
	}
	enc, err := p.Encode(Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	m := image(enc)
	if m.header(1) != len(p.Insns) || m.header(2) != p.Slots || m.header(3) != 2 || m.header(10) != len(enc) {
		t.Errorf("header: got %v, want %d instructions, %d slots, 3, and %d bytes", enc[:headerLen], len(p.Insns), p.Slots, len(enc))
	}
	seen := map[Op]bool{}
	for i := range p.Insns {
		in, b := &p.Insns[i], m.insn(i)
		seen[in.Op] = true
		got := Insn{
			Op: Op(m.u16(b)), Nr: uint16(m.u16(b[2:])), Out: Slot(m.u16(b[4:])), Whole: b[6]&flagWhole != 0,
			Where: in.Where, What: in.What,
		}
		if in.Op == OpJump {
			got.Label = &Label{pos: int(m.value(b, 0))}
		} else {
			for a := range int(b[14]) {
				got.Args = append(got.Args, m.arg(b, a, in.Args[a]))
			}
		}
		for j := range int(b[7]) {
			got.Branch = append(got.Branch, Branch{syscall.Errno(m.u16(b[16+4*j:])), &Label{pos: m.u16(b[18+4*j:])}})
		}
		want := *in
		if len(want.Args) == 0 {
			want.Args = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("instruction %d\n got %+v\nwant %+v", i, got, want)
		}
	}
	for op := OpSyscall; op < opEnd; op++ {
		if !seen[op] {
			t.Errorf("operations in the test: got no %s, want all", op)
		}
	}
}

// TestEveryCallIsTested keeps every complete.
func TestEveryCallIsTested(t *testing.T) {
	seen := map[string]bool{}
	p := every()
	for i := range p.Insns {
		sig, ok := p.Insns[i].signature()
		if !ok {
			t.Fatalf("instruction %d: got no signature, want one", i)
		}
		seen[sig.name] = true
	}
	for nr := range signatureAt {
		if sig, ok := signatureOf(uint16(nr)); ok && !seen[sig.name] {
			t.Errorf("system calls in the test: got no %s, want all", sig.name)
		}
	}
}

func TestWhatTheEncoderShares(t *testing.T) {
	long := strings.Repeat("x", 10000)
	b := New()
	for range 10 {
		b.Exec([]string{"/bin/a"}, []string{"a"}, []string{"BIG=" + long})
		b.Seccomp(0, []byte(long[:8000]))
	}
	enc, err := b.Program().Encode(Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	if len(enc) > 2*len(long)+4000 {
		t.Errorf("encoded: got %d bytes, want %d at most, with the same encoded once", len(enc), 2*len(long)+4000)
	}
}

func TestEncoderOptions(t *testing.T) {
	p := every()
	for _, c := range []struct {
		o           Options
		flags       int
		insn, errno int
	}{
		{Options{}, 0, noFault, 0},
		{Options{Stamp: true}, flagStamp, noFault, 0},
		{Options{Fault: &Fault{Insn: 3, Errno: syscall.EIO}}, 0, 3, int(syscall.EIO)},
		{Options{Fault: &Fault{Insn: 4}}, 0, 4, 0},
	} {
		enc, err := p.Encode(c.o)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		m := image(enc)
		if m.header(11) != c.flags || m.header(12) != c.insn || m.header(13) != c.errno {
			t.Errorf("%+v: got flags %d, fault %d %d, want %d, %d %d", c.o, m.header(11), m.header(12), m.header(13), c.flags, c.insn, c.errno)
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	unplaced := New()
	unplaced.Setsid()
	unplaced.On(unplaced.Label(), syscall.EPERM)
	jump := New()
	jump.Jump(jump.Label())
	blob := New()
	blob.Sethostname(strings.Repeat("x", MaxBlob))
	wide := New()
	wide.add(Insn{Op: OpSyscall, Nr: sys.SysUmask, Out: None}, make([]Arg, MaxArgs+1)...)
	for name, c := range map[string]struct {
		p    *Program
		want string
		code error
	}{
		"branch to nowhere":    {unplaced.Program(), "branch to a label that was never placed", nil},
		"jump to nowhere":      {jump.Program(), "jump to a label that was never placed", nil},
		"blob":                 {blob.Program(), "bytes of data", syscall.E2BIG},
		"arguments":            {wide.Program(), "7 arguments", syscall.E2BIG},
		"instructions":         {&Program{Insns: make([]Insn, MaxInsns+1)}, "32769 instructions", syscall.E2BIG},
		"slots":                {&Program{Slots: MaxSlots + 1}, "16385 slots", syscall.E2BIG},
		"notes over the limit": {chatty(), "encode program of", syscall.E2BIG},
	} {
		_, err := c.p.Encode(Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || c.code != nil && !errors.Is(err, c.code) {
			t.Errorf("%s: got %v, want %s, %v", name, err, c.want, c.code)
		}
	}
}

// chatty says more about its instructions than an image may hold.
func chatty() *Program {
	b := New()
	texts := [2]string{strings.Repeat("a", maxNote), strings.Repeat("b", maxNote)}
	for i := range MaxImage/maxNote + 1 {
		b.At(texts[i%2], "")
		b.Setsid()
	}
	return b.Program()
}

// TestFormatPage keeps FORMAT.md and interp.h in step with the code.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"`teu1`", "64 bytes", "80 bytes", "32768 (`MaxInsns`)", "8 MiB (`MaxBlob`)", "32 MiB (`MaxImage`)", "at most 16384",
		"236 bytes of the kernel's words",
	}
	for op := OpJump; op < opEnd; op++ {
		want = append(want, fmt.Sprintf("| %d | %s |", op, op))
	}
	for _, w := range want {
		if !strings.Contains(string(page), w) {
			t.Errorf("FORMAT.md: got no %q, want it there", w)
		}
	}
	header, err := os.ReadFile("../interp.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{
		fmt.Sprintf("TEU_MAGIC = %#x", magic), fmt.Sprintf("MAX_INSNS = %d", MaxInsns), fmt.Sprintf("MAX_SLOTS = %d", MaxSlots),
		fmt.Sprintf("MAX_BLOB = %d << 20", MaxBlob>>20), fmt.Sprintf("MAX_IMAGE = %d << 20", MaxImage>>20),
		fmt.Sprintf("MAX_ARGS = %d", MaxArgs), fmt.Sprintf("MAX_BRANCHES = %d", MaxBranches),
		fmt.Sprintf("sizeof(struct header) == %d", headerLen), fmt.Sprintf("sizeof(struct insn) == %d", insnLen),
		fmt.Sprintf("offsetof(struct report, stamp) == %d", ReportHeader),
	} {
		if !strings.Contains(string(header), w) {
			t.Errorf("interp.h: got no %q, want it there", w)
		}
	}
	// The operations stand in the same order in both.
	at := 0
	for op := OpSyscall; op < opEnd; op++ {
		name := "\tOP_" + strings.ToUpper(op.String())
		i := strings.Index(string(header[at:]), name)
		if i < 0 {
			t.Fatalf("interp.h: got no %s after the one before, want it there", name)
		}
		at += i + len(name)
	}
}
