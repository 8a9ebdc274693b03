package names

import "github.com/opencontainers/runtime-spec/specs-go"

// IsBind reports whether m is a bind mount, which it is by an option or, as callers write it too, by its type (config.md,
// "Mounts"). Beside the option remount it says what kind of mount is changed.
func IsBind(m *specs.Mount) bool {
	for _, o := range m.Options {
		if o == "bind" || o == "rbind" {
			return true
		}
	}
	return m.Type == "bind"
}
