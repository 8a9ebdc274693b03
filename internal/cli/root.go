package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"teu/libcontainer/host"
)

const (
	defaultRoot  = "/run/teu"
	defaultCache = "/run/teu-cache"
)

// cacheDir is where compiled seccomp filters are kept, wherever --root is: whoever lists a root finds containers there and
// nothing else, and the profile of an engine is compiled once for all its roots. A user without $XDG_RUNTIME_DIR has none.
// _TEU_CACHE is for tests, which share the machine.
func cacheDir() string {
	if dir := os.Getenv("_TEU_CACHE"); dir != "" {
		return dir
	}
	if !honorXDG() {
		return defaultCache
	}
	if xdg := os.Getenv("XDG_RUNTIME_DIR"); xdg != "" {
		return filepath.Join(xdg, "teu-cache")
	}
	return ""
}

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
