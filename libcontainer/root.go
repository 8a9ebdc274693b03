package libcontainer

import (
	"fmt"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/rootfs"
)

/*
How init gets the directory that root.path leads to, in the mount namespace that it builds the container in:

	by its path    without a user namespace: nothing is out of its reach
	as an input    in the mount namespace that init is born with, its own or the host's, in a user namespace: the parent opens it there
	as its cwd     when it makes the mount namespace after it has joined a user namespace: unshare(2) takes the working directory
	               along, so the parent opens it, and init goes there before it joins anything
	as a tree      when it joins a mount namespace and a user namespace: what the path leads to there only its root could say, who
	               may not reach it. The parent clones the tree of its own mount namespace, and that goes over "/"
*/
type rootKind int

const (
	rootByPath rootKind = iota
	rootAsInput
	rootAsCwd
	rootAsTree
)

func (ns *namespaces) rootKind() rootKind {
	switch {
	case !ns.inUserNS():
		return rootByPath
	case ns.cloned()&sys.CloneNewNs != 0 || !ns.has(sys.CloneNewNs):
		return rootAsInput
	case ns.fresh&sys.CloneNewNs != 0:
		return rootAsCwd
	}
	return rootAsTree
}

// rootDir is the directory that root.path leads to. A symlink at its end is followed here, once: whoever can change it has one
// container made of one directory. What is missing, or no directory, is said where it is opened. When the mount it is on has to
// be found by its path (rootfs.Compiler.Root), no symlink may be on the way.
func rootDir(s *specs.Spec, bundle string) (string, error) {
	path := rootfs.Path(s, bundle)
	st, err := sys.Lstatat(sys.AtFdcwd, path)
	if err != nil || !sys.IsSymlink(&st) && !rootfs.Shows(s) {
		return path, nil
	}
	dir, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("root.path: %s: %w", path, err)
	}
	return dir, nil
}

// openRootDir opens it for init.
func openRootDir(path string) (int, error) {
	fd, err := sys.Openat(sys.AtFdcwd, path, sys.OPath|sys.ODirectory|sys.ONofollow, 0)
	if err != nil {
		return -1, fmt.Errorf("root.path: %s: %w", path, err)
	}
	return fd, nil
}
