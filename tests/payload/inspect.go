package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// reports are the commands that print one JSON value and need no argument.
var reports = map[string]func() (any, error){
	"id":        identity,
	"status":    status,
	"mountinfo": mountinfo,
	"fds":       openFDs,
	"rlimits":   rlimits,
	"hostname":  hostname,
	"ns":        namespaces,
	"tty":       terminal,
	"netif":     interfaces,
	"sched":     schedule,
}

// all joins the reports and what is one file or one call away. A report that fails says so in its place.
func all(args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	joined := map[string]any{"args": os.Args, "env": os.Environ(), "pid": os.Getpid(), "ppid": os.Getppid()}
	note := func(name string, value any, err error) {
		if err != nil {
			value = map[string]string{"error": err.Error()}
		}
		joined[name] = value
	}
	for name, report := range reports {
		value, err := report()
		note(name, value, err)
	}
	cwd, err := syscall.Getwd()
	note("cwd", cwd, err)
	for name, file := range map[string]string{
		"cgroup": "/proc/self/cgroup", "oomScoreAdj": "/proc/self/oom_score_adj", "personality": "/proc/self/personality",
		"label": "/proc/self/attr/current", "uidMap": "/proc/self/uid_map", "gidMap": "/proc/self/gid_map",
	} {
		text, err := os.ReadFile(file)
		note(name, strings.TrimRight(string(text), "\n\x00"), err)
	}
	return printJSON(joined)
}

// hook writes down how a hook was called.
func hook(args []string) error {
	if len(args) != 2 && len(args) != 3 {
		return errUsage
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	ns, err := namespaces()
	if err != nil {
		return err
	}
	cwd, err := syscall.Getwd()
	if err != nil {
		return err
	}
	root, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	var names []string
	for _, entry := range root {
		names = append(names, entry.Name())
	}
	line, err := json.Marshal(map[string]any{
		"name": args[1], "state": string(stdin), "ns": ns, "env": os.Environ(), "args": os.Args, "cwd": cwd, "root": names,
	})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return err
	}
	fmt.Println("the hook", args[1], "has something to say")
	if len(args) == 3 {
		return exit(args[2:])
	}
	return nil
}

func identity() (any, error) {
	groups, err := os.Getgroups()
	if err != nil {
		return nil, err
	}
	if groups == nil {
		groups = []int{}
	}
	umask := syscall.Umask(0)
	syscall.Umask(umask)
	return map[string]any{
		"uid": os.Getuid(), "euid": os.Geteuid(), "gid": os.Getgid(), "egid": os.Getegid(),
		"groups": groups, "umask": fmt.Sprintf("%04o", umask),
	}, nil
}

func status() (any, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// A mount is a line of mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	ID           string   `json:"id"`
	Parent       string   `json:"parent"`
	Device       string   `json:"device"`
	Root         string   `json:"root"`
	Target       string   `json:"target"`
	Options      []string `json:"options"`
	Propagation  []string `json:"propagation"` // shared:N, master:N, unbindable; none: private
	Type         string   `json:"type"`
	Source       string   `json:"source"`
	SuperOptions []string `json:"superOptions"`
}

func mountinfo() (any, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	mounts := []mount{}
	for line := range strings.Lines(string(text)) {
		before, after, found := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		own, super := strings.Split(before, " "), strings.SplitN(after, " ", 3)
		if !found || len(own) < 6 || len(super) < 3 {
			return nil, fmt.Errorf("mountinfo: %q", line)
		}
		mounts = append(mounts, mount{
			ID: own[0], Parent: own[1], Device: own[2], Root: unescape(own[3]), Target: unescape(own[4]),
			Options: strings.Split(own[5], ","), Propagation: own[6:],
			Type: super[0], Source: unescape(super[1]), SuperOptions: strings.Split(super[2], ","),
		})
	}
	return mounts, nil
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func hostname() (any, error) {
	var uts syscall.Utsname
	if err := syscall.Uname(&uts); err != nil {
		return nil, err
	}
	text := func(field [65]int8) string {
		var s strings.Builder
		for _, c := range field {
			if c == 0 {
				break
			}
			s.WriteByte(byte(c))
		}
		return s.String()
	}
	return map[string]string{"hostname": text(uts.Nodename), "domainname": text(uts.Domainname)}, nil
}

func namespaces() (any, error) {
	const dir = "/proc/self/ns"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return links(dir, names)
}

// An iface is a network interface.
type iface struct {
	Name      string   `json:"name"`
	MTU       int      `json:"mtu"`
	Flags     string   `json:"flags"` // as package net writes them: "up|loopback|running"
	Addresses []string `json:"addresses"`
}

func interfaces() (any, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	list := []iface{}
	for _, f := range found {
		addresses, err := f.Addrs()
		if err != nil {
			return nil, err
		}
		i := iface{Name: f.Name, MTU: f.MTU, Flags: f.Flags.String(), Addresses: []string{}}
		for _, address := range addresses {
			i.Addresses = append(i.Addresses, address.String())
		}
		list = append(list, i)
	}
	return list, nil
}

// A limit is a line of /proc/PID/limits; "unlimited" is a value.
type limit struct {
	Soft string `json:"soft"`
	Hard string `json:"hard"`
}

// rlimits reads the limits of a child that is stopped before its first instruction: package os raises the soft RLIMIT_NOFILE of
// its own process when that starts, and package syscall restores it in what it executes.
func rlimits() (any, error) {
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	attr := &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true}}
	pid, err := syscall.ForkExec(self, []string{self, "true"}, attr)
	if err != nil {
		return nil, err
	}
	defer func() {
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Wait4(pid, nil, 0, nil)
	}()
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		return nil, err
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil {
		return nil, err
	}
	limits := map[string]limit{}
	for line := range strings.Lines(string(text)) {
		const nameWidth = len("Max realtime timeout      ")
		if len(line) < nameWidth || strings.HasPrefix(line, "Limit") {
			continue
		}
		name := rlimitNames[strings.TrimSpace(line[:nameWidth])]
		values := strings.Fields(line[nameWidth:])
		if name == "" || len(values) < 2 {
			return nil, fmt.Errorf("limits: %q", line)
		}
		limits[name] = limit{Soft: values[0], Hard: values[1]}
	}
	return limits, nil
}

var rlimitNames = map[string]string{
	"Max cpu time": "RLIMIT_CPU", "Max file size": "RLIMIT_FSIZE", "Max data size": "RLIMIT_DATA",
	"Max stack size": "RLIMIT_STACK", "Max core file size": "RLIMIT_CORE", "Max resident set": "RLIMIT_RSS",
	"Max processes": "RLIMIT_NPROC", "Max open files": "RLIMIT_NOFILE", "Max locked memory": "RLIMIT_MEMLOCK",
	"Max address space": "RLIMIT_AS", "Max file locks": "RLIMIT_LOCKS", "Max pending signals": "RLIMIT_SIGPENDING",
	"Max msgqueue size": "RLIMIT_MSGQUEUE", "Max nice priority": "RLIMIT_NICE", "Max realtime priority": "RLIMIT_RTPRIO",
	"Max realtime timeout": "RLIMIT_RTTIME",
}
