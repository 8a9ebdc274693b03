package cgroups

import (
	"fmt"
	"syscall"

	"teu/cgroups/limits"
	"teu/cgroups/stats"
	"teu/internal/sys"
)

// Stats is what the container uses. What a host does not count, and what is gone already, is left out.
func (m *Manager) Stats() (*stats.Stats, error) {
	dirs := statDirs{m: m, fds: make(map[*Place]int, len(m.rec.Places))}
	defer dirs.close()
	versions := map[string]limits.Version{} // each can take a look into a file
	return stats.Read(stats.Source{
		Version: func(c string) limits.Version {
			v, known := versions[c]
			if !known {
				v = m.version(c)
				versions[c] = v
			}
			return v
		},
		Read:      dirs.read,
		PageSizes: pageSizes,
	})
}

// statDirs opens each of the container's cgroups once: of one hierarchy up to 20 files are read.
type statDirs struct {
	m   *Manager
	fds map[*Place]int
}

func (d *statDirs) close() {
	for _, fd := range d.fds {
		sys.Close(fd)
	}
}

func (d *statDirs) read(controller, file string) ([]byte, error) {
	p := d.m.unified()
	if controller != "" {
		p = d.m.v1(controller)
	}
	if p == nil {
		return nil, fmt.Errorf("read %s: no %s cgroup controller: %w", file, controller, syscall.ENOENT)
	}
	fd, known := d.fds[p]
	if !known {
		var err error
		if fd, err = sys.Openat(sys.AtFdcwd, p.Dir(), sys.OPath|sys.ODirectory|sys.ONofollow, 0); err != nil {
			return nil, fmt.Errorf("open cgroup %s: %w", p.Dir(), err)
		}
		d.fds[p] = fd
	}
	text, err := sys.ReadFileAt(fd, file)
	if err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", p.Dir(), file, err)
	}
	return text, nil
}

func pageSizes() ([]string, error) {
	const dir = "/sys/kernel/mm/hugepages"
	fd, err := sys.Openat(sys.AtFdcwd, dir, sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	defer sys.Close(fd)
	names, err := sys.Subdirs(fd)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return names, nil
}
