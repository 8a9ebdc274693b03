package intelrdt

import (
	"errors"
	"strings"
)

// Record is what has to be known to remove the group, as text: a line each for Mount, CLOS, Mon and what was made.
func (g *Group) Record() string {
	return strings.Join([]string{g.Mount, g.CLOS, g.Mon, string(g.made)}, "\n")
}

// ParseRecord reads what Record has written. Names that lead out of the mountpoint are not ours.
func ParseRecord(text string) (*Group, error) {
	f := strings.Split(text, "\n")
	if len(f) != 4 || !strings.HasPrefix(f[0], "/") || !inside(f[1]) || !inside(f[2]) {
		return nil, errors.New("resctrl record: not one of ours")
	}
	g := &Group{Mount: f[0], CLOS: f[1], Mon: f[2], made: made(f[3])}
	switch g.made {
	case found:
	case shared, own:
		if g.CLOS == "" {
			return nil, errors.New("resctrl record: the default class is nobody's to remove")
		}
	default:
		return nil, errors.New("resctrl record: not one of ours")
	}
	return g, nil
}

func inside(name string) bool {
	return name != "." && name != ".." && strings.IndexByte(name, '/') < 0
}
