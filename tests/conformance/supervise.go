package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// job is what the supervisor of one program is told.
type job struct {
	Program string        // path of the validation program
	Runtime string        // path of the runtime
	Kit     string        // directory with runtimetest and the rootfs archive, the program's cwd
	Scratch string        // an empty directory for this run
	Limit   time.Duration // for the program; cleaning up has a limit of its own
}

// result is what the supervisor saw.
type result struct {
	Exit     int // -1: killed at the time limit
	Stdout   string
	Stderr   string
	Commands []string // the command lines the runtime got
	Left     []string // what was left behind after delete --force of what the program left
}

const (
	superviseEnv = "CONFORMANCE_SUPERVISE"
	// grace bounds how long killed processes may take to go; a loaded machine
	// tears down a pid namespace in tens of milliseconds.
	grace = 3 * time.Second
	// deleteLimit bounds one delete --force.
	deleteLimit = 20 * time.Second
)

// supervise runs one job, read from stdin, and writes its result to stdout.
// It expects to be in a mount namespace of its own.
func supervise() error {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	// Containers outlive the runtime command that made them and are reparented
	// to us instead of to init. There is no wrapper for this one in syscall.
	const prSetChildSubreaper = 36
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", errno)
	}
	s := supervisor{job: j}
	before, err := mountPoints()
	if err != nil {
		return err
	}
	if err := s.runProgram(); err != nil {
		return err
	}
	ids := s.deleteContainers()
	s.reapAll()
	if err := s.findMounts(before); err != nil {
		return err
	}
	left, err := removeCgroups(append(ids, fixedCgroups...))
	if err != nil {
		return err
	}
	s.res.Left = append(s.res.Left, left...)
	return json.NewEncoder(os.Stdout).Encode(s.res)
}

type supervisor struct {
	job job
	res result

	mu sync.Mutex // guards res.Left while the reaper's timer may add to it
}

func (s *supervisor) path(name string) string { return filepath.Join(s.job.Scratch, name) }

// untilCaught has kill wait until the container's shell has set its trap. killsig sends the signal when the container runs, which
// may be earlier on a busy machine; the first process of a pid namespace does not get a signal that it does not catch.
const untilCaught = `[ "$1" != kill ] || for _ in $(seq 100); do
	pid=$(%s state "$2" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	grep -q '^SigCgt:.*[1-9a-f]' "/proc/$pid/status" && break
	sleep 0.05
done
`

// runProgram runs the program with the runtime behind a script that adds --root
// and notes the command line. It reaps every child, as init would: a container
// that stays a zombie looks alive to kill(2).
func (s *supervisor) runProgram() error {
	runtime := quote(s.job.Runtime) + " --root " + quote(s.path("state"))
	script := "#!/bin/sh\nprintf '%s\\n' \"$*\" >>" + quote(s.path("commands")) + "\n"
	if filepath.Base(s.job.Program) == "killsig" {
		script += fmt.Sprintf(untilCaught, runtime)
	}
	script += "exec " + runtime + " \"$@\"\n"
	if err := os.WriteFile(s.path("runtime"), []byte(script), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"state", "tmp"} {
		if err := os.Mkdir(s.path(dir), 0o711); err != nil {
			return err
		}
	}
	files := make([]*os.File, 0, 3)
	for _, name := range []string{os.DevNull, s.path("stdout"), s.path("stderr")} {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		files = append(files, f)
	}
	p, err := os.StartProcess(s.job.Program, []string{s.job.Program}, &os.ProcAttr{
		Dir:   s.job.Kit,
		Env:   append(os.Environ(), "RUNTIME="+s.path("runtime"), "TMPDIR="+s.path("tmp")),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", s.job.Program, err)
	}
	s.res.Exit = waitFor(p.Pid, s.job.Limit)
	for name, to := range map[string]*string{"stdout": &s.res.Stdout, "stderr": &s.res.Stderr} {
		text, err := os.ReadFile(s.path(name))
		if err != nil {
			return err
		}
		*to = string(text)
	}
	commands, err := os.ReadFile(s.path("commands"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.res.Commands = strings.Split(strings.TrimSpace(string(commands)), "\n")
	return nil
}

// waitFor reaps children until pid is among them. It returns its exit code, or
// -1 when it had to be killed at the limit.
func waitFor(pid int, limit time.Duration) int {
	timer := time.AfterFunc(limit, func() { syscall.Kill(-pid, syscall.SIGKILL) })
	defer timer.Stop()
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return -1
		}
		if got == pid {
			return ws.ExitStatus() // -1 for a signal
		}
	}
}

// deleteContainers forcibly deletes what the program left in the runtime's
// state, as its user would, and returns the ids of all containers there were.
func (s *supervisor) deleteContainers() []string {
	known := map[string]bool{}
	for _, c := range s.res.Commands {
		words := strings.Fields(c)
		if n := len(words); n > 1 && words[0] == "create" && !strings.Contains(words[n-1], "/") {
			known[words[n-1]] = true
		}
	}
	var ids []string
	for id := range known {
		ids = append(ids, id)
		if _, err := os.Stat(filepath.Join(s.path("state"), id)); err != nil {
			continue
		}
		out, err := s.forceDelete(id)
		if err != nil {
			s.left("container %s: delete --force: %v: %s", id, err, fold(string(out)))
		}
		if _, err := os.Stat(filepath.Join(s.path("state"), id)); err == nil {
			s.left("container %s: still in the state directory after delete --force", id)
		}
	}
	return ids
}

func (s *supervisor) forceDelete(id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deleteLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.path("runtime"), "delete", "--force", id)
	cmd.WaitDelay = grace // a poststop hook may hold the pipe
	return cmd.CombinedOutput()
}

func (s *supervisor) left(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.res.Left = append(s.res.Left, fmt.Sprintf(format, args...))
}

// reapAll waits until there is no child, and kills and reports what is still
// there after the grace. The orphans of what it kills become its children, so it
// has to look again.
func (s *supervisor) reapAll() {
	timer := time.NewTicker(grace)
	defer timer.Stop()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-timer.C:
			}
			for pid, name := range children(os.Getpid()) {
				s.left("process %s", name)
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}()
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			return
		}
	}
}

// findMounts reports what has changed in this mount namespace. New mounts go
// with the namespace.
func (s *supervisor) findMounts(before map[string]string) error {
	after, err := mountPoints()
	if err != nil {
		return err
	}
	for id, point := range after {
		if before[id] != point {
			s.left("mount %s", s.anonymous(point))
		}
	}
	for id, point := range before {
		// Whoever removes a directory takes off what is mounted on it in every mount namespace (Linux 3.18).
		if _, err := os.Lstat(point); after[id] != point && err == nil {
			s.left("mount %s is gone", point)
		}
	}
	return nil
}

// anonymous cuts the random part out of a path of the scratch directory, so
// that an explanation can name it.
func (s *supervisor) anonymous(path string) string {
	rest, ok := strings.CutPrefix(path, s.path("tmp")+"/")
	if !ok {
		return path
	}
	_, inside, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix("BUNDLE/"+inside, "/")
}

// quote makes one word of a POSIX shell.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
