// Package systemd gives a container's cgroup to systemd as a unit of its own, over D-Bus: systemd counts what lies in such
// a unit as its own, and leaves the rest of its tree alone only as long as nobody else makes cgroups in it.
//
// Names and properties are those that runc's systemd driver uses, so that other tools find the containers. Nothing is done
// before it is needed: a teu without the driver does not open a connection.
package systemd

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Unit is a container's unit.
type Unit struct {
	// Name is a scope, or a slice: "teu-web.scope".
	Name string
	// Slice is the unit's parent, "system.slice"; "-.slice" is the root.
	Slice string
	// User says that it is one of the user's own service manager.
	User bool
}

// ParsePath reads linux.cgroupsPath in the form that the systemd driver takes, "slice:prefix:name", as in
// "system.slice:teu:web", which stands for teu-web.scope below system.slice. A name that ends in ".slice" stands for itself.
// Without a slice it is system.slice, or user.slice for a user; without a path the prefix is "teu" and the name the id.
func ParsePath(cgroupsPath, id string, user bool) (Unit, error) {
	u := Unit{Slice: "system.slice", User: user}
	if user {
		u.Slice = "user.slice"
	}
	// Of the letters of an id (runc's: letters, digits, _ + - .) no unit has the plus.
	prefix, name := "teu", strings.ReplaceAll(id, "+", `\x2b`)
	if cgroupsPath != "" {
		part := strings.Split(cgroupsPath, ":")
		if len(part) != 3 {
			return u, fmt.Errorf(`%q: want "slice:prefix:name" with the systemd cgroup driver`, cgroupsPath)
		}
		if part[0] != "" {
			u.Slice = part[0]
		}
		prefix, name = part[1], part[2]
	}
	switch {
	case strings.HasSuffix(name, ".slice"):
		if _, err := expand(name); err != nil {
			return u, err
		}
		u.Name = name
	case prefix == "":
		u.Name = name + ".scope"
	default:
		u.Name = prefix + "-" + name + ".scope"
	}
	if name == "" {
		return u, fmt.Errorf("%q: the name is empty", cgroupsPath)
	}
	return u, u.Check()
}

// maxName is UNIT_NAME_MAX with its final zero (systemd, src/basic/unit-name.h).
const maxName = 255

// Check refuses what systemd would not take for the names of units, and so what could not have come from ParsePath.
func (u *Unit) Check() error {
	if _, err := expand(u.Slice); err != nil {
		return err
	}
	if len(u.Name) > maxName {
		return fmt.Errorf("unit name %q: longer than %d bytes", u.Name, maxName)
	}
	if u.Name == "-.slice" || u.Name == ".scope" || !u.IsSlice() && !strings.HasSuffix(u.Name, ".scope") {
		return fmt.Errorf("unit name %q: want a scope or a slice", u.Name)
	}
	for _, c := range []byte(u.Name) {
		if !unitByte(c) {
			return fmt.Errorf("unit name %q: %q is not allowed in it", u.Name, c)
		}
	}
	return nil
}

// unitByte: the letters of a unit name (systemd.unit(5), "String Escaping for Inclusion in Unit Names" and the paragraphs
// before it), without the @ of templates, of which scopes and slices have none.
func unitByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(`:-_.\`, c) >= 0
}

// IsSlice tells a slice from a scope: systemd puts processes into scopes only.
func (u *Unit) IsSlice() bool { return strings.HasSuffix(u.Name, ".slice") }

// Path is the unit's cgroup below that of the service manager.
func (u *Unit) Path() string {
	slice := u.Slice
	if u.IsSlice() {
		slice = u.Name
	}
	dir, err := expand(slice)
	if err != nil {
		return "" // Check has refused it
	}
	if u.IsSlice() {
		return dir
	}
	return path.Join(dir, u.Name)
}

// expand is where a slice is: the dashes of its name are its place in the tree of slices (systemd.slice(5)), so that
// "a-b.slice" is "/a.slice/a-b.slice".
func expand(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	switch {
	case slice == "-.slice":
		return "/", nil
	case len(slice) > maxName:
		return "", fmt.Errorf("slice %q: longer than %d bytes", slice, maxName)
	case !ok || name == "":
		return "", fmt.Errorf("slice %q: want the name of a slice, as system.slice", slice)
	}
	dir := "/"
	for i := 0; i <= len(name); i++ {
		if i < len(name) && !unitByte(name[i]) {
			return "", fmt.Errorf("slice %q: %q is not allowed in it", slice, name[i])
		}
		if i < len(name) && name[i] != '-' {
			continue
		}
		if i == 0 || name[i-1] == '-' {
			return "", fmt.Errorf("slice %q: a part of its name is empty", slice)
		}
		dir = path.Join(dir, name[:i]+".slice")
	}
	return dir, nil
}

// String is the unit as a word of a stored record; [ParseUnit] reads it.
func (u *Unit) String() string {
	manager := "system"
	if u.User {
		manager = "user"
	}
	return manager + " " + u.Slice + " " + u.Name
}

// ParseUnit reads what [Unit.String] wrote.
func ParseUnit(text string) (*Unit, error) {
	part := strings.Split(text, " ")
	if len(part) != 3 || part[0] != "system" && part[0] != "user" {
		return nil, errors.New("not a unit")
	}
	u := &Unit{User: part[0] == "user", Slice: part[1], Name: part[2]}
	return u, u.Check()
}
