package spec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer/spec/names"
)

// MountIDs is how the ids of a mount are translated: those of the filesystem are containerID, those that the host sees
// hostID (config.md, "mounts[].uidMappings").
type MountIDs struct {
	Recursive  bool // the mounts below it too
	Container  bool // by the user namespace of the container
	UIDs, GIDs []specs.LinuxIDMapping
}

/*
MountIDsOf is how the ids of m are translated, or nil when they are not:

	uidMappings, gidMappings             by those, whether an option asks for it or not
	idmap=uids=C-H-N#C-H-N;gids=…        by what it says (crun.1, "idmap mount options")
	idmap, ridmap                        as in the user namespace of the container

A problem's path is below mounts[i].
*/
func MountIDsOf(m *specs.Mount, l *specs.Linux) (*MountIDs, *Problem) {
	option, name, text := -1, "", ""
	for i, o := range names.Options(m) {
		if key, value, _ := strings.Cut(o, "="); key == "idmap" || key == "ridmap" {
			option, name, text = i, key, value
		}
	}
	if option < 0 && len(m.UIDMappings)+len(m.GIDMappings) == 0 {
		return nil, nil
	}
	ids := &MountIDs{Recursive: name == "ridmap", UIDs: m.UIDMappings, GIDs: m.GIDMappings}
	path := at("options", option)
	switch {
	case len(m.UIDMappings) > 0 && len(m.GIDMappings) == 0:
		return nil, &Problem{"gidMappings", "nothing", "mappings beside uidMappings"}
	case len(m.GIDMappings) > 0 && len(m.UIDMappings) == 0:
		return nil, &Problem{"uidMappings", "nothing", "mappings beside gidMappings"}
	case len(m.UIDMappings) > 0 && text != "":
		return nil, &Problem{path, quote(text), "no mappings beside uidMappings"}
	case len(m.UIDMappings) > 0:
		return ids, nil
	case text != "":
		return ids.parse(path, text, l)
	case names.NamespaceIn(l, specs.UserNamespace) == nil:
		return nil, &Problem{path, name, "uidMappings and gidMappings, as the container has no user namespace"}
	}
	ids.Container = true
	return ids, nil
}

// parse reads the text behind "idmap=". A half that it leaves out is the container's.
func (ids *MountIDs) parse(path, text string, l *specs.Linux) (*MountIDs, *Problem) {
	var own specs.Linux
	if l != nil {
		own = *l
	}
	ids.UIDs, ids.GIDs = own.UIDMappings, own.GIDMappings
	for part := range strings.SplitSeq(text, ";") {
		key, value, _ := strings.Cut(part, "=")
		var p *Problem
		switch key {
		case "uids":
			ids.UIDs, p = parseRanges(path, value, own.UIDMappings)
		case "gids":
			ids.GIDs, p = parseRanges(path, value, own.GIDMappings)
		default:
			p = &Problem{path, quote(part), "uids= and gids="}
		}
		if p != nil {
			return nil, p
		}
	}
	if len(ids.UIDs) == 0 || len(ids.GIDs) == 0 {
		return nil, &Problem{path, quote(text), "both uids= and gids="}
	}
	return ids, nil
}

// parseRanges reads C-H-N#C-H-N…: N ids from C on of the filesystem are those from H on of the host, or behind an "@" of
// the container, whose own mappings are given.
func parseRanges(path, text string, own []specs.LinuxIDMapping) (list []specs.LinuxIDMapping, p *Problem) {
	for one := range strings.SplitSeq(text, "#") {
		rest, relative := strings.CutPrefix(one, "@")
		part := strings.Split(rest, "-")
		if len(part) != 3 {
			return nil, &Problem{path, quote(one), "three numbers as 0-1000-10"}
		}
		var n [3]uint32
		for i := range part {
			v, err := strconv.ParseUint(part[i], 10, 32)
			if err != nil {
				return nil, &Problem{path, quote(part[i]), "a number up to 4294967295"}
			}
			n[i] = uint32(v)
		}
		m := specs.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]}
		if relative {
			parts, ok := onHost(m, own)
			if !ok {
				return nil, &Problem{path, quote(one), "ids that the container's user namespace maps"}
			}
			list = append(list, parts...)
		} else {
			list = append(list, m)
		}
		if len(list) > maxMappings { // each relative one of a long text could be so many
			return nil, &Problem{path, "more than " + strconv.Itoa(maxMappings) + " mappings", "at most " + strconv.Itoa(maxMappings)}
		}
	}
	return list, nil
}

// onHost turns the host ids of m, which are the container's, into the host's: a range for each of the container's mappings
// that it lies in.
func onHost(m specs.LinuxIDMapping, own []specs.LinuxIDMapping) (list []specs.LinuxIDMapping, ok bool) {
	for m.Size > 0 {
		i := slices.IndexFunc(own, func(o specs.LinuxIDMapping) bool {
			return m.HostID >= o.ContainerID && uint64(m.HostID) < uint64(o.ContainerID)+uint64(o.Size)
		})
		if i < 0 || len(list) > maxMappings {
			return nil, false
		}
		into := m.HostID - own[i].ContainerID
		n := min(m.Size, own[i].Size-into)
		list = append(list, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: own[i].HostID + into, Size: n})
		m.ContainerID, m.HostID, m.Size = m.ContainerID+n, m.HostID+n, m.Size-n
	}
	return list, len(list) > 0
}
