// Package libcontainer is the container and its verbs: create, start, run, exec, kill, delete, state and list, one
// file each.
package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"teu/internal/log"
	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/libcontainer/store"
	"teu/nsenter"
	"teu/nsenter/program"
)

// Runtime is what the global flags say.
type Runtime struct {
	Root          string // --root: where the records of containers are
	Cache         string // the directory of compiled seccomp filters, "" for none
	Log           *log.Logger
	CgroupManager CgroupManager
	Rootless      string
	Debug         bool
}

// lockWait bounds the wait for another verb on the same container.
const lockWait = 10 * time.Second

func (r *Runtime) store() *store.Store { return &store.Store{Root: r.Root} }

// openWhole opens and locks a container whose record can be read.
func (r *Runtime) openWhole(id string) (*store.Container, error) {
	entry, err := r.store().Open(id, lockWait)
	if err == nil && entry.Damage != nil {
		err = fmt.Errorf("container %q: %w", id, entry.Damage)
		entry.Close()
	}
	if err != nil {
		return nil, err
	}
	return entry, nil
}

// CreateOptions are the flags of create and run.
type CreateOptions struct {
	ID, Bundle, Config, ConsoleSocket, PidFile, PidfdSocket string

	NoPivot, NoNewKeyring, NoSubreaper, Detach, Keep bool

	PreserveFDs int
}

// configFile is the absolute path of the configuration: that of the bundle, unless file names another.
func configFile(bundle, file string) (string, error) {
	if file == "" {
		return bundle + "/" + spec.ConfigFile, nil
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("--config %s: %w", file, err)
	}
	return abs, nil
}

// bundleDir is the absolute path of the bundle.
func bundleDir(dir string) (string, error) {
	if dir == "" {
		dir = "."
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("bundle %s: %w", dir, err)
	}
	return abs, nil
}

// writePidFile writes the pid so that whoever waits for the file never reads half of it, and so that a teu that is
// killed leaves no temporary file, which nobody would know of: the file has no name before it is whole. Where the
// filesystem cannot do that, NFS being one, it is renamed into place.
func writePidFile(path string, pid int) error {
	if path == "" {
		return nil
	}
	if err := linkPidFile(path, strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("pid file %s: %w", path, err)
	}
	return nil
}

// checkPidFile refuses a pid file that could not be written without taking something else away, before anything is done.
func checkPidFile(path string) error {
	if path == "" {
		return nil
	}
	if err := replaceable(sys.AtFdcwd, path); err != nil {
		return fmt.Errorf("pid file %s: %w", path, err)
	}
	return nil
}

// replaceable refuses a name at which there is something else than a plain file. A device or a socket in its place, /dev/null for
// one, would be everybody's loss; a symlink is neither followed nor replaced, since /dev/stdout is one.
func replaceable(dirfd int, name string) error {
	st, err := sys.Lstatat(dirfd, name)
	if err == nil && sys.IsDir(&st) {
		return syscall.EISDIR
	}
	if err == nil && !sys.IsRegular(&st) {
		return fmt.Errorf("%w, and is no plain file: want one, or a path where nothing is", syscall.EEXIST)
	}
	return nil // whatever else it is, to write it will tell
}

func linkPidFile(path, text string) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	dirfd, err := sys.Openat(sys.AtFdcwd, dir, sys.OPath|sys.ODirectory, 0)
	if err != nil {
		return err
	}
	defer sys.Close(dirfd)
	fd, err := sys.OpenTmpfile(dirfd, 0o666)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return renamePidFile(path, text)
	}
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	if err := sys.WriteAll(fd, []byte(text)); err != nil {
		return err
	}
	err = sys.LinkTmpfile(fd, dirfd, name)
	if errors.Is(err, syscall.EEXIST) {
		// That of an earlier container, which says nothing about this one.
		if err = replaceable(dirfd, name); err == nil {
			err = sys.Unlinkat(dirfd, name)
		}
		if err == nil {
			err = sys.LinkTmpfile(fd, dirfd, name)
		}
	}
	return err
}

func renamePidFile(path, text string) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	for _, p := range [2]string{path, tmp} {
		if err := replaceable(sys.AtFdcwd, p); err != nil {
			return err
		}
	}
	os.Remove(tmp) // what a teu that was killed has left
	// A symlink that somebody left in its place is not followed.
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// debugFault reads _TEU_FAULT, which asks the interpreter to fail or to die at an instruction: "fail:12" or
// "die:12", of as many as the program has. The fault tests set it; whoever can set it can as well not start a container
// at all.
func debugFault(insns int) (*program.Fault, error) {
	v := os.Getenv("_TEU_FAULT")
	if v == "" {
		return nil, nil
	}
	kind, at, _ := strings.Cut(v, ":")
	n, err := strconv.Atoi(at)
	if err != nil || n < 0 || (kind != "fail" && kind != "die") {
		return nil, fmt.Errorf("_TEU_FAULT=%s: want fail:N or die:N: %w", v, syscall.EINVAL)
	}
	if n >= insns {
		return nil, fmt.Errorf("_TEU_FAULT=%s: the program has %d instructions: %w", v, insns, syscall.EINVAL)
	}
	f := &program.Fault{Insn: n}
	if kind == "fail" {
		f.Errno = syscall.EUCLEAN
	}
	return f, nil
}

// preserved is what the workload keeps open beside its standard streams: --preserve-fds and, with them as
// sd_listen_fds(3) has it, what socket activation passed. Each has to have come from the caller: a number
// that nothing was passed for may by now be a directory of the host, and whoever has one is out of the container
// (CVE-2024-21626). Such a number is a hole in the workload too, as crun has it, but among those that $LISTEN_FDS counts; the last one
// is what the caller has counted to.
func preserved(n int) (fds []int, listen string, err error) {
	listen, l, err := listenFds(os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"))
	if err != nil || n+l == 0 {
		return nil, listen, err
	}
	const first, most = 3, 1 << 30 // fs.nr_open is no higher
	end := min(n, most) + l
	passed, err := sys.InheritedFDs(first, end)
	if err != nil {
		return nil, "", fmt.Errorf("--preserve-fds %d: %w", n, err)
	}
	for _, fd := range passed {
		for len(fds) < fd-first {
			fds = append(fds, nsenter.Hole)
		}
		fds = append(fds, fd)
	}
	what, missing := "LISTEN_FDS="+listen, slices.Index(fds[:min(l, len(fds))], nsenter.Hole)
	if missing < 0 && len(fds) < end {
		missing = len(fds)
	}
	if missing >= l {
		what = "--preserve-fds " + strconv.Itoa(n)
	}
	if missing >= 0 {
		return nil, "", fmt.Errorf("%s: descriptor %d was not passed: %w", what, first+missing, syscall.EBADF)
	}
	return fds, listen, nil
}

// listenFds reads the environment of sd_listen_fds(3). Without a LISTEN_PID, or with that of another process, LISTEN_FDS is not
// meant for this one, and was left in the environment.
func listenFds(listen, pid string) (text string, n int, err error) {
	if listen == "" || pid != strconv.Itoa(os.Getpid()) {
		return "", 0, nil
	}
	n, err = strconv.Atoi(listen)
	if err != nil || n < 0 || n > 1024 {
		return "", 0, fmt.Errorf("LISTEN_FDS=%s: want a number: %w", listen, syscall.EINVAL)
	}
	return listen, n, nil
}
