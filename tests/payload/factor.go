package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func twoNumbers(args []string) (a, b int, err error) {
	if len(args) != 2 {
		return 0, 0, errUsage
	}
	if a, err = number(args[:1]); err == nil {
		b, err = number(args[1:])
	}
	return a, b, err
}

// numbered writes every line by a call of its own, and leaves no time between the last and its end.
func numbered(args []string) error {
	n, code, err := twoNumbers(args)
	if err != nil {
		return err
	}
	streams := []*os.File{os.Stdout, os.Stderr}
	for i := range n {
		if _, err := streams[i%2].WriteString(line(i)); err != nil {
			return err
		}
	}
	os.Exit(code)
	return nil
}

// line is the line of a number, 64 bytes with its end.
func line(i int) string {
	text := fmt.Sprintf("%08d ", i)
	return text + strings.Repeat("x", 63-len(text)) + "\n"
}

func graceful(args []string) error {
	if _, _, err := twoNumbers(args); err != nil {
		return err
	}
	end := terminated()
	fmt.Println("ready")
	<-end
	return numbered(args)
}

// reaper is what stands above a runtime: conmon, or a shim of containerd.
func reaper(args []string) error {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	if len(args) == 0 {
		return errUsage
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	attr := &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Env: os.Environ()}
	if _, err := syscall.ForkExec(args[0], args, attr); err != nil {
		return err
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.ECHILD:
			return nil
		case err == syscall.EINTR:
		case err != nil:
			return err
		case ws.Signaled():
			fmt.Println(pid, "signal", strconv.Itoa(int(ws.Signal())))
		default:
			fmt.Println(pid, "exit", ws.ExitStatus())
		}
	}
}
