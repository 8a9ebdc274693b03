package host

import (
	"fmt"
	"strings"

	"teu/internal/sys"
)

// InUserNamespace reports whether this process is in another user namespace than the machine's first, by its uid_map
// (user_namespaces(7)).
func InUserNamespace() (bool, error) {
	const file = "/proc/self/uid_map"
	text, err := sys.ReadFileAt(sys.AtFdcwd, file)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", file, err)
	}
	return strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295", nil
}
