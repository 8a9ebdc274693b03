package program

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// String is the name of a built-in instruction as programs print it.
func (op Op) String() string {
	if op == 0 || op >= opEnd {
		return fmt.Sprintf("op(%d)", uint16(op))
	}
	return builtins[op].name
}

// String prints the program: one line for each instruction, and a line for each change of place and purpose. It is
// the dry run, and what golden tests compare.
func (p *Program) String() string {
	var b strings.Builder
	for i, name := range p.Inputs {
		fmt.Fprintf(&b, "input s%d %s\n", i, name)
	}
	where, what := "", ""
	for i := range p.Insns {
		in := &p.Insns[i]
		if in.Where != where || in.What != what {
			where, what = in.Where, in.What
			fmt.Fprintf(&b, "# %s\n", strings.TrimPrefix(where+": "+what, ": "))
		}
		fmt.Fprintf(&b, "%4d %s\n", i, p.line(in))
	}
	return b.String()
}

func (p *Program) line(in *Insn) string {
	var b strings.Builder
	if in.Out != None {
		fmt.Fprintf(&b, "s%d = ", in.Out)
	}
	sig, known := in.signature()
	if known {
		b.WriteString(sig.name)
	} else {
		fmt.Fprintf(&b, "%s %d", in.Op, in.Nr)
	}
	if in.Op == OpJump {
		fmt.Fprintf(&b, " %d", in.Label.pos)
		return b.String()
	}
	b.WriteByte('(')
	args := in.Args
	if in.Op == OpTarget && len(args) == 6 && args[4].Kind == Imm {
		args = args[:4] // from the root
	}
	for i := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		t := aNum
		if i < len(sig.args) {
			t = sig.args[i]
		}
		b.WriteString(printArg(&in.Args[i], t, in.Args))
	}
	b.WriteByte(')')
	for _, br := range in.Branch {
		fmt.Fprintf(&b, " %s→%d", errnoName(br.Errno), br.Label.pos)
	}
	return b.String()
}

func printArg(a *Arg, t argType, args []Arg) string {
	switch a.Kind {
	case Use:
		return fmt.Sprintf("s%d", a.Val)
	case Str:
		return strconv.Quote(a.Text)
	case Len:
		if a.Val >= uint64(len(args)) {
			return "?"
		}
		return strconv.Itoa(len(args[a.Val].Text))
	case Vec:
		return fmt.Sprintf("%q", a.list())
	case Prog:
		return fmt.Sprintf("filter[%d]", len(a.Text)/8)
	case Buf:
		return printBuf([]byte(a.Text), t)
	}
	return printNum(a.Val, t)
}

func printBuf(data []byte, t argType) string {
	u := func(i int) uint64 { return binary.NativeEndian.Uint64(data[8*i:]) }
	switch {
	case t == aHow && len(data) == howLen:
		s := "{" + flagNames(u(0), openFlags)
		if u(1) != 0 {
			s += fmt.Sprintf(", 0%o", u(1))
		}
		return s + ", " + flagNames(u(2), resolveFlags) + "}"
	case t == aMntSet && len(data) == mountAttrLen:
		var parts []string
		for i, name := range [3]string{"set ", "clear ", "propagation "} {
			if u(i) != 0 {
				table := attrFlags
				if i == 2 {
					table = propagationFlags
				}
				parts = append(parts, name+flagNames(u(i), table))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case t == aText:
		return strconv.Quote(string(data))
	}
	return fmt.Sprintf("%x", data)
}

func printNum(v uint64, t argType) string {
	switch t {
	case aHex, aReq:
		return fmt.Sprintf("%#x", v)
	case aMode:
		return fmt.Sprintf("0%o", v)
	case aDev:
		return fmt.Sprintf("%d:%d", v>>8&0xfff, v&0xff|v>>12&0xfff00)
	case aFd, aDirFd:
		if v == atFdcwd {
			return "HOST"
		}
	case aWant:
		s := [...]string{"DIR", "FILE", "LIKE", "ANY"}[v&wantKind]
		if v &^= wantKind; v != 0 {
			s += "|" + flagNames(v, wantFlags)
		}
		return s
	case aLike, aNumber:
		return "NONE"
	case aIdent:
		return [...]string{"DEVICE", "INODE"}[v&1]
	case aByte:
		if v != 0 {
			return strconv.QuoteRune(rune(v & 0xff))
		}
	case aTree:
		return flagNames(v, treeFlags)
	case aMove:
		return flagNames(v, moveFlags)
	case aClone:
		return CloneFlags(v)
	case aAttr:
		return flagNames(v, attrFlags)
	case aCmd:
		return [...]string{"SET_FLAG", "SET_STRING", "SET_BINARY", "SET_PATH", "SET_PATH_EMPTY", "SET_FD",
			"CREATE", "RECONFIGURE"}[v&7]
	case aPrctl:
		return prctlName(v)
	case aCopies:
		return flagNames(v, func() []flagName {
			return []flagName{{uint64(CopyTree), "TREE"}, {uint64(CopyMode), "MODE"}, {uint64(CopyUID), "UID"}, {uint64(CopyGID), "GID"}}
		})
	}
	return strconv.FormatInt(int64(v), 10)
}

type flagName struct {
	bit  uint64
	name string
}

func flagNames(v uint64, table func() []flagName) string {
	if v == 0 {
		return "0"
	}
	var parts []string
	for _, f := range table() {
		if v&f.bit == f.bit && f.bit != 0 {
			parts = append(parts, f.name)
			v &^= f.bit
		}
	}
	if v != 0 {
		parts = append(parts, fmt.Sprintf("%#x", v))
	}
	return strings.Join(parts, "|")
}

// CloneFlags names namespace flags, e.g. "NEWNS|NEWPID".
func CloneFlags(v uint64) string {
	return flagNames(v, func() []flagName {
		return []flagName{{sys.CloneNewUser, "NEWUSER"}, {sys.CloneNewNs, "NEWNS"}, {sys.CloneNewPid, "NEWPID"},
			{sys.CloneNewNet, "NEWNET"}, {sys.CloneNewIpc, "NEWIPC"}, {sys.CloneNewUts, "NEWUTS"},
			{sys.CloneNewCgroup, "NEWCGROUP"}, {sys.CloneNewTime, "NEWTIME"}}
	})
}

func openFlags() []flagName {
	return []flagName{{sys.ORdwr, "RDWR"}, {sys.OWronly, "WRONLY"}, {sys.OPath, "PATH"}, {sys.ODirectory, "DIRECTORY"},
		{sys.ONofollow, "NOFOLLOW"}, {sys.ONoctty, "NOCTTY"}, {sys.ONonblock, "NONBLOCK"}, {sys.OCreat, "CREAT"}, {sys.OCloexec, "CLOEXEC"}}
}

func resolveFlags() []flagName {
	return []flagName{{sys.ResolveInRoot, "IN_ROOT"}, {sys.ResolveBeneath, "BENEATH"},
		{sys.ResolveNoMagiclinks, "NO_MAGICLINKS"}, {sys.ResolveNoSymlinks, "NO_SYMLINKS"}, {sys.ResolveNoXdev, "NO_XDEV"}}
}

func treeFlags() []flagName {
	return []flagName{{sys.OpenTreeClone, "CLONE"}, {sys.AtRecursive, "RECURSIVE"}, {sys.AtEmptyPath, "EMPTY_PATH"},
		{sys.AtSymlinkNofollow, "NOFOLLOW"}, {sys.OpenTreeCloexec, "CLOEXEC"}}
}

func wantFlags() []flagName {
	return []flagName{{uint64(NoSymlinks), "NO_SYMLINKS"}, {uint64(Nofollow), "NOFOLLOW"}, {uint64(Existing), "EXISTING"}, {uint64(OffProc), "OFF_PROC"}}
}

func moveFlags() []flagName {
	return []flagName{{sys.MoveMountFEmptyPath, "F_EMPTY_PATH"}, {sys.MoveMountTEmptyPath, "T_EMPTY_PATH"}}
}

func attrFlags() []flagName {
	return []flagName{{sys.MountAttrRdonly, "RDONLY"}, {sys.MountAttrNosuid, "NOSUID"}, {sys.MountAttrNodev, "NODEV"},
		{sys.MountAttrNoexec, "NOEXEC"}, {sys.MountAttrAtime, "ATIME"}, {sys.MountAttrNoatime, "NOATIME"},
		{sys.MountAttrStrictatime, "STRICTATIME"}, {sys.MountAttrNodiratime, "NODIRATIME"},
		{sys.MountAttrNosymfollow, "NOSYMFOLLOW"}}
}

func propagationFlags() []flagName {
	return []flagName{{sys.MsShared, "SHARED"}, {sys.MsSlave, "SLAVE"}, {sys.MsPrivate, "PRIVATE"},
		{sys.MsUnbindable, "UNBINDABLE"}}
}

func prctlName(v uint64) string {
	switch v {
	case sys.PrSetDumpable:
		return "SET_DUMPABLE"
	case sys.PrSetPdeathsig:
		return "SET_PDEATHSIG"
	case sys.PrSetKeepcaps:
		return "SET_KEEPCAPS"
	case sys.PrCapbsetDrop:
		return "CAPBSET_DROP"
	case sys.PrCapAmbient:
		return "CAP_AMBIENT"
	case sys.PrSetNoNewPrivs:
		return "SET_NO_NEW_PRIVS"
	}
	return strconv.FormatUint(v, 10)
}

func errnoName(e syscall.Errno) string { return sys.ErrnoName(e) }

// Lines is String without the headings: a line for each instruction, at its index.
func (p *Program) Lines() []string {
	out := make([]string, len(p.Insns))
	for i := range p.Insns {
		out[i] = fmt.Sprintf("%4d %s", i, p.line(&p.Insns[i]))
		if w := p.Insns[i].Where; w != "" {
			out[i] += "  # " + w
		}
	}
	return out
}
