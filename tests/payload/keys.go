package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"syscall"
)

// keys takes all the keys that its user may have.
func keys(args []string) error {
	const joinSession, sessionKeyring = 1, -3
	if len(args) > 0 {
		return errUsage
	}
	runtime.LockOSThread() // a session keyring is a thread's
	if _, _, errno := syscall.RawSyscall(syscall.SYS_KEYCTL, joinSession, 0, 0); errno != 0 {
		return errno
	}
	special := sessionKeyring
	for n := 0; ; n++ {
		texts := [3][]byte{[]byte("user\x00"), []byte("k" + strconv.Itoa(n) + "\x00"), []byte("x")}
		_, _, errno := syscall.RawSyscall6(syscall.SYS_ADD_KEY, address(&texts[0][0]), address(&texts[1][0]), address(&texts[2][0]), 1,
			uintptr(special), 0)
		runtime.KeepAlive(texts)
		if errors.Is(errno, syscall.EDQUOT) {
			fmt.Println("full", n)
			sleepForever()
		}
		if errno != 0 {
			return errno
		}
	}
}
