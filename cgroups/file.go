package cgroups

import (
	"fmt"
	"strings"

	"teu/internal/sys"
)

// readLine reads a control file without its final newline.
func readLine(file string) (string, error) {
	b, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

// writeError says what was written where.
func writeError(file, value string, err error) error {
	return fmt.Errorf("write %s %q: %w", file, value, err)
}

// hasField reports whether a space-separated list, such as cgroup.controllers, holds name.
func hasField(list, name string) bool {
	for f := range strings.FieldsSeq(list) {
		if f == name {
			return true
		}
	}
	return false
}
