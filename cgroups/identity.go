package cgroups

import (
	"strconv"
	"strings"

	"teu/internal/sys"
)

/*
A path says where a cgroup is, not which. The inode number of its directory says which: the kernel gives the next higher one
in each hierarchy, 64 bits wide, to each directory that is made, and none twice in one boot (fs/kernfs, kernfs_new_node).
Every hierarchy is asked, since in every one there are processes to be killed and a directory to be removed by path, and a
look at each (1 µs) takes the place of one at its mountpoint.
*/

// IDs is the identity of the cgroups as they are now, for [Record.Own].
func (m *Manager) IDs() string {
	var b strings.Builder
	for i := range m.rec.Places {
		if i > 0 {
			b.WriteByte(' ')
		}
		st, err := sys.Lstatat(sys.AtFdcwd, m.rec.Places[i].Dir())
		if err != nil {
			st.Ino = 0 // which says that it is not known
		}
		b.WriteString(strconv.FormatUint(st.Ino, 10))
	}
	return b.String()
}

// Own takes the places out of the record where another cgroup is by now than the one that ids, from [Manager.IDs], is about,
// and returns the directories that are there. When there are such, the unit may be another's as well, and is taken out, too.
// gone are the directories where there is nothing any more. known is false, and nothing is changed, when ids says nothing of this
// record's places, as in the records of older versions.
func (r *Record) Own(ids string) (replaced, gone []string, known bool) {
	list := strings.Fields(ids)
	if len(list) == 0 || len(list) != len(r.Places) || r.check() != nil { // which Load tells
		return nil, nil, false
	}
	places := make([]Place, 0, len(r.Places))
	for i, p := range r.Places {
		st, err := sys.Lstatat(sys.AtFdcwd, p.Dir())
		if absent(err) { // what is not there is not another's
			gone = append(gone, p.Dir())
		}
		if err == nil && list[i] != "0" && strconv.FormatUint(st.Ino, 10) != list[i] {
			replaced = append(replaced, p.Dir())
			continue
		}
		places = append(places, p)
	}
	if r.Places = places; len(replaced) > 0 {
		r.Unit = nil
	}
	return replaced, gone, true
}
