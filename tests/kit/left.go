package kit

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// World is what there is at one time: mounts, cgroups, processes, network namespaces, files in /tmp. A line each.
type World map[string]bool

// settle is how long what was killed may take to go.
var settle = slow(2 * time.Second)

// Snapshot looks at all that the suite can leave behind. It is exact in the suite's own namespaces; of the cgroups it
// sees those of [Prefix]. Tests that run in parallel see each other's.
func Snapshot() World {
	w := World{}
	// Ours is there even when no other process shows it.
	if ns, err := os.Readlink("/proc/self/ns/net"); err == nil {
		w["network namespace "+ns] = true
	}
	for _, m := range mounts() {
		w["mount "+m] = true
	}
	for _, c := range cgroups(Prefix()) {
		w["cgroup "+c] = true
	}
	for _, u := range units(Prefix()) {
		w["unit "+u] = true
	}
	for _, p := range processes() {
		w["process "+p.String()] = true
		if ns, err := os.Readlink(p.dir + "/ns/net"); err == nil {
			w["network namespace "+ns] = true
		}
	}
	filepath.WalkDir("/tmp", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			w["file "+path] = true
		}
		return nil
	})
	return w
}

// Left is what has come since w was taken, and does not go away within a short time, and the mounts that have gone.
func (w World) Left() []string {
	var left []string
	within(settle, func() bool {
		left = nil
		now := Snapshot()
		for line := range now {
			if !w[line] {
				left = append(left, line)
			}
		}
		for line := range w {
			// Whoever removes a directory takes off what is mounted on it in every mount namespace (Linux 3.18).
			if target, ok := strings.CutPrefix(line, "mount "); ok && !now[line] && exists(target[:strings.Index(target, " (")]) {
				left = append(left, "gone: "+line)
			}
		}
		return len(left) == 0
	})
	slices.Sort(left)
	return left
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Left is what still bears the mark, the id of a container or the path of a bundle, and does not go away within a short
// time: mounts, cgroups, processes, files in /tmp. It can be used while other tests run.
func Left(mark string) []string {
	var left []string
	within(settle, func() bool {
		left = nil
		for _, m := range mounts() {
			if strings.Contains(m, mark) {
				left = append(left, "mount "+m)
			}
		}
		for _, c := range cgroups(mark) {
			left = append(left, "cgroup "+c)
		}
		for _, u := range units(mark) {
			left = append(left, "unit "+u)
		}
		for _, p := range processes() {
			if p.bears(mark) {
				left = append(left, "process "+p.String())
			}
		}
		files, _ := filepath.Glob("/tmp/*" + mark + "*")
		for _, f := range files {
			left = append(left, "file "+f)
		}
		return len(left) == 0
	})
	return left
}

// mounts are the lines of mountinfo without what may change: a mount on the same place as another has an id of its own.
func mounts() []string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		panic(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		own, super, _ := strings.Cut(strings.TrimSpace(line), " - ")
		if f := strings.Fields(own); len(f) > 4 {
			list = append(list, f[4]+" ("+f[3]+" of "+super+", id "+f[0]+")")
		}
	}
	return list
}

// cgroups are the directories in every hierarchy whose path below it holds the mark.
func cgroups(mark string) []string {
	var list []string
	filepath.WalkDir(CgroupTop, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path[len(CgroupTop):], mark) {
			list = append(list, path)
		}
		return nil // others come and go meanwhile
	})
	return list
}

// unmount takes off what is mounted on the paths that hold the mark, so that other tests find the suite as it was.
func unmount(mark string) {
	for _, m := range slices.Backward(mounts()) {
		if target, _, _ := strings.Cut(m, " "); strings.Contains(target, mark) {
			syscall.Unmount(target, syscall.MNT_DETACH)
		}
	}
}

func removeCgroups(mark string) {
	for _, dir := range slices.Backward(cgroups(mark)) { // parents come first
		syscall.Rmdir(dir)
	}
}

type process struct {
	dir, name, args string
}

func (p process) String() string { return filepath.Base(p.dir) + " " + p.name + " " + p.args }

// bears looks for the mark wherever one of our processes may show it: "teu init" has no environment, but it starts in the
// bundle's directory.
func (p process) bears(mark string) bool {
	if strings.Contains(p.args, mark) {
		return true
	}
	for _, file := range []string{"environ", "cgroup"} {
		if text, err := os.ReadFile(p.dir + "/" + file); err == nil && strings.Contains(string(text), mark) {
			return true
		}
	}
	for _, link := range []string{"cwd", "root", "exe"} {
		if target, err := os.Readlink(p.dir + "/" + link); err == nil && strings.Contains(target, mark) {
			return true
		}
	}
	return false
}

// processes are those that live, but for the suite's own two; in the host's pid namespace, those that the suite has started.
func processes() []process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	self := "/proc/" + strconv.Itoa(os.Getpid())
	list := make([]process, 0, len(dirs))
	parents := map[string]string{}
	for _, dir := range dirs {
		if dir == "/proc/1" {
			continue
		}
		stat, err := os.ReadFile(dir + "/stat")
		// proc_pid_stat(5): pid (comm) state …; comm may hold anything.
		end := strings.LastIndexByte(string(stat), ')')
		if err != nil || end < 0 || strings.HasPrefix(string(stat[end:]), ") Z") {
			continue
		}
		if f := strings.Fields(string(stat[end:])); len(f) > 2 {
			parents[filepath.Base(dir)] = f[2]
		}
		if dir == self || filepath.Base(dir) == os.Getenv(reaperVar) {
			continue
		}
		args, _ := os.ReadFile(dir + "/cmdline") // it may be gone by now
		name := string(stat[strings.IndexByte(string(stat), '(')+1 : end])
		list = append(list, process{dir, name, strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))})
	}
	return slices.DeleteFunc(list, func(p process) bool { return !ours(filepath.Base(p.dir), parents) })
}
