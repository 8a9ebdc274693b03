package intelrdt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// Stats is "intel_rdt" in the JSON of `runc events`: what the machine has, and what the class and the monitoring group of
// the container say.
type Stats struct {
	L3CacheInfo       *L3CacheInfo `json:"l3_cache_info,omitempty"`
	L3CacheSchemaRoot string       `json:"l3_cache_schema_root,omitempty"`
	L3CacheSchema     string       `json:"l3_cache_schema,omitempty"`
	MemBwInfo         *MemBwInfo   `json:"mem_bw_info,omitempty"`
	MemBwSchemaRoot   string       `json:"mem_bw_schema_root,omitempty"`
	MemBwSchema       string       `json:"mem_bw_schema,omitempty"`
	Schemata          []string     `json:"schemata,omitempty"`
	MBM               []MBM        `json:"mbm_stats,omitempty"`
	CMT               []CMT        `json:"cmt_stats,omitempty"`
}

// Empty reports whether there was nothing to read.
func (s *Stats) Empty() bool {
	return s.L3CacheInfo == nil && s.MemBwInfo == nil && len(s.Schemata)+len(s.MBM)+len(s.CMT) == 0
}

// L3CacheInfo is info/L3.
type L3CacheInfo struct {
	CbmMask    string `json:"cbm_mask,omitempty"`
	MinCbmBits uint64 `json:"min_cbm_bits,omitempty"`
	NumClosids uint64 `json:"num_closids,omitempty"`
}

// MemBwInfo is info/MB.
type MemBwInfo struct {
	BandwidthGran uint64 `json:"bandwidth_gran,omitempty"`
	DelayLinear   uint64 `json:"delay_linear,omitempty"`
	MinBandwidth  uint64 `json:"min_bandwidth,omitempty"`
	NumClosids    uint64 `json:"num_closids,omitempty"`
}

// MBM is the memory bandwidth that was used in one domain, in bytes.
type MBM struct {
	Total uint64 `json:"mbm_total_bytes"`
	Local uint64 `json:"mbm_local_bytes"`
}

// CMT is the part of one cache that is occupied, in bytes.
type CMT struct {
	Occupancy uint64 `json:"llc_occupancy"`
}

// Stats reads what there is; what the machine has not, and a group that is gone, is left out.
func (g *Group) Stats() (s Stats, err error) {
	err = g.at(func(root int) error {
		r := &reader{root: root}
		r.class(&s, g)
		r.monitor(&s, g)
		return r.err
	})
	if errors.Is(err, errNoResctrl) || errors.Is(err, syscall.ENOENT) {
		err = nil
	}
	return s, err
}

// reader reads files below the mountpoint until one cannot be read.
type reader struct {
	root int
	err  error
}

func (r *reader) text(file string) (string, bool) {
	if r.err != nil {
		return "", false
	}
	b, err := sys.ReadFileAt(r.root, file)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "", false
	case err != nil:
		r.err = fmt.Errorf("linux.intelRdt: read %s: %w", file, err)
		return "", false
	}
	return strings.TrimSpace(string(b)), true
}

// number is 0 also for the words that stand for no value, "Unavailable" and "Error".
func (r *reader) number(file string) uint64 {
	text, _ := r.text(file)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (r *reader) class(s *Stats, g *Group) {
	all, _ := r.text("schemata")
	own, _ := r.text(g.below("schemata"))
	if own != "" {
		s.Schemata = strings.Split(own, "\n")
	}
	if mask, ok := r.text("info/L3/cbm_mask"); ok {
		s.L3CacheInfo = &L3CacheInfo{mask, r.number("info/L3/min_cbm_bits"), r.number("info/L3/num_closids")}
		s.L3CacheSchemaRoot, s.L3CacheSchema = schema(all, "L3"), schema(own, "L3")
	}
	if _, ok := r.text("info/MB/num_closids"); ok {
		s.MemBwInfo = &MemBwInfo{
			r.number("info/MB/bandwidth_gran"), r.number("info/MB/delay_linear"), r.number("info/MB/min_bandwidth"), r.number("info/MB/num_closids"),
		}
		s.MemBwSchemaRoot, s.MemBwSchema = schema(all, "MB"), schema(own, "MB")
	}
}

// schema is the line for a resource.
func schema(schemata, name string) string {
	for line := range strings.Lines(schemata) {
		if resource(line) == name {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// monitor reads the counters of the monitoring group or, without one, of the whole class, as runc does.
func (r *reader) monitor(s *Stats, g *Group) {
	features, ok := r.text("info/L3_MON/mon_features")
	if !ok {
		return
	}
	has := func(name string) bool { return slices.Contains(strings.Split(features, "\n"), name) }
	mbm, cmt := has("mbm_total_bytes") || has("mbm_local_bytes"), has("llc_occupancy")
	data := g.below("mon_data")
	if g.Mon != "" {
		data = g.mon() + "/mon_data"
	}
	for _, domain := range r.subdirs(data) {
		if mbm {
			s.MBM = append(s.MBM, MBM{r.number(domain + "/mbm_total_bytes"), r.number(domain + "/mbm_local_bytes")})
		}
		if cmt {
			s.CMT = append(s.CMT, CMT{r.number(domain + "/llc_occupancy")})
		}
	}
}

// subdirs are the directories in one, sorted.
func (r *reader) subdirs(dir string) []string {
	fd, err := sys.Openat(r.root, dir, sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if err != nil {
		if r.err == nil && !errors.Is(err, syscall.ENOENT) {
			r.err = fmt.Errorf("linux.intelRdt: open %s: %w", dir, err)
		}
		return nil
	}
	defer sys.Close(fd)
	names, err := sys.Subdirs(fd)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("linux.intelRdt: read %s: %w", dir, err)
	}
	slices.Sort(names)
	for i := range names {
		names[i] = dir + "/" + names[i]
	}
	return names
}
