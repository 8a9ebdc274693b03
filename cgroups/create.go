package cgroups

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Create makes the container's cgroup in every hierarchy, with the parents it lacks, and makes it fit to hold
// processes: on v2 all available controllers are enabled on the way down; on v1 an empty cpuset takes over that
// of its parent. It can be repeated. After an error the caller calls Destroy.
//
// In hybrid mode the v2 tree is a convenience (cgroup.kill, CLONE_INTO_CGROUP): where it cannot be written, the
// Manager goes on without it.
func (m *Manager) Create() error {
	if err := m.CreateUnified(); err != nil {
		return err
	}
	return m.CreateV1()
}

// CreateUnified is the part of Create that a process cloned into the container's v2 cgroup needs.
func (m *Manager) CreateUnified() error {
	for i := range m.rec.Places {
		p := m.rec.Places[i] // a copy: Places may be replaced below
		if !p.V2() {
			continue
		}
		err := m.create(&p)
		if err != nil && m.rec.Mode == Hybrid && unwritable(err) {
			m.rec.Places = slices.Delete(slices.Clone(m.rec.Places), i, i+1)
			return nil
		}
		return err
	}
	return nil
}

// CreateV1 is the rest of Create.
func (m *Manager) CreateV1() error {
	for i := range m.rec.Places {
		if p := &m.rec.Places[i]; !p.V2() {
			if err := m.create(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// unwritable reports whether the kernel or an administrator keeps teu out of a tree.
func unwritable(err error) bool {
	for _, e := range [...]error{syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.ENODEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (m *Manager) create(p *Place) error {
	made, err := p.makeDir()
	if err != nil {
		return err
	}
	if !made && p.Kept != p.Path && m.rec.Unit == nil {
		// Either this is a second call, or somebody came between Survey and here.
		if err := p.checkEmpty(); err != nil {
			return err
		}
	}
	switch {
	case p.V2():
		return m.enable(p)
	case nameHas(p.Name, "cpuset"):
		return inherit(p.Mountpoint, p.Path, made)
	}
	return nil
}

// makeDir makes the place's directory and the parents it lacks; made is false when it existed. A parent can
// vanish again while it is empty (another teu removing the last container below it), so the walk is repeated a
// few times.
func (p *Place) makeDir() (made bool, err error) {
	const tries = 8
	for range tries {
		made, err = mkdir(p.Dir())
		if !errors.Is(err, syscall.ENOENT) {
			break
		}
		for i := 1; i < len(p.Path); i++ {
			if p.Path[i] != '/' {
				continue
			}
			if _, err := mkdir(p.Mountpoint + p.Path[:i]); err != nil && !errors.Is(err, syscall.ENOENT) {
				return false, fmt.Errorf("create cgroup %s: %w", p.Mountpoint+p.Path[:i], err)
			}
		}
	}
	if err != nil {
		return false, fmt.Errorf("create cgroup %s: %w", p.Dir(), err)
	}
	return made, nil
}

func mkdir(dir string) (made bool, err error) {
	err = sys.Mkdirat(sys.AtFdcwd, dir, 0o755)
	if errors.Is(err, syscall.EEXIST) {
		return false, nil
	}
	return err == nil, err
}

// inherit gives a v1 cpuset without CPUs or memory nodes those of its parent; before, no process can join it
// (ENOSPC). fresh says that it is known to be empty.
func inherit(mountpoint, dir string, fresh bool) error {
	for _, file := range [...]string{"cpuset.cpus", "cpuset.mems"} {
		if _, err := inheritFile(mountpoint, dir, file, fresh); err != nil {
			return err
		}
	}
	return nil
}

func inheritFile(mountpoint, dir, file string, fresh bool) (string, error) {
	name := path.Join(mountpoint, dir, file)
	if !fresh {
		v, err := readLine(name)
		if err != nil || v != "" || dir == "/" {
			return v, err
		}
	}
	v, err := inheritFile(mountpoint, path.Dir(dir), file, false)
	if err != nil {
		return "", err
	}
	if err := sys.WriteFileAt(sys.AtFdcwd, name, v); err != nil {
		return "", writeError(name, v, err)
	}
	return v, nil
}

// enable makes the controllers of the v2 tree available in the place's cgroup, by enabling them in each of its
// ancestors from the top. Those that cannot be had are noted with the reason, which is reported when a limit
// needs them: a container without limits works all the same.
func (m *Manager) enable(p *Place) error {
	if err := m.settleType(p); err != nil {
		return err
	}
	have, err := readLine(p.Mountpoint + "/cgroup.controllers")
	if err != nil || have == "" {
		return err
	}
	got, err := readLine(p.Dir() + "/cgroup.controllers")
	if err != nil {
		return err
	}
	if got != have {
		m.enableFrom(p, strings.Fields(have))
	}
	return nil
}

func (m *Manager) enableFrom(p *Place, controllers []string) {
	all := "+" + strings.Join(controllers, " +")
	for i := 0; i < len(p.Path); i++ {
		if p.Path[i] != '/' {
			continue
		}
		file := p.Mountpoint + p.Path[:i] + "/cgroup.subtree_control"
		// The write is all or nothing; one controller that cannot be had (a process in the way of a domain
		// controller, realtime processes in that of cpu) must not cost the others.
		if sys.WriteFileAt(sys.AtFdcwd, file, all) == nil {
			continue
		}
		for _, c := range controllers {
			if err := sys.WriteFileAt(sys.AtFdcwd, file, "+"+c); err != nil {
				m.deny(c, writeError(file, "+"+c, err))
			}
		}
	}
}

// deny keeps the first reason: lower down the controller is merely not there.
func (m *Manager) deny(controller string, err error) {
	if m.denied == nil {
		m.denied = make(map[string]error)
	}
	if m.denied[controller] == nil {
		m.denied[controller] = err
	}
}

// settleType makes a cgroup that lies below a threaded one, which cannot hold processes as it is (a clone into it would
// say EOPNOTSUPP), threaded too, as runc does. Such a cgroup has only the controllers that can tell threads apart, so a
// limit of another one is refused, with this as the reason (cgroup-v2.rst, "Threads").
func (m *Manager) settleType(p *Place) error {
	if p.Kept == "/" {
		return nil // its parents are the root and what Create has made, neither of them threaded
	}
	file := p.Dir() + "/cgroup.type"
	kind, err := readLine(file)
	if err != nil {
		return err
	}
	if kind == "domain invalid" {
		if err := sys.WriteFileAt(sys.AtFdcwd, file, "threaded"); err != nil {
			return fmt.Errorf("linux.cgroupsPath: %s: is below a threaded cgroup: %w", p.Dir(), writeError(file, "threaded", err))
		}
		kind = "threaded"
	}
	if kind == "threaded" {
		for _, c := range [...]string{"memory", "io", "hugetlb", "rdma", "misc"} {
			m.deny(c, fmt.Errorf("%s is a threaded cgroup", p.Dir()))
		}
	}
	return nil
}
