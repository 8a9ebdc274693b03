// Payload is the program the tests run inside containers: it says what it finds there, so a container needs no other file.
// Build it with CGO_ENABLED=0: it is static and needs no libc.
//
//	command                what it does
//	-------                ------------
//	true                   exits with 0
//	exit N                 exits with N
//	sleep SECONDS|forever  exits with 0 in the end, with 143 at once on SIGTERM (also as pid 1)
//	echo [ARG...]          prints the arguments
//	cat [FILE...]          prints the files, or copies standard input
//	env                    prints the environment, a variable a line
//	id                     uid, gid (real, effective), groups, umask
//	status                 every field of /proc/self/status, by name
//	mountinfo              /proc/self/mountinfo, field by field
//	stat PATH...           type, mode, owner, rdev as "major:minor" (lstat); an "error" per path that has none
//	readlink PATH          prints the target
//	ls PATH                prints the names, sorted, one a line
//	fds                    the open fds and what they link to (Go opens /dev/null where 0, 1 or 2 was closed)
//	rlimits                soft and hard, as they were before the Go runtime raised its own RLIMIT_NOFILE
//	hostname               nodename and domainname
//	ns                     the links of /proc/self/ns
//	write PATH TEXT        writes to an existing file, or makes it
//	mknod PATH c|b|p MAJOR MINOR
//	open PATH r|w|rw       opens, and closes
//	devices OPEN SHUT      opens both over and over, prints "ready", and then what is EPERM of OPEN, or not of SHUT, with the round;
//	                       on SIGTERM it prints "rounds N" and ends
//	sysctl NAME[=VALUE]    prints or sets; dots or slashes
//	tty                    isatty of 0, 1, 2; window size; controlling terminal; session
//	netif                  the interfaces with their flags and addresses
//	trap [N]               prints "ready", then the name of each signal; exits with 0 after N
//	syscall NAME|NR [ARG...]  prints "ok RESULT"; an ARG is a number or "s:TEXT", a pointer to a string
//	spawn N                starts N children that sleep for ever, prints their pids as JSON, sleeps for ever
//	headless [child]       ends its first thread, and another prints "ready" and sleeps for ever; or starts a child that does, and prints
//	                       "child PID" first
//	bigout N               writes N bytes as fast as it can
//	lines N CODE           writes N numbered lines of 64 bytes, by turns to stdout and stderr, and exits with CODE at once
//	graceful N CODE        prints "ready", and on SIGTERM does what lines does
//	reaper COMMAND...      runs it, adopts the orphans that it makes, and when all have ended prints "PID exit CODE" or "PID signal N" of each
//	oom MIB                allocates and touches that much, prints "survived"
//	hook FILE NAME [N]     appends {name, state (standard input), ns, env, args, cwd, root} as a line to FILE; exits with N
//	sched                  how it is scheduled: policy, nice, I/O priority, memory policy
//	keys                   fills a session keyring of its own until it may not, prints how many keys that took, sleeps for ever
//	all                    one object of everything above that is JSON, and args, cwd, env, cgroup, oomScoreAdj
//
// What is not said to print is one line of JSON. A call that fails prints the name of its errno (ENOENT) and exits with 1;
// a wrong command line exits with 2.
//
// The two settings below keep the Go runtime from holding two files of its cgroup open, which fds would show as leaked.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// commands are those that do something; reports, those that print an object and are part of all.
var commands = map[string]func(args []string) error{
	"true":     func([]string) error { return nil },
	"exit":     exit,
	"sleep":    sleep,
	"echo":     echo,
	"cat":      cat,
	"env":      env,
	"stat":     stat,
	"readlink": readlink,
	"ls":       ls,
	"write":    write,
	"mknod":    mknod,
	"open":     open,
	"devices":  devices,
	"sysctl":   sysctl,
	"trap":     trap,
	"syscall":  rawSyscall,
	"spawn":    spawn,
	"headless": leaderless,
	"bigout":   bigout,
	"lines":    numbered,
	"graceful": graceful,
	"reaper":   reaper,
	"oom":      oom,
	"keys":     keys,
	"hook":     hook,
	"all":      all,
}

// errUsage is a command line that makes no sense.
var errUsage = errors.New("usage")

// What a verb does, the first thread does: some are of one thread, and a filter may kill the one that calls.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	err := dispatch(os.Args[1], os.Args[2:])
	var errno syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "payload:", strings.Join(os.Args[1:], " "), ": not understood")
		os.Exit(2)
	case errors.As(err, &errno):
		fmt.Println(errnoName(errno))
		os.Exit(1)
	default:
		fmt.Println(err)
		os.Exit(1)
	}
}

func dispatch(name string, args []string) error {
	if command, known := commands[name]; known {
		return command(args)
	}
	report, known := reports[name]
	if !known || len(args) > 0 {
		return errUsage
	}
	value, err := report()
	if err != nil {
		return err
	}
	return printJSON(value)
}

func printJSON(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}

// number parses the only argument.
func number(args []string) (int, error) {
	if len(args) != 1 {
		return 0, errUsage
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return 0, errUsage
	}
	return n, nil
}

func exit(args []string) error {
	n, err := number(args)
	if err == nil {
		os.Exit(n)
	}
	return err
}

func sleep(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if args[0] == "forever" {
		sleepForever()
	}
	seconds, err := strconv.ParseFloat(args[0], 64)
	if err != nil {
		return errUsage
	}
	select {
	case <-time.After(time.Duration(seconds * float64(time.Second))):
	case <-terminated():
		os.Exit(statusTerminated)
	}
	return nil
}

func echo(args []string) error {
	_, err := fmt.Println(strings.Join(args, " "))
	return err
}

func cat(args []string) error {
	if len(args) == 0 {
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	}
	for _, name := range args {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func env(args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	for _, variable := range os.Environ() {
		fmt.Println(variable)
	}
	return nil
}
