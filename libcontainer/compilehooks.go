package libcontainer

import (
	"fmt"
	"math"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/nsenter/program"
)

// runtimeHooks lets the parent run the hooks of the runtime namespace (config.md, "POSIX-platform Hooks").
func (c *initCompiler) runtimeHooks() {
	b, h := c.b, c.s.Hooks
	if h == nil {
		return
	}
	if len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) > 0 { //nolint:staticcheck // prestart is deprecated, and in use
		b.At("hooks", "wait for the hooks of the runtime")
		b.Sync(c.control, program.ByteHooks, program.ByteHooks)
	}
}

// containerHooks runs the hooks of the container's namespaces that are due before its root is entered. They start in it, where
// chdir goes, as with runc.
func (c *initCompiler) containerHooks(chdir func()) {
	h := c.s.Hooks
	if h == nil || len(h.CreateContainer) == 0 {
		return
	}
	chdir()
	for i := range h.CreateContainer {
		c.hook(fmt.Sprintf("hooks.createContainer[%d]", i), &h.CreateContainer[i], c.f.environ, c.states[specs.StateCreating], c.hookOut)
	}
}

// hook runs h, with the environment env unless it has one of its own, which may be empty. crun has it so, and runc but for
// createContainer hooks, which it gives the process's.
func (c *initCompiler) hook(where string, h *specs.Hook, env []string, state, out program.Slot) {
	if h.Env != nil {
		env = h.Env
	}
	timeout := 0
	if h.Timeout != nil {
		timeout = min(*h.Timeout, math.MaxInt/1000) * 1000
	}
	args := h.Args
	if len(args) == 0 {
		args = []string{h.Path}
	}
	c.b.At(where, h.Path)
	c.b.Hook(h.Path, args, env, state, out, timeout)
}
