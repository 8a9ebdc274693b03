package rootfs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// effect is what kind of thing a mount option is about.
type effect uint8

const (
	nothing    effect = iota // says what is so anyway, or what the kernel has given up
	attribute                // MOUNT_ATTR_* of the mount; with an r before it, of all below it as well
	superblock               // a flag of the filesystem itself
	propagates               // MS_* of the mount; with an r before it, of all below it as well
	feature                  // something that the runtime does
	refused                  // known, and not done
)

// option is one of the names that may stand in the options of a mount, and what it sets and clears.
type option struct {
	name       string
	effect     effect
	set, clear uint64
}

// What the runtime does about a mount.
const (
	bind uint64 = 1 << iota // by names.IsBind
	recursive
	remount
	copyUp       // a tmpfs starts with what it covers
	idmap        // ids are translated: see spec.MountIDs
	copySymlink  // bind: a source that is a symlink is made anew at the destination
	srcNofollow  // bind: the source is the symlink itself
	destNofollow // bind: so is the destination
)

// Superblock flags.
const (
	sbSync uint64 = 1 << iota
	sbDirsync
	sbLazytime
	sbIversion
)

/*
mountOptions are the names of config.md ("Linux mount options"), of mount(8) ("Filesystem-independent mount options") and of
crun.1, sorted.

The access time options share one field of the kernel's, so each clears the whole of it first (mount_setattr(2)). norelatime
takes back a relatime before it and asks for nothing, as with mount(8): a bind mount keeps what its source has, and a new
filesystem has the kernel's choice.

iversion counts changes of a file for NFS. ext4 before Linux 6.1 does it when told to (i_version); ext4 since (commit
1ff20307393e), XFS and Btrfs always do, and no other filesystem can. mount(2)'s flag for it is none of fsconfig(2)'s, which
is as it should be: there is nothing left that it would change. mand is without effect since Linux 5.15 (commit
f7e33bdbd6d1), silent and loud are about messages of mount(2) that fsconfig(2) does not print.
*/
var mountOptions = [...]option{
	{"_netdev", nothing, 0, 0},
	{"async", superblock, 0, sbSync},
	{"atime", attribute, sys.MountAttrRelatime, sys.MountAttrAtime},
	{"auto", nothing, 0, 0},
	{"bind", feature, 0, 0},
	{"copy-symlink", feature, copySymlink, 0},
	{"defaults", nothing, 0, 0},
	{"dest-nofollow", feature, destNofollow, 0},
	{"dev", attribute, 0, sys.MountAttrNodev},
	{"diratime", attribute, 0, sys.MountAttrNodiratime},
	{"dirsync", superblock, sbDirsync, 0},
	{"exec", attribute, 0, sys.MountAttrNoexec},
	{"group", attribute, sys.MountAttrNosuid | sys.MountAttrNodev, 0},
	{"idmap", feature, idmap, 0},
	{"iversion", superblock, sbIversion, 0},
	{"lazytime", superblock, sbLazytime, 0},
	{"loud", nothing, 0, 0},
	{"mand", nothing, 0, 0},
	{"noatime", attribute, sys.MountAttrNoatime, sys.MountAttrAtime},
	{"noauto", nothing, 0, 0},
	{"nodev", attribute, sys.MountAttrNodev, 0},
	{"nodiratime", attribute, sys.MountAttrNodiratime, 0},
	{"noexec", attribute, sys.MountAttrNoexec, 0},
	{"nofail", refused, 0, 0},
	{"noiversion", superblock, 0, sbIversion},
	{"nolazytime", superblock, 0, sbLazytime},
	{"nomand", nothing, 0, 0},
	{"norelatime", attribute, 0, 0},
	{"nostrictatime", attribute, sys.MountAttrRelatime, sys.MountAttrAtime},
	{"nosuid", attribute, sys.MountAttrNosuid, 0},
	{"nosymfollow", attribute, sys.MountAttrNosymfollow, 0},
	{"nouser", nothing, 0, 0},
	{"owner", attribute, sys.MountAttrNosuid | sys.MountAttrNodev, 0},
	{"private", propagates, sys.MsPrivate, 0},
	{"rbind", feature, recursive, 0},
	{"relatime", attribute, sys.MountAttrRelatime, sys.MountAttrAtime},
	{"remount", feature, remount, 0},
	{"ridmap", feature, idmap, 0},
	{"ro", attribute, sys.MountAttrRdonly, 0},
	{"rw", attribute, 0, sys.MountAttrRdonly},
	{"shared", propagates, sys.MsShared, 0},
	{"silent", nothing, 0, 0},
	{"slave", propagates, sys.MsSlave, 0},
	{"src-nofollow", feature, srcNofollow, 0},
	{"strictatime", attribute, sys.MountAttrStrictatime, sys.MountAttrAtime},
	{"suid", attribute, 0, sys.MountAttrNosuid},
	{"symfollow", attribute, 0, sys.MountAttrNosymfollow},
	{"sync", superblock, sbSync, 0},
	{"tmpcopyup", feature, copyUp, 0},
	{"unbindable", propagates, sys.MsUnbindable, 0},
	{"user", attribute, sys.MountAttrNosuid | sys.MountAttrNodev | sys.MountAttrNoexec, 0},
	{"users", attribute, sys.MountAttrNosuid | sys.MountAttrNodev | sys.MountAttrNoexec, 0},
}

// MountOptions lists what may stand in the options of a mount beside options of its filesystem, sorted.
func MountOptions() []string {
	list := make([]string, 0, 2*len(mountOptions))
	for i := range mountOptions {
		o := &mountOptions[i]
		if o.effect == refused {
			continue
		}
		list = append(list, o.name)
		if o.recursive() {
			list = append(list, "r"+o.name)
		}
	}
	slices.Sort(list)
	return list
}

// recursive: with an r before its name it goes for all mounts below too. user and its kin are short for others.
func (o *option) recursive() bool {
	switch o.name {
	case "group", "owner", "user", "users":
		return false
	}
	return o.effect == attribute || o.effect == propagates
}

// findOption finds a name in the table. rec says that it had an r before it.
func findOption(name string) (o *option, rec bool) {
	if o := lookUp(name); o != nil {
		return o, false
	}
	if rest, ok := strings.CutPrefix(name, "r"); ok {
		if o := lookUp(rest); o != nil && o.recursive() {
			return o, true
		}
	}
	return nil, false
}

func lookUp(name string) *option {
	low, high := 0, len(mountOptions)
	for low < high {
		mid := (low + high) / 2
		switch o := &mountOptions[mid]; {
		case o.name == name:
			return o
		case o.name < name:
			low = mid + 1
		default:
			high = mid
		}
	}
	return nil
}

// options is what the option list of a mount asks for.
type options struct {
	does            uint64 // features
	set, clear      uint64 // MOUNT_ATTR_* on the mount itself
	recSet, recClr  uint64 // MOUNT_ATTR_* on the mount and all below it
	super, superClr uint64
	propagation     []propagation
	data            []string // for the filesystem: "key=value" or "key"
	dropped         bool     // a bind mount was to have some of these
}

type propagation struct {
	kind      uint64
	recursive bool
}

func (o *options) has(feature uint64) bool { return o.does&feature == feature }

// propagationOption is what a name of config.md's propagation options stands for.
func propagationOption(name string) (p propagation, ok bool) {
	o, rec := findOption(name)
	if o == nil || o.effect != propagates {
		return propagation{}, false
	}
	return propagation{o.set, rec}, true
}

// optionsOf reads the option list of a mount. What is no option of the mount itself goes to the filesystem (config.md,
// "Linux mount options").
func optionsOf(m *specs.Mount) (options, error) {
	var o options
	if names.IsBind(m) {
		o.does = bind
	}
	long := -1
	for i, name := range names.Options(m) {
		had := len(o.data)
		if err := o.add(name); err != nil {
			return o, fmt.Errorf("options[%d]: %w", i, err)
		}
		if len(o.data) == had {
			continue
		}
		o.data[had] = names.PlainOption(m.Type, name)
		if long < 0 && tooLong(m.Type, o.data[had]) {
			long = i
		}
	}
	if o.has(bind) {
		// A bind mount has no filesystem of its own to take them; mount(2) ignores them too. See Ignored.
		o.dropped = o.data != nil || o.super != 0
		o.data, o.super, o.superClr = nil, 0, 0
	}
	if long >= 0 && !o.has(bind) {
		return o, fmt.Errorf("options[%d]: a value of more than %d bytes: %w", long, maxOption, syscall.ENAMETOOLONG)
	}
	return o, nil
}

func (o *options) add(name string) error {
	opt, rec := findOption(name)
	switch {
	case opt == nil:
		return o.other(name)
	case opt.effect == refused:
		return fmt.Errorf("%s: not supported: %w", name, syscall.EOPNOTSUPP)
	case opt.effect == feature:
		o.does |= opt.set
	case opt.effect == superblock:
		o.super = o.super&^opt.clear | opt.set
		o.superClr = o.superClr&^opt.set | opt.clear
	case opt.effect == propagates:
		o.propagation = append(o.propagation, propagation{opt.set, rec})
	case opt.name == "norelatime" && rec:
		o.recClr = withoutRelatime(o.recSet, o.recClr)
	case opt.name == "norelatime":
		o.clear = withoutRelatime(o.set, o.clear)
	case opt.effect == attribute && rec:
		o.recSet = o.recSet&^opt.clear | opt.set
		o.recClr |= opt.clear &^ opt.set
	case opt.effect == attribute:
		o.set = o.set&^opt.clear | opt.set
		o.clear |= opt.clear &^ opt.set
	}
	return nil
}

// withoutRelatime is what is cleared when a relatime, which sets none of its field, has been taken back.
func withoutRelatime(set, clear uint64) uint64 {
	if set&sys.MountAttrAtime == 0 {
		clear &^= sys.MountAttrAtime
	}
	return clear
}

// other is for what is not in the table: options with a value of their own, comments, and those of the filesystem.
func (o *options) other(name string) error {
	switch {
	case name == "":
	case strings.HasPrefix(name, "idmap=") || strings.HasPrefix(name, "ridmap="):
		o.does |= idmap
	case name == "X-mount.mkdir" || strings.HasPrefix(name, "X-mount.mkdir="):
		// Destinations are made anyway.
	case strings.HasPrefix(name, "X-mount."):
		return fmt.Errorf("%s: not supported: %w", name, syscall.EOPNOTSUPP)
	case strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "comment="):
		// For other programs (mount(8)).
	default:
		o.data = append(o.data, name)
	}
	return nil
}

// Ignored lists, with their places, the options of bind mounts that nothing comes of: flags and options of a filesystem,
// which a bind mount has not. Callers send them, and mount(8) takes them.
func Ignored(mounts []specs.Mount) (list []string) {
	for i := range mounts {
		m := &mounts[i]
		if o, err := optionsOf(m); err != nil || !o.dropped {
			continue
		}
		for j, name := range names.Options(m) {
			var o options
			if err := o.add(name); err == nil && (o.data != nil || o.super != 0) {
				list = append(list, fmt.Sprintf("mounts[%d].options[%d]: %s: has no effect on a bind mount", i, j, name))
			}
		}
	}
	return list
}

// filesystemOptions are the options of the filesystem itself, the superblock's flags among them.
func (o *options) filesystemOptions(fstype string) []string {
	data := o.data
	for _, f := range [...]struct {
		bit   uint64
		name  string
		unset string
	}{{sbSync, "sync", "async"}, {sbDirsync, "dirsync", ""}, {sbLazytime, "lazytime", "nolazytime"}, {sbIversion, "i_version", ""}} {
		switch {
		case f.bit == sbIversion && fstype != "ext4":
		case o.super&f.bit != 0:
			data = append(data, f.name)
		case o.superClr&f.bit != 0 && o.has(remount) && f.unset != "":
			data = append(data, f.unset)
		}
	}
	return data
}
