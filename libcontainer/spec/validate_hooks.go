package spec

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// HookList is the hooks of one kind.
type HookList struct {
	Kind string // its name in config.json
	List []specs.Hook
	// Inside says that the paths are the container's, not the runtime's (config.md, "POSIX-platform Hooks").
	Inside bool
}

// Hooks are the lists of h in the order in which they run; h may be nil.
func Hooks(h *specs.Hooks) [6]HookList {
	if h == nil {
		h = &specs.Hooks{}
	}
	return [6]HookList{
		//lint:ignore SA1019 prestart is deprecated, and still sent
		{"prestart", h.Prestart, false},
		{"createRuntime", h.CreateRuntime, false},
		{"createContainer", h.CreateContainer, false},
		{"startContainer", h.StartContainer, true},
		{"poststart", h.Poststart, false},
		{"poststop", h.Poststop, false},
	}
}

// hooks: config.md, "POSIX-platform Hooks".
func (c *checker) hooks() {
	for _, l := range Hooks(c.Spec.Hooks) {
		for i := range l.List {
			h, path := &l.List[i], at("hooks."+l.Kind, i)
			if !absolute(h.Path) {
				c.bad(path+".path", quote(h.Path), "an absolute path")
			}
			if h.Timeout != nil && *h.Timeout <= 0 {
				c.bad(path+".timeout", strconv.Itoa(*h.Timeout), "a number of seconds greater than 0")
			}
			for j, e := range h.Env {
				if !strings.Contains(e, "=") {
					c.warn(at(path+".env", j), quote(e), "NAME=value")
				}
			}
		}
	}
}
