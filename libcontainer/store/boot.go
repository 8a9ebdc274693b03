package store

import (
	"strings"
	"sync"

	"teu/internal/sys"
)

// Boot names this boot of the machine (random(4), /proc/sys/kernel/random/boot_id); "" when it cannot be read.
func Boot() string {
	boot.Do(func() {
		if text, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/sys/kernel/random/boot_id"); err == nil {
			boot.id = strings.TrimSuffix(string(text), "\n")
		}
	})
	return boot.id
}

var boot struct {
	sync.Once
	id string
}

// forgetOtherBoot takes out of a record of another boot what is another's by now. Pids and the ids of cgroups are counted
// from the beginning in each boot, so what the record says of them may well be true of somebody else's. A copy of a state
// directory, or of a disk, on another machine is of another boot, too.
func (st *State) forgetOtherBoot() {
	if now := Boot(); st.Boot == "" || now == "" || st.Boot == now {
		return
	}
	st.Stale = true
	st.Init, st.Runtime = Process{}, Process{}
	st.Cgroup, st.CgroupIDs, st.IntelRdt = "", "", ""
}
