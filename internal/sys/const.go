// Package sys is the one place where teu speaks to the kernel from Go: thin typed wrappers over system
// calls and the constants that the compilers put into programs. Nothing else imports golang.org/x/sys/unix
// or unsafe.
package sys

import "golang.org/x/sys/unix"

// System calls a program may hold; see nsenter/program for what each is used for.
const (
	SysCapset        = unix.SYS_CAPSET
	SysChdir         = unix.SYS_CHDIR
	SysChroot        = unix.SYS_CHROOT
	SysClose         = unix.SYS_CLOSE
	SysCloseRange    = unix.SYS_CLOSE_RANGE
	SysDup3          = unix.SYS_DUP3
	SysFchdir        = unix.SYS_FCHDIR
	SysFchmod        = unix.SYS_FCHMOD
	SysFchown        = unix.SYS_FCHOWN
	SysFchownat      = unix.SYS_FCHOWNAT
	SysFsetxattr     = unix.SYS_FSETXATTR
	SysFsconfig      = unix.SYS_FSCONFIG
	SysFsmount       = unix.SYS_FSMOUNT
	SysFsopen        = unix.SYS_FSOPEN
	SysFspick        = unix.SYS_FSPICK
	SysIoctl         = unix.SYS_IOCTL
	SysKeyctl        = unix.SYS_KEYCTL
	SysMknodat       = unix.SYS_MKNODAT
	SysMountSetattr  = unix.SYS_MOUNT_SETATTR
	SysMoveMount     = unix.SYS_MOVE_MOUNT
	SysOpenat2       = unix.SYS_OPENAT2
	SysOpenTree      = unix.SYS_OPEN_TREE
	SysPersonality   = unix.SYS_PERSONALITY
	SysPivotRoot     = unix.SYS_PIVOT_ROOT
	SysPrctl         = unix.SYS_PRCTL
	SysPrlimit64     = unix.SYS_PRLIMIT64
	SysSeccomp       = unix.SYS_SECCOMP
	SysSetdomainname = unix.SYS_SETDOMAINNAME
	SysSetMempolicy  = unix.SYS_SET_MEMPOLICY
	SysSetgroups     = unix.SYS_SETGROUPS
	SysSethostname   = unix.SYS_SETHOSTNAME
	SysSetns         = unix.SYS_SETNS
	SysSetresgid     = unix.SYS_SETRESGID
	SysSetresuid     = unix.SYS_SETRESUID
	SysSetsid        = unix.SYS_SETSID
	SysSocket        = unix.SYS_SOCKET
	SysSymlinkat     = unix.SYS_SYMLINKAT
	SysUmask         = unix.SYS_UMASK
	SysUmount2       = unix.SYS_UMOUNT2
	SysUnshare       = unix.SYS_UNSHARE
	SysWrite         = unix.SYS_WRITE
)

// Flags of open(2) and openat2(2).
const (
	ORdonly    = unix.O_RDONLY
	OWronly    = unix.O_WRONLY
	ORdwr      = unix.O_RDWR
	OPath      = unix.O_PATH
	OCloexec   = unix.O_CLOEXEC
	ODirectory = unix.O_DIRECTORY
	ONofollow  = unix.O_NOFOLLOW
	ONoctty    = unix.O_NOCTTY

	ResolveInRoot       = unix.RESOLVE_IN_ROOT
	ResolveBeneath      = unix.RESOLVE_BENEATH
	ResolveNoMagiclinks = unix.RESOLVE_NO_MAGICLINKS
	ResolveNoSymlinks   = unix.RESOLVE_NO_SYMLINKS
	ResolveNoXdev       = unix.RESOLVE_NO_XDEV

	AtFdcwd           = unix.AT_FDCWD
	AtEmptyPath       = unix.AT_EMPTY_PATH
	AtRecursive       = unix.AT_RECURSIVE
	AtSymlinkNofollow = unix.AT_SYMLINK_NOFOLLOW
)

// Flags of the fd mount calls: open_tree(2), move_mount(2), fsmount(2), mount_setattr(2), umount2(2).
const (
	OpenTreeClone   = unix.OPEN_TREE_CLONE
	OpenTreeCloexec = unix.OPEN_TREE_CLOEXEC

	MoveMountFEmptyPath = unix.MOVE_MOUNT_F_EMPTY_PATH
	MoveMountTEmptyPath = unix.MOVE_MOUNT_T_EMPTY_PATH

	FsopenCloexec  = unix.FSOPEN_CLOEXEC
	FsmountCloexec = unix.FSMOUNT_CLOEXEC

	FsconfigSetFlag     = unix.FSCONFIG_SET_FLAG
	FsconfigSetString   = unix.FSCONFIG_SET_STRING
	FsconfigSetFd       = unix.FSCONFIG_SET_FD
	FsconfigCreate      = unix.FSCONFIG_CMD_CREATE
	FsconfigReconfigure = unix.FSCONFIG_CMD_RECONFIGURE

	FspickCloexec   = unix.FSPICK_CLOEXEC
	FspickEmptyPath = unix.FSPICK_EMPTY_PATH

	MountAttrRdonly      = unix.MOUNT_ATTR_RDONLY
	MountAttrNosuid      = unix.MOUNT_ATTR_NOSUID
	MountAttrNodev       = unix.MOUNT_ATTR_NODEV
	MountAttrNoexec      = unix.MOUNT_ATTR_NOEXEC
	MountAttrAtime       = unix.MOUNT_ATTR__ATIME
	MountAttrRelatime    = unix.MOUNT_ATTR_RELATIME
	MountAttrNoatime     = unix.MOUNT_ATTR_NOATIME
	MountAttrStrictatime = unix.MOUNT_ATTR_STRICTATIME
	MountAttrNodiratime  = unix.MOUNT_ATTR_NODIRATIME
	MountAttrNosymfollow = unix.MOUNT_ATTR_NOSYMFOLLOW

	MsShared     = unix.MS_SHARED
	MsSlave      = unix.MS_SLAVE
	MsPrivate    = unix.MS_PRIVATE
	MsUnbindable = unix.MS_UNBINDABLE

	MntDetach = unix.MNT_DETACH
)

// Namespace flags of clone3(2), unshare(2) and setns(2).
const (
	CloneNewCgroup = unix.CLONE_NEWCGROUP
	CloneNewIpc    = unix.CLONE_NEWIPC
	CloneNewNet    = unix.CLONE_NEWNET
	CloneNewNs     = unix.CLONE_NEWNS
	CloneNewPid    = unix.CLONE_NEWPID
	CloneNewTime   = unix.CLONE_NEWTIME
	CloneNewUser   = unix.CLONE_NEWUSER
	CloneNewUts    = unix.CLONE_NEWUTS
	CloneParent    = unix.CLONE_PARENT
)

// prctl(2), keyctl(2), seccomp(2), ioctl(2) and close_range(2) operations; capabilities(7).
const (
	PrSetDumpable        = unix.PR_SET_DUMPABLE
	PrSetPdeathsig       = unix.PR_SET_PDEATHSIG
	PrSetKeepcaps        = unix.PR_SET_KEEPCAPS
	PrCapbsetDrop        = unix.PR_CAPBSET_DROP
	PrCapAmbient         = unix.PR_CAP_AMBIENT
	PrCapAmbientRaise    = unix.PR_CAP_AMBIENT_RAISE
	PrCapAmbientClearAll = unix.PR_CAP_AMBIENT_CLEAR_ALL
	PrSetNoNewPrivs      = unix.PR_SET_NO_NEW_PRIVS

	KeyctlJoinSessionKeyring = unix.KEYCTL_JOIN_SESSION_KEYRING
	KeyctlSetperm            = unix.KEYCTL_SETPERM
	KeySpecSessionKeyring    = unix.KEY_SPEC_SESSION_KEYRING

	SeccompSetModeFilter = unix.SECCOMP_SET_MODE_FILTER

	Tiocsctty    = unix.TIOCSCTTY
	Tiocsptlck   = unix.TIOCSPTLCK
	Tiocgptpeer  = unix.TIOCGPTPEER
	Tiocswinsz   = unix.TIOCSWINSZ
	Siocsifflags = unix.SIOCSIFFLAGS
	Fionbio      = 0x5421 // asm-generic/ioctls.h; x/sys has none

	CloseRangeCloexec = unix.CLOSE_RANGE_CLOEXEC

	AfInet   = unix.AF_INET
	AfInet6  = unix.AF_INET6
	SockDgrm = unix.SOCK_DGRAM | unix.SOCK_CLOEXEC
	IffUp    = unix.IFF_UP

	CapVersion3 = unix.LINUX_CAPABILITY_VERSION_3

	CapChown       = unix.CAP_CHOWN
	CapDacOverride = unix.CAP_DAC_OVERRIDE
	CapKill        = unix.CAP_KILL
	CapSetgid      = unix.CAP_SETGID
	CapSetuid      = unix.CAP_SETUID
	CapSetpcap     = unix.CAP_SETPCAP
	CapSysAdmin    = unix.CAP_SYS_ADMIN
	CapSysResource = unix.CAP_SYS_RESOURCE
)

// File types of stat(2), and magic numbers of statfs(2).
const (
	SIfmt   = unix.S_IFMT
	SIfreg  = unix.S_IFREG
	SIfchr  = unix.S_IFCHR
	SIfblk  = unix.S_IFBLK
	SIfifo  = unix.S_IFIFO
	SIfsock = unix.S_IFSOCK
	SIfdir  = unix.S_IFDIR

	ProcSuperMagic   = unix.PROC_SUPER_MAGIC
	SysfsSuperMagic  = unix.SYSFS_MAGIC
	DevptsSuperMagic = unix.DEVPTS_SUPER_MAGIC
	NsfsMagic        = unix.NSFS_MAGIC

	ResctrlSuperMagic = unix.RDTGROUP_SUPER_MAGIC
)

// NullDev is the device number of /dev/null, as stat(2) and mknod(2) have it.
const NullDev = 1<<8 | 3

// Makedev packs a device number as mknod(2) takes it.
func Makedev(major, minor uint32) uint64 { return unix.Mkdev(major, minor) }

// Resource limits of getrlimit(2).
const (
	RlimitAs         = unix.RLIMIT_AS
	RlimitCore       = unix.RLIMIT_CORE
	RlimitCPU        = unix.RLIMIT_CPU
	RlimitData       = unix.RLIMIT_DATA
	RlimitFsize      = unix.RLIMIT_FSIZE
	RlimitLocks      = unix.RLIMIT_LOCKS
	RlimitMemlock    = unix.RLIMIT_MEMLOCK
	RlimitMsgqueue   = unix.RLIMIT_MSGQUEUE
	RlimitNice       = unix.RLIMIT_NICE
	RlimitNofile     = unix.RLIMIT_NOFILE
	RlimitNproc      = unix.RLIMIT_NPROC
	RlimitRss        = unix.RLIMIT_RSS
	RlimitRtprio     = unix.RLIMIT_RTPRIO
	RlimitRttime     = unix.RLIMIT_RTTIME
	RlimitSigpending = unix.RLIMIT_SIGPENDING
	RlimitStack      = unix.RLIMIT_STACK
)

// Names that callers compare with.
const (
	SIGKILL = unix.SIGKILL
	ESRCH   = unix.ESRCH
)
