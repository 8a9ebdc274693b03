package fields

import (
	"fmt"
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// namespaceFile is the name in /proc/PID/ns.
func namespaceFile(n specs.LinuxNamespaceType) string {
	switch n {
	case specs.NetworkNamespace:
		return "net"
	case specs.MountNamespace:
		return "mnt"
	}
	return string(n)
}

// joinedNamespaces are the links of the namespaces that a container has to be in, by their names in /proc/PID/ns.
type joinedNamespaces map[string]string

// join puts namespaces of another container in place of those that s joins, as a container of a pod has its sandbox's.
func join(t *testing.T, s *specs.Spec) joinedNamespaces {
	t.Helper()
	var types []specs.LinuxNamespace
	user, pid := false, false
	for _, n := range s.Linux.Namespaces {
		if n.Path != "" {
			types = append(types, specs.LinuxNamespace{Type: n.Type})
			user, pid = user || n.Type == specs.UserNamespace, pid || n.Type == specs.PIDNamespace
		}
	}
	if len(types) == 0 {
		return nil
	}
	types = append(types, specs.LinuxNamespace{Type: specs.MountNamespace})
	if !pid { // without it /proc cannot be mounted in a user namespace
		types = append(types, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	holder := kit.New(t, func(h *specs.Spec) {
		h.Linux.Namespaces = types
		h.Hostname, h.Linux.MaskedPaths, h.Linux.ReadonlyPaths = "", nil, nil
		h.Mounts = h.Mounts[:1] // /proc
		if user {
			h.Linux.UIDMappings, h.Linux.GIDMappings = s.Linux.UIDMappings, s.Linux.GIDMappings
		}
	})
	if user {
		own(t, holder.Rootfs, int(s.Linux.UIDMappings[0].HostID))
	}
	holder.Start("sleep", "forever")
	first := holder.State().Pid
	joined := joinedNamespaces{}
	for i := range s.Linux.Namespaces {
		n := &s.Linux.Namespaces[i]
		if n.Path == "" {
			continue
		}
		n.Path = fmt.Sprintf("/proc/%d/ns/%s", first, namespaceFile(n.Type))
		link, err := os.Readlink(n.Path)
		check(t, err)
		joined[namespaceFile(n.Type)] = link
	}
	return joined
}

// differ lists the namespaces that r is not in.
func (j joinedNamespaces) differ(r *kit.Report) (names []string) {
	for name, link := range j {
		if r.NS[name] != link {
			names = append(names, name)
		}
	}
	return names
}
