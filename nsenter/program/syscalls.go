package program

import "teu/internal/sys"

// argType says how an argument of a system call is printed and verified.
type argType uint8

const (
	aNum    argType = iota
	aHex            // flags without a table
	aFd             // a descriptor
	aDirFd          // a descriptor the next path argument is relative to
	aPath           // a path relative to the aDirFd before it
	aAbs            // a path of its own, not relative to a descriptor
	aName           // text that is no path: a filesystem type, an option, a host name
	aBuf            // a buffer, printed as its length
	aText           // a buffer, printed as text
	aHow            // struct open_how
	aMntSet         // struct mount_attr
	aMode           // octal
	aDev            // device number
	aOpen           // flags of open(2)
	aTree           // flags of open_tree(2)
	aMove           // flags of move_mount(2)
	aClone          // namespace flags
	aAttr           // mount attributes
	aLen            // the length of the buffer before it
	aCmd            // fsconfig command
	aPrctl          // prctl option
)

// signature is what the printer and the verifier know of a system call.
type signature struct {
	name    string
	args    []argType
	newFd   bool // the result is a descriptor
	cloexec int  // index of the argument that must hold a close-on-exec flag, or -1
	flag    uint64
}

// signatures is the list of system calls a program may hold. A call that is not here is refused by the verifier.
func signatures(nr uint16) (signature, bool) {
	plain := func(name string, args ...argType) (signature, bool) {
		return signature{name: name, args: args, cloexec: -1}, true
	}
	opens := func(name string, cloexec int, flag uint64, args ...argType) (signature, bool) {
		return signature{name: name, args: args, newFd: true, cloexec: cloexec, flag: flag}, true
	}
	switch nr {
	case sys.SysCapset:
		return plain("capset", aBuf, aBuf)
	case sys.SysChdir:
		return plain("chdir", aAbs)
	case sys.SysChroot:
		return plain("chroot", aAbs)
	case sys.SysClose:
		return plain("close", aFd)
	case sys.SysCloseRange:
		return plain("close_range", aNum, aHex, aHex)
	case sys.SysDup3:
		return plain("dup3", aFd, aNum, aHex)
	case sys.SysFchdir:
		return plain("fchdir", aFd)
	case sys.SysFchmod:
		return plain("fchmod", aFd, aMode)
	case sys.SysFchown:
		return plain("fchown", aFd, aNum, aNum)
	case sys.SysFchownat:
		return plain("fchownat", aDirFd, aPath, aNum, aNum, aHex)
	case sys.SysFchmodat:
		return plain("fchmodat", aDirFd, aPath, aMode)
	case sys.SysFsconfig:
		return plain("fsconfig", aFd, aCmd, aName, aName, aNum)
	case sys.SysFsmount:
		return opens("fsmount", 1, sys.FsmountCloexec, aFd, aHex, aAttr)
	case sys.SysFsopen:
		return opens("fsopen", 1, sys.FsopenCloexec, aName, aHex)
	case sys.SysIoctl:
		return plain("ioctl", aFd, aHex, aBuf)
	case sys.SysKeyctl:
		return plain("keyctl", aNum, aName)
	case sys.SysMknodat:
		return plain("mknodat", aDirFd, aPath, aMode, aDev)
	case sys.SysMountSetattr:
		return plain("mount_setattr", aDirFd, aPath, aTree, aMntSet, aLen)
	case sys.SysMoveMount:
		return plain("move_mount", aDirFd, aPath, aDirFd, aPath, aMove)
	case sys.SysOpenat2:
		return opens("openat2", -1, 0, aDirFd, aPath, aHow, aLen)
	case sys.SysOpenTree:
		return opens("open_tree", 2, sys.OpenTreeCloexec, aDirFd, aPath, aTree)
	}
	return moreSignatures(nr, plain, opens)
}

func moreSignatures(nr uint16,
	plain func(string, ...argType) (signature, bool),
	opens func(string, int, uint64, ...argType) (signature, bool),
) (signature, bool) {
	switch nr {
	case sys.SysPivotRoot:
		return plain("pivot_root", aAbs, aAbs)
	case sys.SysPrctl:
		return plain("prctl", aPrctl, aNum, aNum, aNum, aNum)
	case sys.SysSeccomp:
		return plain("seccomp", aNum, aHex, aBuf)
	case sys.SysSetdomainname:
		return plain("setdomainname", aText, aLen)
	case sys.SysSethostname:
		return plain("sethostname", aText, aLen)
	case sys.SysSetgroups:
		return plain("setgroups", aNum, aBuf)
	case sys.SysSetns:
		return plain("setns", aFd, aClone)
	case sys.SysSetresgid:
		return plain("setresgid", aNum, aNum, aNum)
	case sys.SysSetresuid:
		return plain("setresuid", aNum, aNum, aNum)
	case sys.SysSetsid:
		return plain("setsid")
	case sys.SysSocket:
		return opens("socket", 1, sys.OCloexec, aNum, aHex, aNum)
	case sys.SysSymlinkat:
		return plain("symlinkat", aName, aDirFd, aPath)
	case sys.SysUmask:
		return plain("umask", aMode)
	case sys.SysUmount2:
		return plain("umount2", aAbs, aHex)
	case sys.SysUnshare:
		return plain("unshare", aClone)
	case sys.SysWrite:
		return plain("write", aFd, aText, aLen)
	}
	return signature{}, false
}
