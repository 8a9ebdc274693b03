package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"teu/libcontainer/host"
)

const defaultRoot = "/run/teu"

// rootDir is the absolute --root. Its default is below $XDG_RUNTIME_DIR when that
// is set and the user is not the real root, as runc has it.
func rootDir(given string) (string, error) {
	if given != "" {
		root, err := filepath.Abs(given)
		if err == nil && root == "/" {
			err = errors.New("--root: it cannot be /")
		}
		return root, err
	}
	xdg := os.Getenv("XDG_RUNTIME_DIR")
	if xdg == "" || !honorXDG() {
		return defaultRoot, nil
	}
	root := filepath.Join(xdg, "teu")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", fmt.Errorf("$XDG_RUNTIME_DIR: %w", err)
	}
	// The sticky bit keeps it from being pruned (XDG base directory specification).
	if err := os.Chmod(root, 0o700|os.ModeSticky); err != nil {
		return "", fmt.Errorf("$XDG_RUNTIME_DIR: %w", err)
	}
	return root, nil
}

// honorXDG: root of the machine keeps /run/teu, for whoever looks there; root of a
// user namespace is a user, unless the environment says that it plays root.
func honorXDG() bool {
	if os.Geteuid() != 0 {
		return true
	}
	nested, err := host.InUserNamespace()
	return err == nil && nested && os.Getenv("USER") != "root"
}
