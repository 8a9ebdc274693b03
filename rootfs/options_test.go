package rootfs

import (
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"

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
		"relatime": {0, atime}, "norelatime": {strictatime, atime},
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
	for _, name := range []string{"", "defaults", "loud", "silent", "mand", "nomand", "async"} {
		check(t, name, one(t, name), options{})
	}
	check(t, "bind", one(t, "bind"), options{bind: true})
	check(t, "rbind", one(t, "rbind"), options{bind: true, recursive: true})
	for _, name := range []string{"size=1m", "mode=755", "rsize=8", "newinstance", "sync", "dirsync", "lazytime", "r", "rr", "=", "ro=1", "RO"} {
		check(t, name, one(t, name), options{data: []string{name}})
	}
	for _, name := range []string{"remount", "tmpcopyup", "idmap", "ridmap", "copy-symlink", "src-nofollow", "dest-nofollow"} {
		_, err := parseOptions([]string{"ro", name}, false)
		if !errors.Is(err, syscall.EOPNOTSUPP) || !strings.HasPrefix(err.Error(), "options[1]: "+name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func one(t *testing.T, name string) options {
	t.Helper()
	o, err := parseOptions([]string{name}, false)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
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
		"atime noatime nodev diratime": {noatime | nodev, atime | nodiratime},
	} {
		o, err := parseOptions(strings.Fields(list), false)
		if err != nil {
			t.Fatal(err)
		}
		if o.set != want.set || o.clear|atimeField(o.set) != want.clear|atimeField(want.set) {
			t.Errorf("%s: set %#x, clear %#x; want %#x, %#x", list, o.set, o.clear, want.set, want.clear)
		}
		// What is sent to the kernel must not clear part of the access time's field (mount_setattr(2)).
		if c := (o.clear | atimeField(o.set)) & atime; c != 0 && c != atime {
			t.Errorf("%s: clears %#x of the access time", list, c)
		}
	}
}

func TestBindDropsData(t *testing.T) {
	for _, c := range []struct {
		list     []string
		bindType bool
	}{
		{[]string{"bind", "size=1m"}, false}, {[]string{"size=1m", "rbind"}, false}, {[]string{"size=1m"}, true},
	} {
		o, err := parseOptions(c.list, c.bindType)
		if err != nil || !o.bind || o.data != nil {
			t.Errorf("%v: %+v, %v", c.list, o, err)
		}
	}
}
