package fault

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/console"
	"teu/tests/kit"
)

// rig is a bundle that containers are made of again and again, and the world as it was before the first.
type rig struct {
	*kit.Bundle
	t        *testing.T
	sock     string // console socket
	pidFile  string
	out, err *os.File
	before   kit.World
	files    []string
	stays    string // the container that is to be there, "" for none

	mu      sync.Mutex
	masters []*os.File
}

// newRig makes a bundle of what edit makes of it. The container runs `payload true`.
func newRig(t *testing.T, edit func(*kit.Bundle) func(*specs.Spec)) *rig {
	t.Helper()
	r := &rig{Bundle: kit.New(t), t: t}
	r.sock, r.pidFile = r.Dir+"/console.sock", r.Dir+"/run/pid"
	for _, dir := range []string{r.Dir + "/source/below", r.Dir + "/run", r.Dir + "/log", r.Rootfs + "/work"} {
		r.must(os.MkdirAll(dir, 0o755))
	}
	r.must(os.WriteFile(r.Dir+"/source/file", nil, 0o644))
	r.must(os.Symlink("elsewhere", r.Dir+"/source/link"))
	var err error
	for name, f := range map[string]**os.File{"out": &r.out, "err": &r.err} {
		*f, err = os.OpenFile(r.Dir+"/log/"+name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
		r.must(err)
		t.Cleanup(func() { (*f).Close() })
	}
	r.Edit(edit(r.Bundle))
	if slices.ContainsFunc(r.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace }) {
		r.give(int(mapping[0].HostID))
	}
	r.listen()
	r.supervise()
	// A first container makes the mount points, and shows that the bundle is good.
	r.succeed("create", r.create()...)
	r.succeed("start", "start", r.ID)
	r.succeed("delete", "delete", "--force", r.ID)
	r.must(os.Remove(r.pidFile))
	r.before, r.files = kit.Snapshot(), r.list()
	return r
}

// give makes the root directory that of root in the user namespace.
func (r *rig) give(uid int) {
	r.must(filepath.WalkDir(r.Rootfs, func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != r.Rootfs+kit.PayloadPath {
			err = os.Lchown(path, uid, uid)
		}
		return err
	}))
}

// sub runs f as a subtest of the rig's test.
func (r *rig) sub(name string, f func()) {
	outer := r.t
	outer.Run(name, func(t *testing.T) {
		r.t, r.T = t, t
		defer func() { r.t, r.T = outer, outer }()
		f()
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("unexpected error: %v", err)
	}
}

// listen takes the terminals that come over the console socket, and keeps them open until [rig.hangUp].
func (r *rig) listen() {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.sock, Net: "unix"})
	r.must(err)
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			f, err := conn.File()
			conn.Close()
			if err != nil {
				continue
			}
			// A teu that was killed sends nothing.
			if master, err := console.RecvFD(f); err == nil {
				r.mu.Lock()
				r.masters = append(r.masters, master)
				r.mu.Unlock()
			}
			f.Close()
		}
	}()
}

// supervise takes what comes over the socket of seccomp listeners, and lets go of it at once: what the profile asks
// about nobody does.
func (r *rig) supervise() {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.Dir + "/listener.sock", Net: "unix"})
	r.must(err)
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				io.Copy(io.Discard, conn) // descriptors that nobody asks for are dropped
				conn.Close()
			}()
		}
	}()
}

// hangUp closes the terminals. Processes that have one for their own are told by it.
func (r *rig) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.masters {
		m.Close()
	}
	r.masters = nil
}

// create and run are command lines.
func (r *rig) create() []string {
	args := []string{"create", "--pid-file", r.pidFile}
	if r.Spec.Process.Terminal {
		args = append(args, "--console-socket", r.sock)
	}
	return append(args, r.ID)
}

func (r *rig) run(flags ...string) []string {
	return append(append([]string{"run", "--pid-file", r.pidFile}, flags...), r.ID)
}

// result is how a command ended.
type result struct {
	args     []string
	code     int // -1 when a signal ended it
	out, err string
}

func (r *result) String() string {
	return fmt.Sprintf("teu %s: exit code %d, stdout %q, stderr %q", strings.Join(r.args, " "), r.code, r.out, r.err)
}

// attr is what every teu is started with; fault is for _TEU_FAULT. Its output goes to files that are emptied first.
func (r *rig) attr(fault string) *os.ProcAttr {
	for _, f := range []*os.File{r.out, r.err} {
		r.must(f.Truncate(0))
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "TEU_TEST=" + r.ID, "_TEU_CACHE=" + r.Cache}
	if fault != "" {
		env = append(env, "_TEU_FAULT="+fault)
	}
	return &os.ProcAttr{Dir: r.Dir, Env: env, Files: []*os.File{nil, r.out, r.err}}
}

func (r *rig) argv(args []string) []string {
	return append([]string{kit.Teu(), "--root", r.Root}, args...)
}

// outputs is what the last command wrote.
func (r *rig) outputs() (out, err string) { return r.text(r.out), r.text(r.err) }

func (r *rig) text(f *os.File) string {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	r.must(err)
	return string(data)
}

// teu runs a command to its end.
func (r *rig) teu(fault string, args ...string) *result {
	r.t.Helper()
	p, err := os.StartProcess(kit.Teu(), r.argv(args), r.attr(fault))
	r.must(err)
	bound := time.AfterFunc(kit.Limit, func() { p.Kill() })
	st, err := p.Wait()
	r.must(err)
	res := &result{args: args, code: st.ExitCode()}
	res.out, res.err = r.outputs()
	if !bound.Stop() {
		r.t.Fatalf("%v: want an end within %v", res, kit.Limit)
	}
	return res
}

// succeed runs a command that has to; when tells the moment, for the message.
func (r *rig) succeed(when string, args ...string) *result {
	r.t.Helper()
	res := r.teu("", args...)
	if res.code != 0 {
		r.t.Fatalf("%s: %v: want exit code 0", when, res)
	}
	return res
}

// clean checks that nothing is left.
func (r *rig) clean(when string) {
	r.t.Helper()
	left, dying := r.newFiles(), false
	for line := range kit.Snapshot() {
		switch {
		case r.before[line]:
		case strings.HasPrefix(line, "process "), strings.HasPrefix(line, "network namespace "):
			dying = true
		default:
			left = append(left, line)
		}
	}
	entries, err := os.ReadDir(r.Root)
	r.must(err)
	for _, e := range entries {
		if e.Name() != r.stays {
			left = append(left, "state "+e.Name())
		}
	}
	if dying && len(left) == 0 {
		// Hooks belong to themselves: a killed teu leaves the one that runs to end in its own time. Its other children are
		// killed with it, which takes a moment on a busy machine.
		left = r.before.Left()
	}
	if len(left) > 0 {
		r.t.Fatalf("%s: left: %s; want nothing", when, strings.Join(left, "; "))
	}
}

// newFiles are those below the bundle that were not there before, but for the pid file and the state directory.
func (r *rig) newFiles() []string {
	var left []string
	for _, f := range r.list() {
		if !slices.Contains(r.files, f) && f != r.pidFile {
			left = append(left, "file "+f)
		}
	}
	return left
}

func (r *rig) list() []string {
	var files []string
	r.must(filepath.WalkDir(r.Dir, func(path string, _ os.DirEntry, err error) error {
		if path == r.Root || path == r.Cache { // what is in the cache has no name before it is whole
			return filepath.SkipDir
		}
		files = append(files, path)
		return err
	}))
	return files
}

// state is what `teu state` says, or "" when there is no container.
func (r *rig) state() specs.ContainerState {
	r.t.Helper()
	res := r.teu("", "state", r.ID)
	if res.code != 0 {
		return ""
	}
	var st specs.State
	if err := json.Unmarshal([]byte(res.out), &st); err != nil {
		r.t.Fatalf("parse %v: %v", res, err)
	}
	return st.Status
}

// forget removes what the commands of a round left on purpose.
func (r *rig) forget() {
	r.hangUp()
	if err := os.Remove(r.pidFile); err != nil && !os.IsNotExist(err) {
		r.t.Fatalf("remove the pid file: %v", err)
	}
}
