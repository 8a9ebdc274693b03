package cgroups

import (
	"path"
	"strings"
)

// Mounts is what a mount of type cgroup in config.json stands for, as plain data for whoever compiles the rootfs.
//
// In Unified mode it is one mount at the destination: a new cgroup2 instance when the container has a cgroup
// namespace of its own, else a bind of Unified. In the other modes the destination is a tmpfs (mode 755) with a
// directory per entry of V1, each a new instance of type cgroup with the entry's Options, or else a bind of its
// HostPath; after that the links.
type Mounts struct {
	Mode Mode
	// Unified is where the v2 tree is mounted; empty in Legacy mode. In Hybrid mode runc shows it to no container.
	Unified string
	V1      []MountV1
}

// MountV1 is one v1 hierarchy in the container.
type MountV1 struct {
	// Dir is the name of the directory below the destination, that of the mountpoint on the host.
	Dir string
	// Options select the hierarchy in mount(2): "cpu,cpuacct" or "none,name=systemd".
	Options string
	// HostPath is the container's own cgroup.
	HostPath string
	// Links are further names below the destination, symbolic links to Dir: the single controllers of a hierarchy
	// that has several.
	Links []string
}

// Mounts returns the data for the container's cgroup mounts.
func (r *Record) Mounts() Mounts {
	out := Mounts{Mode: r.Mode}
	for i := range r.Places {
		p := &r.Places[i]
		if p.V2() {
			out.Unified = p.Mountpoint
			continue
		}
		m := MountV1{Dir: path.Base(p.Mountpoint), Options: p.Name, HostPath: p.Dir()}
		if strings.HasPrefix(p.Name, "name=") {
			m.Options = "none," + p.Name
		} else if strings.Contains(p.Name, ",") {
			for one := range strings.SplitSeq(p.Name, ",") {
				if one != m.Dir {
					m.Links = append(m.Links, one)
				}
			}
		}
		out.V1 = append(out.V1, m)
	}
	return out
}
