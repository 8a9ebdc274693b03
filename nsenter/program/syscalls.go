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
	aWant           // what Target makes
	aLike           // the like or the held slot of Target, which may be absent
	aByte           // a byte of the sync protocol
	aVec            // an array of strings
	aMask           // a buffer, or NULL
	aKey            // the name of a keyring, or the session keyring
	aCopies         // what Copy copies
	aAux            // the last argument of fsconfig: a descriptor, or 0
	aIdent          // which number Identify has
	aNumber         // a slot with a number that may be missing, or none
	aSeen           // a path that is looked up in the container's root
)

// kinds is the kinds of argument that a type may have, as bits.
var kinds = [...]uint8{
	aNum: 1 << Imm, aHex: 1 << Imm, aFd: 1<<Use | 1<<Imm, aDirFd: 1<<Use | 1<<Imm, aPath: 1 << Str, aAbs: 1 << Str,
	aName: 1<<Str | 1<<Imm, aBuf: 1 << Buf, aText: 1 << Buf, aReq: 1<<Buf | 1<<Imm, aFilter: 1 << Prog, aHow: 1 << Buf,
	aMntSet: 1 << Buf, aMode: 1 << Imm, aDev: 1 << Imm, aTree: 1 << Imm, aMove: 1 << Imm, aClone: 1 << Imm,
	aAttr: 1 << Imm, aLen: 1 << Len, aCmd: 1 << Imm, aPrctl: 1 << Imm, aRoot: 1 << Use, aInside: 1 << Str,
	aWant: 1 << Imm, aLike: 1<<Use | 1<<Imm, aByte: 1 << Imm, aVec: 1 << Vec,
	aMask: 1<<Buf | 1<<Imm, aKey: 1<<Str | 1<<Imm,
	aCopies: 1 << Imm, aAux: 1<<Use | 1<<Imm, aIdent: 1 << Imm, aNumber: 1<<Use | 1<<Imm, aSeen: 1 << Str,
}

// takes reports whether a, which is of one of the kinds of t, has a value that t may have.
func (t argType) takes(a *Arg) bool {
	switch t {
	case aFd:
		return a.Kind == Use || a.Val <= 2
	case aDirFd:
		return a.Kind == Use || a.Val == atFdcwd
	case aName:
		return a.Kind == Str || a.Val == 0
	case aMask:
		return a.Kind == Buf || a.Val == 0
	case aKey:
		return a.Kind == Str || a.Val == sessionKeyring
	case aWant:
		return a.Val&^uint64(wantAll) == 0
	case aAux:
		return a.Kind == Use || a.Val == 0
	case aIdent:
		return a.Val <= uint64(Inode)
	case aLike, aNumber:
		return a.Kind == Use || a.Val == noFd
	case aByte:
		return a.Val <= 0xff
	case aCopies:
		return a.Val&^copyAll == 0
	case aHow:
		return len(a.Text) == howLen
	case aMntSet:
		return len(a.Text) == mountAttrLen
	}
	return true
}

// result says what a system call returns beside success.
type result uint8

const (
	noResult    result = iota
	makesFd            // a descriptor
	makesNumber        // a number
	mayMakeFd          // a descriptor, for some requests
)

// signature is what the printer and the verifier know of a system call or a built-in instruction.
type signature struct {
	name    string
	args    []argType
	result  result
	cloexec int8   // index of the argument that must hold the close-on-exec flag, when there is a flag
	flag    uint64 // close-on-exec
	paths   bool   // some argument is a path
	takes   bool   // it takes other capabilities than LastCaps
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
	sigFchown
	sigFchownat
	sigFsconfig
	sigFsetxattr
	sigFsmount
	sigFsopen
	sigFspick
	sigIoctl
	sigKeyctl
	sigMknodat
	sigMountSetattr
	sigMoveMount
	sigOpenat2
	sigOpenTree
	sigPersonality
	sigPivotRoot
	sigPrctl
	sigPrlimit64
	sigSeccomp
	sigSetMempolicy
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
	sys.SysCloseRange: sigCloseRange, sys.SysDup3: sigDup3, sys.SysFchdir: sigFchdir,
	sys.SysFchown: sigFchown, sys.SysFchownat: sigFchownat, sys.SysFsconfig: sigFsconfig, sys.SysFsetxattr: sigFsetxattr, sys.SysFsmount: sigFsmount,
	sys.SysFsopen: sigFsopen, sys.SysFspick: sigFspick, sys.SysIoctl: sigIoctl, sys.SysKeyctl: sigKeyctl, sys.SysMknodat: sigMknodat,
	sys.SysMountSetattr: sigMountSetattr, sys.SysMoveMount: sigMoveMount, sys.SysOpenat2: sigOpenat2,
	sys.SysOpenTree: sigOpenTree, sys.SysPersonality: sigPersonality, sys.SysPivotRoot: sigPivotRoot, sys.SysPrctl: sigPrctl, sys.SysPrlimit64: sigPrlimit64, sys.SysSeccomp: sigSeccomp,
	sys.SysSetMempolicy: sigSetMempolicy, sys.SysSetdomainname: sigSetdomainname, sys.SysSethostname: sigSethostname, sys.SysSetgroups: sigSetgroups,
	sys.SysSetns: sigSetns, sys.SysSetresgid: sigSetresgid, sys.SysSetresuid: sigSetresuid, sys.SysSetsid: sigSetsid,
	sys.SysSocket: sigSocket, sys.SysSymlinkat: sigSymlinkat, sys.SysUmask: sigUmask, sys.SysUmount2: sigUmount2,
	sys.SysUnshare: sigUnshare, sys.SysWrite: sigWrite,
}

var signatures = [...]signature{
	sigCapset:        {name: "capset", args: []argType{aBuf, aBuf}},
	sigChdir:         {name: "chdir", args: []argType{aAbs}, paths: true},
	sigChroot:        {name: "chroot", args: []argType{aAbs}, paths: true, takes: true},
	sigClose:         {name: "close", args: []argType{aFd}},
	sigCloseRange:    {name: "close_range", args: []argType{aNum, aHex, aHex}},
	sigDup3:          {name: "dup3", args: []argType{aFd, aNum, aHex}},
	sigFchdir:        {name: "fchdir", args: []argType{aFd}},
	sigFchown:        {name: "fchown", args: []argType{aFd, aNum, aNum}},
	sigFchownat:      {name: "fchownat", args: []argType{aDirFd, aPath, aNum, aNum, aTree}, paths: true},
	sigFsconfig:      {name: "fsconfig", args: []argType{aFd, aCmd, aName, aName, aAux}, takes: true},
	sigFsetxattr:     {name: "fsetxattr", args: []argType{aFd, aName, aText, aLen, aHex}},
	sigFsmount:       {name: "fsmount", args: []argType{aFd, aHex, aAttr}, result: makesFd, cloexec: 1, flag: sys.FsmountCloexec, takes: true},
	sigFsopen:        {name: "fsopen", args: []argType{aName, aHex}, result: makesFd, cloexec: 1, flag: sys.FsopenCloexec, takes: true},
	sigFspick:        {name: "fspick", args: []argType{aDirFd, aPath, aHex}, result: makesFd, cloexec: 2, flag: sys.FspickCloexec, paths: true, takes: true},
	sigIoctl:         {name: "ioctl", args: []argType{aFd, aHex, aReq}, result: mayMakeFd, cloexec: 2, flag: sys.OCloexec},
	sigKeyctl:        {name: "keyctl", args: []argType{aNum, aKey, aHex}},
	sigMknodat:       {name: "mknodat", args: []argType{aDirFd, aPath, aMode, aDev}, paths: true, takes: true},
	sigMountSetattr:  {name: "mount_setattr", args: []argType{aDirFd, aPath, aTree, aMntSet, aLen}, paths: true, takes: true},
	sigMoveMount:     {name: "move_mount", args: []argType{aDirFd, aPath, aDirFd, aPath, aMove}, paths: true, takes: true},
	sigOpenat2:       {name: "openat2", args: []argType{aDirFd, aPath, aHow, aLen}, result: makesFd, paths: true},
	sigOpenTree:      {name: "open_tree", args: []argType{aDirFd, aPath, aTree}, result: makesFd, cloexec: 2, flag: sys.OpenTreeCloexec, paths: true, takes: true},
	sigPersonality:   {name: "personality", args: []argType{aHex}},
	sigPivotRoot:     {name: "pivot_root", args: []argType{aAbs, aAbs}, paths: true, takes: true},
	sigPrctl:         {name: "prctl", args: []argType{aPrctl, aNum, aNum, aNum, aNum}},
	sigPrlimit64:     {name: "prlimit64", args: []argType{aNum, aNum, aBuf, aNum}},
	sigSeccomp:       {name: "seccomp", args: []argType{aNum, aHex, aFilter}},
	sigSetMempolicy:  {name: "set_mempolicy", args: []argType{aHex, aMask, aNum}},
	sigSetdomainname: {name: "setdomainname", args: []argType{aText, aLen}, takes: true},
	sigSethostname:   {name: "sethostname", args: []argType{aText, aLen}, takes: true},
	sigSetgroups:     {name: "setgroups", args: []argType{aNum, aBuf}},
	sigSetns:         {name: "setns", args: []argType{aFd, aClone}, takes: true},
	sigSetresgid:     {name: "setresgid", args: []argType{aNum, aNum, aNum}},
	sigSetresuid:     {name: "setresuid", args: []argType{aNum, aNum, aNum}},
	sigSetsid:        {name: "setsid"},
	sigSocket:        {name: "socket", args: []argType{aNum, aHex, aNum}, result: makesFd, cloexec: 1, flag: sys.OCloexec},
	sigSymlinkat:     {name: "symlinkat", args: []argType{aName, aDirFd, aPath}, paths: true},
	sigUmask:         {name: "umask", args: []argType{aMode}},
	sigUmount2:       {name: "umount2", args: []argType{aAbs, aHex}, paths: true, takes: true},
	sigUnshare:       {name: "unshare", args: []argType{aClone}, takes: true},
	sigWrite:         {name: "write", args: []argType{aFd, aText, aLen}},
}

// builtins are the signatures of the built-in instructions.
var builtins = [opEnd]signature{
	OpSyscall:  {name: "syscall"},
	OpJump:     {name: "jump"},
	OpFail:     {name: "fail", args: []argType{aNum}},
	OpTarget:   {name: "target", args: []argType{aRoot, aInside, aWant, aLike, aLike, aNum}, result: makesFd, paths: true},
	OpCheckDev: {name: "check_dev", args: []argType{aFd, aMode, aDev}},
	OpCheckFs:  {name: "check_fs", args: []argType{aFd, aHex}},
	OpFork:     {name: "fork", args: []argType{aFd, aHex}},
	OpSync:     {name: "sync", args: []argType{aFd, aByte, aByte}},
	OpSendFd:   {name: "send_fd", args: []argType{aFd, aFd, aText, aLen}},
	OpGate:     {name: "gate", args: []argType{aFd}, result: makesFd},
	OpHook:     {name: "hook", args: []argType{aAbs, aVec, aVec, aFd, aFd, aNum}, paths: true},
	OpSigReset: {name: "sig_reset"},
	OpCheckCwd: {name: "check_cwd"},
	OpCopy:     {name: "copy", args: []argType{aFd, aFd, aCopies}},
	OpCopyLink: {name: "copy_link", args: []argType{aFd, aDirFd, aPath}, paths: true},
	OpExec:     {name: "exec", args: []argType{aVec, aVec, aVec}},
	OpListen:   {name: "listen", args: []argType{aFd, aFd, aHex, aFilter}},
	OpFind:     {name: "find", args: []argType{aVec}},

	OpCheckOwner: {name: "check_owner", args: []argType{aFd, aFd}},
	OpCheckRoot:  {name: "check_root", args: []argType{aNum, aNum, aNum}},

	OpIdentify:   {name: "identify", args: []argType{aFd, aIdent}, result: makesNumber},
	OpCheckCover: {name: "check_cover", args: []argType{aSeen, aNumber, aNumber, aNumber, aNumber}, paths: true},
}

// hasNUL reports whether a string of a cannot be passed to the kernel.
func hasNUL(a *Arg) bool {
	if a.Kind == Vec {
		return uint64(strings.Count(a.Text, "\x00")) != a.Val
	}
	return strings.IndexByte(a.Text, 0) >= 0
}
