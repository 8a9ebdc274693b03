package rootfs

import (
	"fmt"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// options is what the option list of a mount asks for.
type options struct {
	bind, recursive bool
	set, clear      uint64 // MOUNT_ATTR_* on the mount itself
	recSet, recClr  uint64 // MOUNT_ATTR_* on the mount and all below it
	propagation     []propagation
	data            []string // for the filesystem: "key=value" or "key"
}

type propagation struct {
	kind      uint64
	recursive bool
}

// attribute returns the bits that a mount option sets and clears: mount(8), mount_setattr(2). The access time
// options are one field of the kernel's, so each clears the whole of it first.
func attribute(name string) (set, clear uint64, ok bool) {
	const atime = sys.MountAttrAtime
	switch name {
	case "ro":
		return sys.MountAttrRdonly, 0, true
	case "rw":
		return 0, sys.MountAttrRdonly, true
	case "nosuid":
		return sys.MountAttrNosuid, 0, true
	case "suid":
		return 0, sys.MountAttrNosuid, true
	case "nodev":
		return sys.MountAttrNodev, 0, true
	case "dev":
		return 0, sys.MountAttrNodev, true
	case "noexec":
		return sys.MountAttrNoexec, 0, true
	case "exec":
		return 0, sys.MountAttrNoexec, true
	case "nosymfollow":
		return sys.MountAttrNosymfollow, 0, true
	case "symfollow":
		return 0, sys.MountAttrNosymfollow, true
	case "nodiratime":
		return sys.MountAttrNodiratime, 0, true
	case "diratime":
		return 0, sys.MountAttrNodiratime, true
	case "noatime":
		return sys.MountAttrNoatime, atime, true
	case "relatime", "atime", "nostrictatime":
		return sys.MountAttrRelatime, atime, true
	case "strictatime", "norelatime":
		return sys.MountAttrStrictatime, atime, true
	}
	return 0, 0, false
}

func propagationOption(name string) (p propagation, ok bool) {
	base, rec := name, false
	if strings.HasPrefix(name, "r") {
		base, rec = name[1:], true
	}
	switch base {
	case "shared":
		return propagation{sys.MsShared, rec}, true
	case "slave":
		return propagation{sys.MsSlave, rec}, true
	case "private":
		return propagation{sys.MsPrivate, rec}, true
	case "unbindable":
		return propagation{sys.MsUnbindable, rec}, true
	}
	return propagation{}, false
}

// parseOptions reads the option list of a mount as runc's man pages and the spec's table (config.md, "Linux mount
// options") have it. What is no option of the mount itself goes to the filesystem.
func parseOptions(list []string, bindType bool) (options, error) {
	o := options{bind: bindType}
	for i, name := range list {
		if err := o.add(name); err != nil {
			return o, fmt.Errorf("options[%d]: %w", i, err)
		}
	}
	if o.bind && len(o.data) > 0 {
		// A bind mount has no filesystem of its own to take them; mount(2) ignores them too.
		o.data = nil
	}
	return o, nil
}

func (o *options) add(name string) error {
	switch name {
	case "", "defaults", "loud", "silent", "mand", "nomand", "async":
		return nil // the kernel's defaults, or flags it has ignored since 5.15
	case "bind":
		o.bind = true
		return nil
	case "rbind":
		o.bind, o.recursive = true, true
		return nil
	case "remount", "tmpcopyup", "idmap", "ridmap", "copy-symlink", "src-nofollow", "dest-nofollow":
		return fmt.Errorf("%s: not supported: %w", name, syscall.EOPNOTSUPP)
	}
	if set, clear, ok := attribute(name); ok {
		o.set = o.set&^clear&^set | set
		o.clear |= clear &^ set
		return nil
	}
	if p, ok := propagationOption(name); ok {
		o.propagation = append(o.propagation, p)
		return nil
	}
	if rest, ok := strings.CutPrefix(name, "r"); ok {
		if set, clear, ok := attribute(rest); ok {
			o.recSet = o.recSet&^clear&^set | set
			o.recClr |= clear &^ set
			return nil
		}
	}
	o.data = append(o.data, name)
	return nil
}
