package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// address is where p points to, for a system call. p is on the heap, being in an interface, so it does not move; the caller
// keeps it alive.
func address(p any) uintptr { return reflect.ValueOf(p).Pointer() }

func ioctl(fd int, request uintptr, p any) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, address(p))
	runtime.KeepAlive(p)
	if errno != 0 {
		return errno
	}
	return nil
}

// A window is struct winsize.
type window struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
	X       uint16 `json:"-"`
	Y       uint16 `json:"-"`
}

// A tty is what the standard fds are. DevTTY is "ok" or the errno of opening /dev/tty, Controlling its "major:minor" or "0:0".
type tty struct {
	IsATTY      [3]bool `json:"isatty"`
	Window      *window `json:"window"`
	Controlling string  `json:"controlling"`
	DevTTY      string  `json:"devTTY"`
	Name        string  `json:"name"`
	Session     int     `json:"session"`
	Group       int     `json:"group"`
	Foreground  int     `json:"foreground"`
}

func terminal() (any, error) {
	var t tty
	for fd := range t.IsATTY {
		var attributes syscall.Termios
		t.IsATTY[fd] = ioctl(fd, syscall.TCGETS, &attributes) == nil
		size := new(window)
		if t.Window == nil && ioctl(fd, syscall.TIOCGWINSZ, size) == nil {
			t.Window = size
		}
	}
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	// After the command's closing parenthesis: state, ppid, pgrp, session, tty_nr, tpgid (proc_pid_stat(5)).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 6 {
		return nil, fmt.Errorf("stat: %q", text)
	}
	values := make([]int, 6)
	for i, field := range fields[1:6] {
		if values[i+1], err = strconv.Atoi(field); err != nil {
			return nil, err
		}
	}
	t.Group, t.Session, t.Foreground = values[2], values[3], values[5]
	t.Controlling = deviceName(uint64(uint32(values[4])))
	t.Name, _ = os.Readlink("/proc/self/fd/0") // empty where it was closed
	fd, err := syscall.Open("/dev/tty", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		t.DevTTY = errnoName(errno)
		return t, nil
	}
	t.DevTTY = "ok"
	return t, syscall.Close(fd)
}

// syscallNumbers has what the tests call by name, where package syscall has it on every architecture; from 424 on the numbers are
// the same everywhere. Others are given by number.
var syscallNumbers = map[string]uintptr{
	"acct": syscall.SYS_ACCT, "add_key": syscall.SYS_ADD_KEY, "adjtimex": syscall.SYS_ADJTIMEX, "chroot": syscall.SYS_CHROOT,
	"clock_settime": syscall.SYS_CLOCK_SETTIME, "delete_module": syscall.SYS_DELETE_MODULE, "fchmod": syscall.SYS_FCHMOD,
	"getcwd": syscall.SYS_GETCWD, "getpid": syscall.SYS_GETPID, "getppid": syscall.SYS_GETPPID, "gettid": syscall.SYS_GETTID,
	"init_module": syscall.SYS_INIT_MODULE, "ioprio_get": syscall.SYS_IOPRIO_GET, "kexec_load": syscall.SYS_KEXEC_LOAD,
	"keyctl": syscall.SYS_KEYCTL, "kill": syscall.SYS_KILL, "mkdirat": syscall.SYS_MKDIRAT, "mount": syscall.SYS_MOUNT,
	"perf_event_open": syscall.SYS_PERF_EVENT_OPEN, "personality": syscall.SYS_PERSONALITY,
	"pivot_root": syscall.SYS_PIVOT_ROOT, "prctl": syscall.SYS_PRCTL, "ptrace": syscall.SYS_PTRACE, "reboot": syscall.SYS_REBOOT,
	"request_key": syscall.SYS_REQUEST_KEY, "sethostname": syscall.SYS_SETHOSTNAME, "settimeofday": syscall.SYS_SETTIMEOFDAY,
	"setuid": syscall.SYS_SETUID, "socket": syscall.SYS_SOCKET, "swapoff": syscall.SYS_SWAPOFF, "swapon": syscall.SYS_SWAPON,
	"sync": syscall.SYS_SYNC, "syslog": syscall.SYS_SYSLOG, "umount2": syscall.SYS_UMOUNT2, "unshare": syscall.SYS_UNSHARE,
	"vhangup":           syscall.SYS_VHANGUP,
	"pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fspick": 433,
	"pidfd_open": 434, "clone3": 435, "close_range": 436, "openat2": 437, "pidfd_getfd": 438, "mount_setattr": 442,
	"landlock_create_ruleset": 444, "memfd_secret": 447, "cachestat": 451, "statmount": 457, "listmount": 458,
}

// archNumbers has those that package syscall knows not everywhere.
var archNumbers = map[string]map[string]uintptr{
	"amd64": {
		"open_by_handle_at": 304, "setns": 308, "kcmp": 312, "finit_module": 313, "seccomp": 317, "memfd_create": 319, "bpf": 321,
		"execveat": 322, "userfaultfd": 323,
	},
	"arm64": {
		"open_by_handle_at": 265, "setns": 268, "kcmp": 272, "finit_module": 273, "seccomp": 277, "memfd_create": 279, "bpf": 280,
		"execveat": 281, "userfaultfd": 282,
	},
}

// maxSyscallArgs is how many registers a system call has for its arguments.
const maxSyscallArgs = 6

func rawSyscall(args []string) error {
	if len(args) == 0 || len(args) > 1+maxSyscallArgs {
		return errUsage
	}
	trap := max(syscallNumbers[args[0]], archNumbers[runtime.GOARCH][args[0]])
	if trap == 0 { // 0 is read and io_setup: by number only
		number, err := strconv.ParseUint(args[0], 0, 32)
		if err != nil {
			return errUsage
		}
		trap = uintptr(number)
	}
	var values [maxSyscallArgs]uintptr
	var texts [maxSyscallArgs]*byte
	for i, arg := range args[1:] {
		if text, isText := strings.CutPrefix(arg, "s:"); isText {
			var err error
			if texts[i], err = syscall.BytePtrFromString(text); err != nil {
				return errUsage
			}
			values[i] = address(texts[i])
			continue
		}
		number, err := strconv.ParseInt(arg, 0, 64)
		if err != nil {
			return errUsage
		}
		values[i] = uintptr(number)
	}
	result, _, errno := syscall.RawSyscall6(trap, values[0], values[1], values[2], values[3], values[4], values[5])
	runtime.KeepAlive(texts)
	if errno != 0 {
		return errno
	}
	fmt.Println("ok", int64(result))
	return nil
}

// errnoNames are the errors from 1 on, as asm-generic numbers them (those of x86, arm, riscv, s390).
var errnoNames = strings.Fields(`
EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ERRNO41 ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT ERRNO58 EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC
EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS
EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN
ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED
EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON`)

func errnoName(errno syscall.Errno) string {
	if errno == 0 || int(errno) > len(errnoNames) {
		return "ERRNO" + strconv.Itoa(int(errno))
	}
	return errnoNames[errno-1]
}
