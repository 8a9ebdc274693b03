package lifecycle

import (
	"os"
	"testing"

	"teu/tests/kit"
)

// freeze freezes the cgroup of the container.
func freeze(t *testing.T, b *kit.Bundle) {
	t.Helper()
	pid := b.State().Pid
	dirs := cgroupDirs(t, pid)
	file, value := dirs[""]+"/cgroup.freeze", "1"
	if !kit.Unified() {
		if dirs["freezer"] == "" {
			t.Skip("no cgroup v1 freezer hierarchy is mounted")
		}
		file, value = dirs["freezer"]+"/freezer.state", "FROZEN"
	}
	check(t, os.WriteFile(file, []byte(value), 0o644))
}

// TestFrozen: nothing waits for what cannot go on, and force gets it out of the way.
func TestFrozen(t *testing.T) {
	t.Parallel()
	b := running(t)
	freeze(t, b)
	b.Fails([]string{"exec", b.ID, kit.PayloadPath, "true"}, "paused")
	b.OK("kill", b.ID, "TERM") // waits until it goes on
	b.OK("delete", "--force", b.ID)

	b.Start()
	freeze(t, b)
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.OK("delete", b.ID)

	b.Start()
	freeze(t, b)
	b.OK("kill", "--all", b.ID, "KILL")
	b.Ended()
	b.OK("delete", b.ID)
}
