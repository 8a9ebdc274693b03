package host

import (
	"fmt"
	"slices"

	"teu/internal/mountinfo"
	"teu/internal/sys"
)

// Mounts returns where in this process's mount namespace filesystems of the types are mounted, what was mounted last
// first.
func Mounts(types ...string) ([]string, error) {
	const file = "/proc/self/mountinfo"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	var points []string
	for _, m := range slices.Backward(mountinfo.Parse(string(text), types...)) {
		points = append(points, m.Point)
	}
	return points, nil
}
