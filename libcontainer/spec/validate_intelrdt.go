package spec

import "strings"

// intelRdt: config-linux.md, "IntelRdt".
func (c *checker) intelRdt() {
	r := c.Linux.IntelRdt
	if r == nil {
		return
	}
	switch id := r.ClosID; {
	case id == "" || id == "/":
	case id == "." || id == ".." || strings.ContainsAny(id, "/\n\x00") || len(id) > maxFileName:
		c.bad("linux.intelRdt.closID", quote(id), `the name of a directory, or "/"`)
	case id == "info" || id == "mon_groups" || id == "mon_data":
		c.bad("linux.intelRdt.closID", quote(id)+", which resctrl has for itself", "another name")
	}
	if s := r.L3CacheSchema; s != "" {
		if !strings.HasPrefix(s, "L3:") {
			c.warn("linux.intelRdt.l3CacheSchema", quote(s), "L3:id=mask;…")
		}
		c.oneLine("linux.intelRdt.l3CacheSchema", s)
	}
	if s := r.MemBwSchema; s != "" {
		if !strings.HasPrefix(s, "MB:") {
			c.bad("linux.intelRdt.memBwSchema", quote(s), "MB:id=bandwidth;…")
		}
		c.oneLine("linux.intelRdt.memBwSchema", s)
	}
	for i, s := range r.Schemata {
		if s == "" {
			c.bad(at("linux.intelRdt.schemata", i), quote(s), "a line of a schemata file")
		}
		c.oneLine(at("linux.intelRdt.schemata", i), s)
	}
}

// maxFileName is the longest name of a directory in bytes (NAME_MAX).
const maxFileName = 255

func (c *checker) oneLine(path, s string) {
	if strings.ContainsAny(s, "\n\x00") {
		c.bad(path, quote(s), "a single line")
	}
}
