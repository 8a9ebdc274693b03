package libcontainer

import (
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/process"
	"teu/nsenter"
	"teu/nsenter/program"
	"teu/rootfs"
)

// compileMounts compiles the program that attaches the bind mounts of s in the root of a container. It joins no pid namespace, so that nothing
// in the container can stop or trace it, and is ended by its parent when all is attached: it is to become nothing.
func compileMounts(s *specs.Spec, f *initFacts, w way) (*program.Program, error) {
	b := program.New()
	control := b.Stream(nsenter.InputControl)
	w.joined &= sys.CloneNewNs | sys.CloneNewUser
	slots, root := w.inputs(b)
	sources := map[string]program.Slot{}
	for _, name := range f.parentSources {
		sources[name] = b.Input(name)
	}
	process.Begin(b)
	f.joinNamespaces(b, slots, 0, func(uint64) { b.At("", "join the container's namespaces") })
	if w.joined&sys.CloneNewUser != 0 {
		becomeRoot(b, "", &s.Process.User)
	}
	w.toRoot(b, root)
	fs := rootfs.Attaching(b, &rootfs.Config{
		Spec: &specs.Spec{Root: s.Root, Mounts: s.Mounts}, Bundle: f.bundle, Root: f.root, Sources: sources,
	})
	if err := fs.Mounts(); err != nil {
		return nil, err
	}
	fs.Close()
	b.At("", "wait for the end")
	b.Sync(control, program.ByteAttached, program.ByteAttached)
	b.Fail(syscall.ECANCELED)
	return b.Program(), nil
}
