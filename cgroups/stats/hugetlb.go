package stats

import (
	"strconv"
	"strings"

	"teu/cgroups/limits"
)

// Hugetlb is in bytes: those that are reserved where the kernel counts them (Linux 5.7), else those that are in use.
type Hugetlb struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

func (r *reader) hugetlb(all map[string]Hugetlb) {
	h, v := r.at("hugetlb")
	if v == limits.None || r.err != nil {
		return
	}
	dirs, err := r.src.PageSizes()
	if err != nil {
		if !absent(err) { // a kernel without huge pages
			r.err = err
		}
		return
	}
	for _, dir := range dirs {
		size, ok := pageSize(dir)
		if !ok {
			continue
		}
		if e, ok := r.pages(h, v, "hugetlb."+size+".rsvd", "hugetlb."+size); ok {
			all[size] = e
		} else if e, ok = r.pages(h, v, "hugetlb."+size, "hugetlb."+size); ok {
			all[size] = e
		}
	}
}

// pages reads the files of one size; v2 counts failures of both kinds in one file.
func (r *reader) pages(h string, v limits.Version, name, events string) (e Hugetlb, ok bool) {
	if v == limits.V1 {
		if e.Usage, ok = r.number(h, name+".usage_in_bytes"); ok {
			e.Max, _ = r.number(h, name+".max_usage_in_bytes")
			e.Failcnt, _ = r.number(h, name+".failcnt")
		}
		return e, ok
	}
	if e.Usage, ok = r.number(h, name+".current"); ok {
		r.keyed(h, events+".events", func(key string, n uint64) {
			if key == "max" {
				e.Failcnt = n
			}
		})
	}
	return e, ok
}

// pageSize is how the files of the controller name a size (mm/hugetlb_cgroup.c, mem_fmt) that sysfs names
// "hugepages-2048kB".
func pageSize(dir string) (size string, ok bool) {
	text, ok := strings.CutPrefix(dir, "hugepages-")
	text, ok2 := strings.CutSuffix(text, "kB")
	n, err := strconv.ParseUint(text, 10, 64)
	if !ok || !ok2 || err != nil {
		return "", false
	}
	switch {
	case n >= 1<<20:
		return strconv.FormatUint(n>>20, 10) + "GB", true
	case n >= 1<<10:
		return strconv.FormatUint(n>>10, 10) + "MB", true
	}
	return text + "KB", true
}
