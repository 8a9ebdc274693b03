package cgroups

import (
	"fmt"
	"strings"

	"teu/internal/sys"
)

// mount is what matters of a line of mountinfo (proc_pid_mountinfo(5)) for a cgroup filesystem.
type mount struct {
	root, point, kind string
	options           string // of the superblock: for v1 they name the controllers
	hidden            bool   // something else is mounted over it
}

// shows reports whether what is at the mountpoint is a filesystem of the mount's kind.
func (f *source) shows(m *mount) bool {
	want := int64(sys.CgroupSuperMagic)
	if m.kind == "cgroup2" {
		want = sys.Cgroup2SuperMagic
	}
	magic, err := f.magic(m.point)
	return err == nil && magic == want
}

// findMounts fills in from mountinfo each Mountpoint that is empty, and every Root.
func (l *Layout) findMounts() error {
	text, err := sys.ReadFileAt(sys.AtFdcwd, l.from.mountinfo)
	if err != nil {
		return fmt.Errorf("read %s: %w", l.from.mountinfo, err)
	}
	mounts := cgroupMounts(string(text))
	for i := range mounts {
		mounts[i].hidden = !l.from.shows(&mounts[i])
	}
	for i := range l.V1 {
		l.V1[i].locate(mounts)
	}
	if l.Mode == Unified || l.V2.Own != "" {
		l.V2.locate(mounts)
	}
	return nil
}

// cgroupMounts picks the cgroup filesystems out of mountinfo.
func cgroupMounts(text string) []mount {
	var out []mount
	for line := range strings.Lines(text) {
		// The separator ends the optional fields; a path cannot hold it, since spaces are escaped.
		head, tail, ok := strings.Cut(line, " - cgroup")
		if !ok {
			continue
		}
		m := mount{kind: "cgroup"}
		if rest, v2 := strings.CutPrefix(tail, "2"); v2 {
			m.kind, tail = "cgroup2", rest
		}
		f := strings.Fields(head)
		t := strings.Fields(tail)
		if len(f) < 6 || len(t) < 2 || tail[0] != ' ' {
			continue
		}
		m.root, m.point, m.options = unescape(f[3]), unescape(f[4]), t[len(t)-1]
		out = append(out, m)
	}
	return out
}

// locate chooses the mount of the hierarchy. A mountpoint that is known already stands; where several mounts lie
// on it the last covers the others. Among several places the first that shows the own cgroup is taken, else the
// first. What is hidden is none.
func (h *Hierarchy) locate(mounts []mount) {
	var found *mount
	shown := false
	for i := range mounts {
		m := &mounts[i]
		if !m.is(h.Name) {
			continue
		}
		if h.Mountpoint != "" {
			if m.point == h.Mountpoint {
				found = m
			}
			continue
		}
		if m.hidden {
			continue
		}
		holds := m.root == "/" || h.Own == m.root || strings.HasPrefix(h.Own, m.root+"/")
		if found == nil || holds && !shown {
			found, shown = m, holds
		}
	}
	if found == nil {
		// A link (/sys/fs/cgroup/cpu) led to the mount, under a name that mountinfo does not have.
		if h.Mountpoint != "" && h.Name != "" {
			other := Hierarchy{Name: h.Name, Own: h.Own}
			other.locate(mounts)
			h.Root = other.Root
		}
		return
	}
	h.Mountpoint, h.Root = found.point, found.root
}

// is reports whether the mount shows the hierarchy of that name.
func (m *mount) is(name string) bool {
	if name == "" {
		return m.kind == "cgroup2"
	}
	if m.kind != "cgroup" {
		return false
	}
	for one := range strings.SplitSeq(name, ",") {
		if !nameHas(m.options, one) {
			return false
		}
	}
	return true
}

// unescape undoes the octal escapes of mountinfo (space, tab, newline, backslash).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			var n int
			ok := true
			for _, c := range []byte(s[i+1 : i+4]) {
				ok = ok && c >= '0' && c <= '7'
				n = n<<3 | int(c-'0')
			}
			if ok {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
