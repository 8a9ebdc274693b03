package cli

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// The real-time signals as glibc counts them: the kernel's first two are its own.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// signalNames are the names of signals 1 to 31 without SIG, by number.
var signalNames = [...]string{
	1: "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
	"USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
	"TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
}

// parseSignal reads a number, or a name with or without SIG, in any case:
// "9", "KILL", "sigkill", "RTMIN+3", "SIGRTMAX-1". 0 asks whether there is a process.
func parseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > sigRTMax {
			return 0, fmt.Errorf("unknown signal %q", s)
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	switch name {
	case "IOT":
		return syscall.SIGABRT, nil
	case "CLD":
		return syscall.SIGCHLD, nil
	case "POLL":
		return syscall.SIGPOLL, nil
	}
	for n, known := range signalNames {
		if n > 0 && known == name {
			return syscall.Signal(n), nil
		}
	}
	if n, ok := realTime(name); ok {
		return syscall.Signal(n), nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

// realTime reads RTMIN, RTMIN+n, RTMAX and RTMAX-n.
func realTime(name string) (int, bool) {
	base, sign := sigRTMin, "+"
	offset, found := strings.CutPrefix(name, "RTMIN")
	if !found {
		base, sign = sigRTMax, "-"
		if offset, found = strings.CutPrefix(name, "RTMAX"); !found {
			return 0, false
		}
	}
	if offset == "" {
		return base, true
	}
	if !strings.HasPrefix(offset, sign) {
		return 0, false
	}
	n, err := strconv.ParseUint(offset[1:], 10, 8)
	if err != nil || n > sigRTMax-sigRTMin {
		return 0, false
	}
	if sign == "-" {
		return base - int(n), true
	}
	return base + int(n), true
}
