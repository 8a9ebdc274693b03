package limits

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hugetlb limits reservations where the kernel can (since 5.7) and what is faulted in. The spec asks for the one, or
// else the other; runc and crun set both, and what the second adds are pages that somebody else has reserved. A limit of
// zero is one: containerd sends it for the sizes that a pod does not ask for.
func (c *compiler) hugetlb(r *specs.LinuxResources) error {
	for i := range r.HugepageLimits {
		l, field := &r.HugepageLimits[i], fmt.Sprintf("linux.resources.hugepageLimits[%d]", i)
		if !pageSize(l.Pagesize) {
			return fmt.Errorf(`%s.pageSize: %q: must be of the form "64KB", "2MB" or "1GB"`, field, l.Pagesize)
		}
		v, err := c.version("hugetlb", field)
		if err != nil {
			return err
		}
		suffix := "max"
		if v == V1 {
			suffix = "limit_in_bytes"
		}
		w := Write{
			Controller: "hugetlb", File: "hugetlb." + l.Pagesize + "." + suffix, Value: strconv.FormatUint(l.Limit, 10),
			Field: field, Needs: "needs huge pages of " + l.Pagesize + ", see /sys/kernel/mm/hugepages",
		}
		c.write(w)
		w.File, w.Optional = "hugetlb."+l.Pagesize+".rsvd."+suffix, true
		c.write(w)
	}
	return nil
}

// pageSize is how the kernel names a size in its files (mm/hugetlb_cgroup.c, mem_fmt): only such text may become part
// of a file name.
func pageSize(s string) bool {
	n, unit := s, ""
	if i := len(s) - 2; i > 0 {
		n, unit = s[:i], s[i:]
	}
	return (unit == "KB" || unit == "MB" || unit == "GB") && n[0] != '0' && strings.Trim(n, "0123456789") == ""
}
