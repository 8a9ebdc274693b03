// Package stats reads what a container uses out of the files of its cgroups, on v1 and v2, and says it in the JSON of
// `runc events`: the same names, the same units, and the same conversions of what v2 counts into what v1 did.
//
// What a host lacks (a controller, pressure stall information, a file of a newer kernel) and what goes away while it is
// read (the container ends) is left out, and no error.
package stats

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"

	"teu/cgroups/limits"
)

// Stats is "data" of an event of the type "stats", but for what is not the cgroups' to tell.
type Stats struct {
	CPU     CPU                `json:"cpu"`
	CPUSet  CPUSet             `json:"cpuset"`
	Memory  Memory             `json:"memory"`
	Pids    Pids               `json:"pids"`
	Blkio   Blkio              `json:"blkio"`
	Hugetlb map[string]Hugetlb `json:"hugetlb"` // by size, "2MB"
}

// Pids counts threads; a Limit of 0 is none.
type Pids struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// Source is where the files are.
type Source struct {
	// Version says where a controller is.
	Version func(controller string) limits.Version
	// Read returns a file of the container's cgroup in the hierarchy of a v1 controller, or, for "", in the v2 tree.
	Read func(controller, file string) ([]byte, error)
	// PageSizes are the names of the directories of /sys/kernel/mm/hugepages.
	PageSizes func() ([]string, error)
}

// Read gathers all there is.
func Read(src Source) (*Stats, error) {
	r, s := &reader{src: src}, &Stats{Hugetlb: map[string]Hugetlb{}}
	r.cpu(&s.CPU)
	r.cpuset(&s.CPUSet)
	r.memory(&s.Memory)
	r.pids(&s.Pids)
	r.blkio(&s.Blkio)
	r.hugetlb(s.Hugetlb)
	s.CPU.PSI, s.Memory.PSI, s.Blkio.PSI = r.pressure("cpu.pressure"), r.pressure("memory.pressure"), r.pressure("io.pressure")
	return s, r.err
}

// unified stands for the v2 tree where a controller is asked for.
const unified = ""

// reader reads files until one cannot be read or understood.
type reader struct {
	src Source
	err error
}

// at is what Read of the source is to be asked for, false when the host has no such controller.
func (r *reader) at(controller string) (hierarchy string, v limits.Version) {
	v = r.src.Version(controller)
	if v == limits.V2 {
		return unified, v
	}
	return controller, v
}

// text is a file, false when there is none.
func (r *reader) text(hierarchy, file string) (string, bool) {
	if r.err != nil {
		return "", false
	}
	b, err := r.src.Read(hierarchy, file)
	if err != nil {
		if !absent(err) {
			r.err = err
		}
		return "", false
	}
	return string(b), true
}

// absent reports whether there is nothing to read: no such file (ENOENT), no longer a cgroup behind it (ENODEV), or a
// file that only says that its feature is off (EOPNOTSUPP, of pressure files).
func absent(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.EOPNOTSUPP)
}

// number is a file that holds one, false when there is none.
func (r *reader) number(hierarchy, file string) (uint64, bool) {
	text, ok := r.text(hierarchy, file)
	if !ok {
		return 0, false
	}
	n, err := parseNumber(strings.TrimSuffix(text, "\n"))
	r.fail(file, err)
	return n, err == nil
}

// fail notes that a file was not understood.
func (r *reader) fail(file string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", file, err)
	}
}

// parseNumber reads a decimal number. "max" is the largest one, and what is negative, as some counters of memory have
// been by mistake of the kernel, is 0: runc has it so.
func parseNumber(text string) (uint64, error) {
	switch {
	case text == "max":
		return math.MaxUint64, nil
	case len(text) > 1 && text[0] == '-' && strings.Trim(text[1:], "0123456789") == "":
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// keyed calls each with the lines of a flat-keyed file, "KEY VALUE".
func (r *reader) keyed(hierarchy, file string, each func(key string, value uint64)) (ok bool) {
	text, ok := r.text(hierarchy, file)
	if !ok {
		return false
	}
	err := parseKeyed(text, each)
	r.fail(file, err)
	return err == nil
}

func parseKeyed(text string, each func(key string, value uint64)) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		key, value, ok := strings.Cut(line, " ")
		if !ok || key == "" {
			return fmt.Errorf("line %q: want a key and a value", line)
		}
		n, err := parseNumber(value)
		if err != nil {
			return err
		}
		each(key, n)
	}
	return nil
}

func (r *reader) pids(p *Pids) {
	h, v := r.at("pids")
	if v == limits.None {
		return
	}
	n, ok := r.number(h, "pids.current")
	if !ok {
		if v == limits.V2 { // a tree that has not got the controller: its processes, at least
			p.Current = r.processes()
		}
		return
	}
	p.Current = n
	if n, ok = r.number(h, "pids.max"); ok && n != math.MaxUint64 {
		p.Limit = n
	}
}

// processes counts those of the v2 cgroup; a threaded one lists only its threads.
func (r *reader) processes() uint64 {
	text, ok := r.text(unified, "cgroup.procs")
	if !ok {
		text, _ = r.text(unified, "cgroup.threads")
	}
	return uint64(strings.Count(text, "\n"))
}
