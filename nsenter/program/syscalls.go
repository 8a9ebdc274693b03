package program

import (
	"strings"

	"teu/internal/sys"
)

// argType says how an argument is printed and what the verifier wants it to be.
type argType uint8

const (
	aNum    argType = iota
	aHex            // flags without a table
	aFd             // a descriptor: a slot, or a standard stream by its number
	aDirFd          // a descriptor the next path argument is relative to, or Host
	aPath           // a path relative to the aDirFd before it
	aAbs            // a path of its own, not relative to a descriptor
	aName           // text that is no path: a filesystem type, an option, a host name; or NULL
	aBuf            // a buffer, printed as its length
	aText           // a buffer, printed as text
	aReq            // the argument of an ioctl: a buffer or a number
	aFilter         // struct sock_fprog
	aHow            // struct open_how
	aMntSet         // struct mount_attr
	aMode           // octal
	aDev            // device number
	aTree           // flags of open_tree(2)
	aMove           // flags of move_mount(2)
	aClone          // namespace flags
	aAttr           // mount attributes
	aLen            // the length of the buffer before it
	aCmd            // fsconfig command
	aPrctl          // prctl option
	aRoot           // the root of Target: a slot
	aInside         // the path of Target
	aLike           // the like slot of Target, which may be absent
	aVec            // an array of strings
)

// takes reports whether an argument of the type may be a, as far as that can be told from a alone.
func (t argType) takes(a *Arg) bool {
	switch t {
	case aFd:
		return a.Kind == Use || a.Kind == Imm && a.Val <= 2
	case aDirFd:
		return a.Kind == Use || a.Kind == Imm && a.Val == atFdcwd
	case aPath, aAbs, aInside:
		return a.Kind == Str
	case aName:
		return a.Kind == Str || a.Kind == Imm && a.Val == 0
	case aBuf, aText:
		return a.Kind == Buf
	case aReq:
		return a.Kind == Buf || a.Kind == Imm
	case aFilter:
		return a.Kind == Prog
	case aHow:
		return a.Kind == Buf && len(a.Data) == howLen
	case aMntSet:
		return a.Kind == Buf && len(a.Data) == mountAttrLen
	case aLen:
		return a.Kind == Len
	case aRoot:
		return a.Kind == Use
	case aLike:
		return a.Kind == Use || a.Kind == Imm && a.Val == noFd
	case aVec:
		return a.Kind == Vec
	}
	return a.Kind == Imm
}

// result says what a system call returns beside success.
type result uint8

const (
	noResult  result = iota
	makesFd          // a descriptor
	mayMakeFd        // a descriptor, for some requests
)

// signature is what the printer and the verifier know of a system call or a built-in instruction.
type signature struct {
	name    string
	args    []argType
	result  result
	cloexec int8   // index of the argument that must hold the close-on-exec flag, when there is a flag
	flag    uint64 // close-on-exec
}

// signatureOf finds a system call among those a program may hold. A call that is not here is refused by the verifier.
func signatureOf(nr uint16) (*signature, bool) {
	if int(nr) >= len(signatureAt) || signatureAt[nr] == 0 {
		return &signatures[0], false
	}
	return &signatures[signatureAt[nr]], true
}

func (in *Insn) signature() (*signature, bool) {
	switch {
	case in.Op == OpSyscall:
		return signatureOf(in.Nr)
	case in.Op == 0 || in.Op >= opEnd:
		return &builtins[0], false
	}
	return &builtins[in.Op], true
}

// Indices into signatures. Both tables are laid out by the compiler: nothing runs at start.
const (
	_ = iota
	sigCapset
	sigChdir
	sigChroot
	sigClose
	sigCloseRange
	sigDup3
	sigFchdir
	sigFchmod
	sigFchown
	sigFchownat
	sigFsconfig
	sigFsmount
	sigFsopen
	sigIoctl
	sigKeyctl
	sigMknodat
	sigMountSetattr
	sigMoveMount
	sigOpenat2
	sigOpenTree
	sigPivotRoot
	sigPrctl
	sigSeccomp
	sigSetdomainname
	sigSethostname
	sigSetgroups
	sigSetns
	sigSetresgid
	sigSetresuid
	sigSetsid
	sigSocket
	sigSymlinkat
	sigUmask
	sigUmount2
	sigUnshare
	sigWrite
)

var signatureAt = [...]uint8{
	sys.SysCapset: sigCapset, sys.SysChdir: sigChdir, sys.SysChroot: sigChroot, sys.SysClose: sigClose,
	sys.SysCloseRange: sigCloseRange, sys.SysDup3: sigDup3, sys.SysFchdir: sigFchdir, sys.SysFchmod: sigFchmod,
	sys.SysFchown: sigFchown, sys.SysFchownat: sigFchownat, sys.SysFsconfig: sigFsconfig, sys.SysFsmount: sigFsmount,
	sys.SysFsopen: sigFsopen, sys.SysIoctl: sigIoctl, sys.SysKeyctl: sigKeyctl, sys.SysMknodat: sigMknodat,
	sys.SysMountSetattr: sigMountSetattr, sys.SysMoveMount: sigMoveMount, sys.SysOpenat2: sigOpenat2,
	sys.SysOpenTree: sigOpenTree, sys.SysPivotRoot: sigPivotRoot, sys.SysPrctl: sigPrctl, sys.SysSeccomp: sigSeccomp,
	sys.SysSetdomainname: sigSetdomainname, sys.SysSethostname: sigSethostname, sys.SysSetgroups: sigSetgroups,
	sys.SysSetns: sigSetns, sys.SysSetresgid: sigSetresgid, sys.SysSetresuid: sigSetresuid, sys.SysSetsid: sigSetsid,
	sys.SysSocket: sigSocket, sys.SysSymlinkat: sigSymlinkat, sys.SysUmask: sigUmask, sys.SysUmount2: sigUmount2,
	sys.SysUnshare: sigUnshare, sys.SysWrite: sigWrite,
}

var signatures = [...]signature{
	sigCapset:        {name: "capset", args: []argType{aBuf, aBuf}},
	sigChdir:         {name: "chdir", args: []argType{aAbs}},
	sigChroot:        {name: "chroot", args: []argType{aAbs}},
	sigClose:         {name: "close", args: []argType{aFd}},
	sigCloseRange:    {name: "close_range", args: []argType{aNum, aHex, aHex}},
	sigDup3:          {name: "dup3", args: []argType{aFd, aNum, aHex}},
	sigFchdir:        {name: "fchdir", args: []argType{aFd}},
	sigFchmod:        {name: "fchmod", args: []argType{aFd, aMode}},
	sigFchown:        {name: "fchown", args: []argType{aFd, aNum, aNum}},
	sigFchownat:      {name: "fchownat", args: []argType{aDirFd, aPath, aNum, aNum, aTree}},
	sigFsconfig:      {name: "fsconfig", args: []argType{aFd, aCmd, aName, aName, aNum}},
	sigFsmount:       {name: "fsmount", args: []argType{aFd, aHex, aAttr}, result: makesFd, cloexec: 1, flag: sys.FsmountCloexec},
	sigFsopen:        {name: "fsopen", args: []argType{aName, aHex}, result: makesFd, cloexec: 1, flag: sys.FsopenCloexec},
	sigIoctl:         {name: "ioctl", args: []argType{aFd, aHex, aReq}, result: mayMakeFd, cloexec: 2, flag: sys.OCloexec},
	sigKeyctl:        {name: "keyctl", args: []argType{aNum, aName}},
	sigMknodat:       {name: "mknodat", args: []argType{aDirFd, aPath, aMode, aDev}},
	sigMountSetattr:  {name: "mount_setattr", args: []argType{aDirFd, aPath, aTree, aMntSet, aLen}},
	sigMoveMount:     {name: "move_mount", args: []argType{aDirFd, aPath, aDirFd, aPath, aMove}},
	sigOpenat2:       {name: "openat2", args: []argType{aDirFd, aPath, aHow, aLen}, result: makesFd},
	sigOpenTree:      {name: "open_tree", args: []argType{aDirFd, aPath, aTree}, result: makesFd, cloexec: 2, flag: sys.OpenTreeCloexec},
	sigPivotRoot:     {name: "pivot_root", args: []argType{aAbs, aAbs}},
	sigPrctl:         {name: "prctl", args: []argType{aPrctl, aNum, aNum, aNum, aNum}},
	sigSeccomp:       {name: "seccomp", args: []argType{aNum, aHex, aFilter}, result: mayMakeFd},
	sigSetdomainname: {name: "setdomainname", args: []argType{aText, aLen}},
	sigSethostname:   {name: "sethostname", args: []argType{aText, aLen}},
	sigSetgroups:     {name: "setgroups", args: []argType{aNum, aBuf}},
	sigSetns:         {name: "setns", args: []argType{aFd, aClone}},
	sigSetresgid:     {name: "setresgid", args: []argType{aNum, aNum, aNum}},
	sigSetresuid:     {name: "setresuid", args: []argType{aNum, aNum, aNum}},
	sigSetsid:        {name: "setsid"},
	sigSocket:        {name: "socket", args: []argType{aNum, aHex, aNum}, result: makesFd, cloexec: 1, flag: sys.OCloexec},
	sigSymlinkat:     {name: "symlinkat", args: []argType{aName, aDirFd, aPath}},
	sigUmask:         {name: "umask", args: []argType{aMode}},
	sigUmount2:       {name: "umount2", args: []argType{aAbs, aHex}},
	sigUnshare:       {name: "unshare", args: []argType{aClone}},
	sigWrite:         {name: "write", args: []argType{aFd, aText, aLen}},
}

// builtins are the signatures of the built-in instructions.
var builtins = [opEnd]signature{
	OpSyscall:  {name: "syscall"},
	OpJump:     {name: "jump"},
	OpFail:     {name: "fail", args: []argType{aNum}},
	OpTarget:   {name: "target", args: []argType{aRoot, aInside, aNum, aLike}, result: makesFd},
	OpCheckDev: {name: "check_dev", args: []argType{aFd, aMode, aDev}},
	OpCheckFs:  {name: "check_fs", args: []argType{aFd, aHex}},
	OpFork:     {name: "fork", args: []argType{aFd, aHex}},
	OpSync:     {name: "sync", args: []argType{aFd, aNum, aNum}},
	OpSendFd:   {name: "send_fd", args: []argType{aFd, aFd, aText, aLen}},
	OpGate:     {name: "gate", args: []argType{aFd}, result: makesFd},
	OpHook:     {name: "hook", args: []argType{aAbs, aVec, aVec, aFd, aFd, aNum}},
	OpSigReset: {name: "sig_reset"},
	OpCheckCwd: {name: "check_cwd"},
	OpExec:     {name: "exec", args: []argType{aVec, aVec, aVec}},
}

// hasNUL reports whether a string of a cannot be passed to the kernel.
func hasNUL(a *Arg) bool {
	if a.Kind == Str {
		return strings.IndexByte(a.Text, 0) >= 0
	}
	for _, s := range a.List {
		if strings.IndexByte(s, 0) >= 0 {
			return true
		}
	}
	return false
}
