package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"teu/tests/headless"
)

// statusTerminated is what a shell says of a process that SIGTERM ended. As pid 1 one must end oneself: the kernel drops
// signals an init has no handler for.
const statusTerminated = 128 + int(syscall.SIGTERM)

func terminated() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	return signals
}

func sleepForever() {
	<-terminated()
	os.Exit(statusTerminated)
}

// signalNames has those the tests send; others print as "SIG" and their number.
var signalNames = map[syscall.Signal]string{
	syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGABRT: "SIGABRT",
	syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2", syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM",
	syscall.SIGTERM: "SIGTERM", syscall.SIGCHLD: "SIGCHLD", syscall.SIGCONT: "SIGCONT", syscall.SIGTSTP: "SIGTSTP",
	syscall.SIGTTIN: "SIGTTIN", syscall.SIGTTOU: "SIGTTOU", syscall.SIGWINCH: "SIGWINCH", syscall.SIGIO: "SIGIO",
	syscall.SIGPWR: "SIGPWR", syscall.SIGSYS: "SIGSYS", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
}

func trap(args []string) error {
	most := -1
	if len(args) > 0 {
		var err error
		if most, err = number(args); err != nil {
			return err
		}
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	fmt.Println("ready")
	for seen := 0; seen != most; {
		caught := (<-signals).(syscall.Signal)
		if caught == syscall.SIGURG { // the Go scheduler sends these to itself
			continue
		}
		seen++
		name := signalNames[caught]
		if name == "" {
			name = "SIG" + strconv.Itoa(int(caught))
		}
		fmt.Println(name)
	}
	return nil
}

func spawn(args []string) error {
	n, err := number(args)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	attr := &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()}
	pids := make([]int, 0, n)
	for range n {
		child, err := os.StartProcess(self, []string{self, "sleep", "forever"}, attr)
		if err != nil {
			return err
		}
		pids = append(pids, child.Pid)
	}
	if err := printJSON(pids); err != nil {
		return err
	}
	sleepForever()
	return nil
}

// leaderless ends the first thread; another prints "ready" and sleeps for ever. "child" makes that a child of this process.
func leaderless(args []string) error {
	if len(args) > 0 && args[0] == "child" {
		child, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0], "headless"}, args[1:]...),
			&os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()})
		if err != nil {
			return err
		}
		fmt.Println("child", child.Pid)
		sleepForever()
	}
	own := "/proc/" + strconv.Itoa(os.Getpid()) + "/stat"
	headless.Become(func() {
		for {
			text, err := os.ReadFile(own)
			if err != nil || bytes.Contains(text, []byte(") Z ")) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		fmt.Println("ready")
		sleepForever()
	})
	return nil
}

func bigout(args []string) error {
	n, err := number(args)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = 'x'
	}
	for left := n; left > 0; {
		wrote, err := os.Stdout.Write(block[:min(left, len(block))])
		if err != nil {
			return err
		}
		left -= wrote
	}
	return nil
}

func oom(args []string) error {
	n, err := number(args)
	if err != nil {
		return err
	}
	const mib, page = 1 << 20, 4096
	held := make([][]byte, n)
	for i := range held {
		held[i] = make([]byte, mib)
		for at := 0; at < mib; at += page {
			held[i][at] = 1
		}
	}
	_, err = fmt.Println("survived")
	runtime.KeepAlive(held)
	return err
}
