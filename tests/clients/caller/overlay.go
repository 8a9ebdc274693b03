package caller

import (
	"os"
	"syscall"
	"testing"
)

// Overlay lets the test write below a directory of the host: until it ends there is an overlay on it.
func Overlay(t testing.TB, dir string) {
	t.Helper()
	own := t.TempDir()
	for _, sub := range []string{"/upper", "/work"} {
		if err := os.Mkdir(own+sub, 0o755); err != nil {
			t.Fatalf("make the directories of an overlay: %v", err)
		}
	}
	if err := syscall.Mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+own+"/upper,workdir="+own+"/work"); err != nil {
		t.Fatalf("mount an overlay on %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the overlay on %s: %v", dir, err)
		}
	})
}
