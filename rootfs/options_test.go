package rootfs

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

const (
	ro, nosuid, nodev, noexec   = sys.MountAttrRdonly, sys.MountAttrNosuid, sys.MountAttrNodev, sys.MountAttrNoexec
	nosym, nodiratime           = sys.MountAttrNosymfollow, sys.MountAttrNodiratime
	noatime, strictatime, atime = sys.MountAttrNoatime, sys.MountAttrStrictatime, sys.MountAttrAtime
)

// TestEveryOption has each option by itself: config.md, "Linux mount options".
func TestEveryOption(t *testing.T) {
	// What the attribute options set and clear; with an r before them they go for the whole tree.
	attributes := map[string]struct{ set, clear uint64 }{
		"ro": {ro, 0}, "rw": {0, ro},
		"nosuid": {nosuid, 0}, "suid": {0, nosuid},
		"nodev": {nodev, 0}, "dev": {0, nodev},
		"noexec": {noexec, 0}, "exec": {0, noexec},
		"nosymfollow": {nosym, 0}, "symfollow": {0, nosym},
		"nodiratime": {nodiratime, 0}, "diratime": {0, nodiratime},
		"noatime": {noatime, atime}, "atime": {0, atime},
		"relatime": {0, atime}, "norelatime": {},
		"strictatime": {strictatime, atime}, "nostrictatime": {0, atime},
	}
	for name, want := range attributes {
		o := one(t, name)
		check(t, name, o, options{set: want.set, clear: want.clear &^ want.set})
		o = one(t, "r"+name)
		check(t, "r"+name, o, options{recSet: want.set, recClr: want.clear &^ want.set})
	}
	kinds := map[string]uint64{
		"shared": sys.MsShared, "slave": sys.MsSlave, "private": sys.MsPrivate, "unbindable": sys.MsUnbindable,
	}
	for name, kind := range kinds {
		check(t, name, one(t, name), options{propagation: []propagation{{kind, false}}})
		check(t, "r"+name, one(t, "r"+name), options{propagation: []propagation{{kind, true}}})
	}
	for _, name := range []string{
		"", "defaults", "loud", "silent", "mand", "nomand", "auto", "noauto", "nouser", "_netdev", "x-systemd.automount", "X-own=1", "comment=x",
		"X-mount.mkdir", "X-mount.mkdir=0755",
	} {
		check(t, name, one(t, name), options{})
	}
	for name, does := range map[string]uint64{
		"bind": bind, "rbind": bind | recursive, "remount": remount, "tmpcopyup": copyUp, "idmap": idmap, "ridmap": idmap, "idmap=uids=0-1-2": idmap,
		"copy-symlink": copySymlink, "src-nofollow": srcNofollow, "dest-nofollow": destNofollow,
	} {
		check(t, name, one(t, name), options{does: does})
	}
	for name, want := range map[string]options{
		"sync": {super: sbSync}, "async": {superClr: sbSync}, "dirsync": {super: sbDirsync}, "lazytime": {super: sbLazytime},
		"nolazytime": {superClr: sbLazytime}, "iversion": {super: sbIversion}, "noiversion": {superClr: sbIversion},
		"user": {set: nosuid | nodev | noexec}, "users": {set: nosuid | nodev | noexec}, "owner": {set: nosuid | nodev}, "group": {set: nosuid | nodev},
	} {
		check(t, name, one(t, name), want)
	}
	for _, name := range []string{"size=1m", "mode=755", "rsize=8", "newinstance", "ruser", "rsync", "rdefaults", "r", "rr", "=", "ro=1", "RO"} {
		check(t, name, one(t, name), options{data: []string{name}})
	}
	for _, name := range []string{"nofail", "X-mount.subdir=a"} {
		_, err := optionsOf(&specs.Mount{Options: []string{"ro", name}})
		if !errors.Is(err, syscall.EOPNOTSUPP) || !strings.HasPrefix(err.Error(), "options[1]: "+name+": ") {
			t.Errorf("%s: got error %v, want EOPNOTSUPP of options[1]", name, err)
		}
	}
}

// specOptions is the table of config.md, "Linux mount options".
var specOptions = strings.Fields(`async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev
	nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime
	relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro
	rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup
	unbindable idmap ridmap`)

// TestMountOptions ties the table, what it is looked up by, and the list that others print together.
func TestMountOptions(t *testing.T) {
	if !slices.IsSortedFunc(mountOptions[:], func(a, b option) int { return strings.Compare(a.name, b.name) }) {
		t.Error("table of options: got one that is not sorted, want it sorted, which looking up needs")
	}
	for i := range mountOptions {
		if o, rec := findOption(mountOptions[i].name); o != &mountOptions[i] || rec {
			t.Errorf("find %s: got %+v, recursive %v, want its entry of the table, false", mountOptions[i].name, o, rec)
		}
	}
	list := MountOptions()
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Errorf("list of options: got %q, want it sorted, each once", list)
	}
	for _, name := range list {
		if o := one(t, name); o.data != nil {
			t.Errorf("%s, which is listed: got it left to the filesystem as %q, want it known", name, o.data)
		}
	}
	for _, name := range append(specOptions, "copy-symlink", "src-nofollow", "dest-nofollow") {
		if !slices.Contains(list, name) {
			t.Errorf("list of options: got no %s, want it in", name)
		}
	}
	if slices.Contains(list, "nofail") {
		t.Error("list of options: got nofail in it, want it not in, as it is refused")
	}
}

func one(t *testing.T, name string) options {
	t.Helper()
	o, err := optionsOf(&specs.Mount{Options: []string{name}})
	if err != nil {
		t.Fatalf("options of %s: %v", name, err)
	}
	return o
}

func check(t *testing.T, name string, got, want options) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\n got %+v\nwant %+v", name, got, want)
	}
}

// TestLastOptionWins: later options take back earlier ones, and only what they are about.
func TestLastOptionWins(t *testing.T) {
	for list, want := range map[string]struct{ set, clear uint64 }{
		"ro rw":                        {0, ro},
		"rw ro":                        {ro, ro},
		"nosuid ro suid":               {ro, nosuid},
		"noatime relatime":             {0, atime},
		"relatime noatime":             {noatime, atime},
		"strictatime noatime":          {noatime, atime&^noatime&^strictatime | noatime | strictatime},
		"noatime nodiratime":           {noatime | nodiratime, atime &^ noatime},
		"ro nosuid nodev noexec":       {ro | nosuid | nodev | noexec, 0},
		"nodev dev nodev":              {nodev, nodev},
		"relatime norelatime":          {},
		"relatime norelatime relatime": {0, atime},
		"nodev norelatime noexec":      {nodev | noexec, 0},
		"noatime norelatime":           {noatime, atime &^ noatime},
		"strictatime norelatime":       {strictatime, atime &^ strictatime},
		"atime noatime nodev diratime": {noatime | nodev, atime | nodiratime},
	} {
		o, err := optionsOf(&specs.Mount{Options: strings.Fields(list)})
		if err != nil {
			t.Fatalf("options of %s: %v", list, err)
		}
		if o.set != want.set || o.clear|atimeField(o.set) != want.clear|atimeField(want.set) {
			t.Errorf("%s: got set %#x, clear %#x, want %#x, %#x", list, o.set, o.clear, want.set, want.clear)
		}
		// What is sent to the kernel must not clear part of the access time's field (mount_setattr(2)).
		if c := (o.clear | atimeField(o.set)) & atime; c != 0 && c != atime {
			t.Errorf("%s: got %#x cleared of the access time, want nothing or all, %#x", list, c, atime)
		}
	}
}

// TestOptionsInOneEntry: each is what it would be in an entry of its own, and a mistake is told with the place of the entry.
func TestOptionsInOneEntry(t *testing.T) {
	for _, c := range []struct {
		list string
		want options
	}{
		{"ro,size=1m,mode=700,nosuid", options{set: ro | nosuid, data: []string{"size=1m", "mode=700"}}},
		{"rbind,rw,rprivate,size=1m", options{does: bind | recursive, clear: ro, propagation: []propagation{{sys.MsPrivate, true}}, dropped: true}},
		{`context="u:r:t:s0:c1,c2",sync`, options{super: sbSync, data: []string{"context=u:r:t:s0:c1,c2"}}},
		{"mpol=bind:0,2,size=1", options{data: []string{"mpol=bind:0,2", "size=1"}}},
	} {
		check(t, c.list, one(t, c.list), c.want)
	}
	if _, err := optionsOf(&specs.Mount{Options: []string{"ro", "a,nofail"}}); err == nil || !strings.HasPrefix(err.Error(), "options[1]: nofail: ") {
		t.Errorf("a,nofail: got error %v, want one of options[1]", err)
	}
}

func TestBindDropsData(t *testing.T) {
	for _, m := range []specs.Mount{
		{Options: []string{"bind", "size=1m", "sync"}}, {Options: []string{"size=1m", "rbind"}}, {Options: []string{"size=1m"}, Type: "bind"},
	} {
		o, err := optionsOf(&m)
		if err != nil || !o.has(bind) || o.data != nil || o.super != 0 {
			t.Errorf("%+v: got %+v, %v, want a bind without data", m, o, err)
		}
	}
}

// TestIgnored: what a bind mount drops is told.
func TestIgnored(t *testing.T) {
	got := Ignored([]specs.Mount{
		{Type: "tmpfs", Options: []string{"size=1m", "sync"}},
		{Options: []string{"ro,size=1m", "rbind", "lazytime", "async", "x-own"}},
	})
	want := []string{
		"mounts[1].options[0]: size=1m: has no effect on a bind mount", "mounts[1].options[2]: lazytime: has no effect on a bind mount",
	}
	if !slices.Equal(got, want) {
		t.Errorf("ignored: got %q, want %q", got, want)
	}
}

// TestFilesystemOptions: the flags of the superblock go to the filesystem by its names for them.
func TestFilesystemOptions(t *testing.T) {
	for _, c := range []struct{ fstype, list, want string }{
		{"tmpfs", "size=1m sync dirsync lazytime", "size=1m sync dirsync lazytime"},
		{"tmpfs", "sync async lazytime nolazytime", ""},
		{"tmpfs", "iversion", ""},
		{"ext4", "iversion", "i_version"},
		{"ext4", "iversion noiversion", ""},
		{"tmpfs", "remount async nolazytime noiversion", "async nolazytime"},
	} {
		o, err := optionsOf(&specs.Mount{Type: c.fstype, Options: strings.Fields(c.list)})
		if got := strings.Join(o.filesystemOptions(c.fstype), " "); err != nil || got != c.want {
			t.Errorf("%s %s: got %q, %v, want %q", c.fstype, c.list, got, err, c.want)
		}
	}
}
