package intelrdt

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// compare checks that a class that was there has the schemata that are asked for: others are in it too, and it is not
// written to.
func (g *Group) compare(root int) error {
	if len(g.lines) == 0 {
		return nil
	}
	file := g.below("schemata")
	text, err := sys.ReadFileAt(root, file)
	if err != nil {
		return fmt.Errorf("linux.intelRdt: read %s: %w", g.path(file), err)
	}
	have := map[string]map[string]string{}
	for l := range strings.Lines(string(text)) {
		have[resource(l)] = domains(l)
	}
	for i, l := range g.lines {
		name := resource(l.text)
		if is, ok := l.holds(have[name], g.lines[i+1:], granularity(root, name)); !ok {
			return fmt.Errorf("%s: %s: the class that is there already has %s in %s: %w", l.where, l.text, is, g.path(file),
				syscall.EEXIST)
		}
	}
	return nil
}

func resource(text string) string {
	name, _, _ := strings.Cut(text, ":")
	return strings.TrimSpace(name)
}

// holds reports whether the domains of a resource have the values that l gives, but for those that a later line overrides,
// and else what they have. Domains that l does not name, which a write would leave as they are, may have any value.
func (l *line) holds(have map[string]string, later []line, step uint64) (is string, ok bool) {
	name, want := resource(l.text), domains(l.text)
	for _, o := range later {
		if resource(o.text) == name {
			for id := range domains(o.text) {
				delete(want, id)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		v, known := have[id]
		if !known {
			return "no " + name + ":" + id, false
		}
		if !sameValue(name, v, want[id], step) {
			return name + ":" + id + "=" + v, false
		}
	}
	return "", true
}

// domains are the values of a schema by the ids of their domains.
func domains(schema string) map[string]string {
	m := map[string]string{}
	_, list, _ := strings.Cut(strings.TrimSpace(schema), ":")
	for _, d := range strings.Split(list, ";") {
		id, v, _ := strings.Cut(d, "=")
		m[strings.TrimSpace(id)] = strings.TrimSpace(v)
	}
	return m
}

// granularity is what the kernel rounds bandwidths of a resource up to, 1 if nothing.
func granularity(root int, resource string) uint64 {
	if strings.Contains(resource, "/") {
		return 1
	}
	text, err := sys.ReadFileAt(root, "info/"+resource+"/bandwidth_gran")
	n, perr := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || perr != nil || n == 0 {
		return 1
	}
	return n
}

// sameValue reports whether has is what becomes of want. What are numbers is compared as such: bandwidths are decimal, and
// may be rounded up to a multiple of step, bit masks hexadecimal.
func sameValue(resource, has, want string, step uint64) bool {
	base := 16
	if strings.HasSuffix(resource, "MB") || strings.HasSuffix(resource, "MBA") { // SMBA, too
		base = 10
	}
	h, err := strconv.ParseUint(strings.TrimPrefix(has, "0x"), base, 64)
	w, werr := strconv.ParseUint(strings.TrimPrefix(want, "0x"), base, 64)
	if err != nil || werr != nil {
		return has == want
	}
	return h == w || base == 10 && h >= w && h-w < step && h%step == 0
}
