package spec

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func mountOptionRules() []rule {
	on := func(fstype string, options ...string) func(*specs.Spec) {
		return mount(specs.Mount{Destination: "/a", Source: "/s", Type: fstype, Options: options})
	}
	return []rule{
		{
			name: "tmpcopyup on a bind mount", bad: on("bind", "ro", "tmpcopyup"), good: on("tmpfs", "ro", "tmpcopyup"),
			want: []string{`mounts[0].options[1]: got tmpcopyup on a mount of type "bind", want a new tmpfs`},
		},
		{
			name: "tmpcopyup on a remount", bad: on("tmpfs", "tmpcopyup", "remount"), good: on("tmpfs", "remount"),
			want: []string{`mounts[0].options[0]: got tmpcopyup on a mount of type "tmpfs", want a new tmpfs`},
		},
		{
			name: "symlinks of no bind mount", bad: on("tmpfs", "copy-symlink", "src-nofollow", "dest-nofollow"),
			want: []string{
				"mounts[0].options[0]: got copy-symlink, want bind or rbind beside it", "mounts[0].options[1]: got src-nofollow, want bind or rbind beside it",
				"mounts[0].options[2]: got dest-nofollow, want bind or rbind beside it",
			},
			good: on("none", "rbind", "copy-symlink", "src-nofollow", "dest-nofollow"),
		},
		{
			name: "remount without a source", bad: mount(specs.Mount{Destination: "/a", Options: []string{"bind"}}),
			want: []string{"mounts[0].source: got nothing, want the path to bind"},
			good: mount(specs.Mount{Destination: "/a", Options: []string{"bind", "remount"}}),
		},
		{
			name: "another filesystem than procfs on /proc", bad: mount(specs.Mount{Destination: "//proc/x/..", Type: "tmpfs"}),
			want: []string{`mounts[0].destination: got "//proc/x/.." for a mount of type "tmpfs", want a procfs there`},
			good: all(mount(specs.Mount{Destination: "/proc", Type: "proc"}), mount(specs.Mount{Destination: "/proc", Source: "/proc", Type: "bind"}),
				mount(specs.Mount{Destination: "/proc", Type: "tmpfs", Options: []string{"remount"}}), mount(specs.Mount{Destination: "/procs", Type: "tmpfs"})),
		},
		{
			name: "a mount inside /proc", bad: mount(specs.Mount{Destination: "proc/../proc/sys", Type: "bind", Source: "/s"}),
			want: []string{`mounts[0].destination: got "proc/../proc/sys", inside /proc, want one of /proc/cpuinfo, /proc/diskstats, /proc/loadavg, ` +
				"/proc/meminfo, /proc/net/dev, /proc/slabinfo, /proc/stat, /proc/swaps, /proc/sys/crypto/fips_enabled, /proc/sys/kernel/ns_last_pid, /proc/uptime"},
			warn: []string{`mounts[0].destination: got "proc/../proc/sys", want an absolute path: it is taken from /`},
			good: all(mount(specs.Mount{Destination: "/proc/cpuinfo", Type: "bind", Source: "/s"}), mount(specs.Mount{Destination: "/proc/sys", Options: []string{"bind,remount"}})),
		},
	}
}

func mountIDRules() []rule {
	ids := []specs.LinuxIDMapping{{HostID: 1000, Size: 10}}
	with := func(m specs.Mount) func(*specs.Spec) {
		m.Destination, m.Source = "/a", "/s"
		if m.Type == "" {
			m.Options = append([]string{"bind"}, m.Options...)
		}
		return mount(m)
	}
	text := func(s string) func(*specs.Spec) { return with(specs.Mount{Options: []string{"idmap=" + s}}) }
	user := func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
	}
	good := with(specs.Mount{Options: []string{"idmap"}, UIDMappings: ids, GIDMappings: ids})
	return []rule{
		{name: "uids alone", bad: with(specs.Mount{Options: []string{"idmap"}, UIDMappings: ids}), good: good,
			want: []string{"mounts[0].gidMappings: got nothing, want mappings beside uidMappings"}},
		{name: "gids alone", bad: with(specs.Mount{Options: []string{"idmap"}, GIDMappings: ids}), good: good,
			want: []string{"mounts[0].uidMappings: got nothing, want mappings beside gidMappings"}},
		{name: "no option", bad: with(specs.Mount{UIDMappings: ids, GIDMappings: ids}), good: good,
			warn: []string{"mounts[0].options: got none of idmap and ridmap, want idmap beside uidMappings: older runtimes ignore them in silence"}},
		{name: "nothing to translate by", bad: with(specs.Mount{Options: []string{"ro", "ridmap"}}), good: all(user, with(specs.Mount{Options: []string{"ro", "ridmap"}})),
			want: []string{"mounts[0].options[2]: got ridmap, want uidMappings and gidMappings, as the container has no user namespace"}},
		{name: "empty mapping", bad: with(specs.Mount{Options: []string{"idmap"}, UIDMappings: []specs.LinuxIDMapping{{HostID: 1}}, GIDMappings: ids}), good: good,
			want: []string{"mounts[0].uidMappings[0].size: got 0, want at least 1"}},
		{name: "mappings that overlap", bad: with(specs.Mount{Options: []string{"idmap"}, UIDMappings: ids, GIDMappings: append(ids, ids[0])}), good: good,
			want: []string{
				"mounts[0].gidMappings[1]: got container ids that mounts[0].gidMappings[0] maps too, want each id once",
				"mounts[0].gidMappings[1]: got host ids that mounts[0].gidMappings[0] maps too, want each id once",
			}},
		{name: "a filesystem that cannot", bad: with(specs.Mount{Type: "proc", Options: []string{"idmap"}, UIDMappings: ids, GIDMappings: ids}),
			want: []string{"mounts[0]: got mappings of ids for a filesystem of type proc, want a type of filesystem that can"},
			good: with(specs.Mount{Type: "tmpfs", Options: []string{"idmap"}, UIDMappings: ids, GIDMappings: ids})},
		{name: "mappings of a remount", bad: with(specs.Mount{Options: []string{"remount", "idmap"}, UIDMappings: ids, GIDMappings: ids}), good: good,
			want: []string{"mounts[0]: got mappings of ids for a mount that is there already, want no remount in the options"}},
		{name: "text beside mappings", bad: with(specs.Mount{Options: []string{"idmap=uids=0-0-1;gids=0-0-1"}, UIDMappings: ids, GIDMappings: ids}), good: good,
			want: []string{`mounts[0].options[1]: got "uids=0-0-1;gids=0-0-1", want no mappings beside uidMappings`}},
		{name: "text without gids", bad: text("uids=0-1-2"), good: text("uids=0-1-2;gids=0-1-2#5-9-1"),
			want: []string{`mounts[0].options[1]: got "uids=0-1-2", want both uids= and gids=`}},
		{name: "text with two numbers", bad: text("uids=0-1;gids=0-1-2"), good: text("uids=0-1-2;gids=0-1-2"),
			want: []string{`mounts[0].options[1]: got "0-1", want three numbers as 0-1000-10`}},
		{name: "text with no number", bad: text("uids=0-x-1;gids=0-1-2"), good: text("uids=0-1-2;gids=0-1-2"),
			want: []string{`mounts[0].options[1]: got "x", want a number up to 4294967295`}},
		{name: "text of another key", bad: text("users=0-1-2"), good: text("gids=0-1-2;uids=0-1-2"),
			want: []string{`mounts[0].options[1]: got "users=0-1-2", want uids= and gids=`}},
		{name: "text of no ids", bad: text("uids=0-1-0;gids=0-1-2"), good: text("uids=0-1-1;gids=0-1-2"),
			want: []string{"mounts[0].options.uids[0].size: got 0, want at least 1"}},
		{name: "relative to nothing", bad: text("uids=@0-1-2;gids=0-1-2"), good: all(user, text("uids=@0-1-2;gids=0-1-2")),
			want: []string{`mounts[0].options[1]: got "@0-1-2", want ids that the container's user namespace maps`}},
		{name: "relative past the end", bad: all(user, text("uids=@0-5-6;gids=0-1-2")), good: all(user, text("uids=@0-5-5")),
			want: []string{`mounts[0].options[1]: got "@0-5-6", want ids that the container's user namespace maps`}},
		{name: "relative over and over", bad: all(user, text("uids="+many(341)+";gids=0-1-2")), good: all(user, text("uids=@0-5-5")),
			want: []string{"mounts[0].options[1]: got more than 340 mappings, want at most 340"}},
	}
}

// many is n relative ranges.
func many(n int) string { return strings.TrimSuffix(strings.Repeat("@0-5-1#", n), "#") }

// TestMountIDsOf: what mappings come of the fields and of the text.
func TestMountIDsOf(t *testing.T) {
	id := func(c, h, n uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: c, HostID: h, Size: n}
	}
	list := func(m ...specs.LinuxIDMapping) []specs.LinuxIDMapping { return m }
	l := &specs.Linux{
		// The example of crun.1.
		UIDMappings: list(id(0, 0, 1), id(1, 2, 1000)), GIDMappings: list(id(0, 100, 10), id(10, 500, 10)),
		Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}},
	}
	for _, c := range []struct {
		m    specs.Mount
		want *MountIDs
	}{
		{specs.Mount{Options: []string{"bind", "ro"}}, nil},
		{specs.Mount{Options: []string{"idmap"}}, &MountIDs{Container: true}},
		{specs.Mount{Options: []string{"idmap", "ridmap"}}, &MountIDs{Container: true, Recursive: true}},
		{specs.Mount{UIDMappings: list(id(0, 1, 2)), GIDMappings: list(id(3, 4, 5))}, &MountIDs{UIDs: list(id(0, 1, 2)), GIDs: list(id(3, 4, 5))}},
		{specs.Mount{Options: []string{"ridmap"}, UIDMappings: list(id(0, 1, 2)), GIDMappings: list(id(3, 4, 5))},
			&MountIDs{Recursive: true, UIDs: list(id(0, 1, 2)), GIDs: list(id(3, 4, 5))}},
		{specs.Mount{Options: []string{"idmap=uids=0-1-10#10-11-10;gids=0-100-10"}},
			&MountIDs{UIDs: list(id(0, 1, 10), id(10, 11, 10)), GIDs: list(id(0, 100, 10))}},
		{specs.Mount{Options: []string{"idmap=uids=@1-3-10"}}, &MountIDs{UIDs: list(id(1, 4, 10)), GIDs: l.GIDMappings}},
		{specs.Mount{Options: []string{"ridmap=gids=@7-8-4#20-30-1"}},
			&MountIDs{Recursive: true, UIDs: l.UIDMappings, GIDs: list(id(7, 108, 2), id(9, 500, 2), id(20, 30, 1))}},
	} {
		got, p := MountIDsOf(&c.m, l)
		if p != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %+v, %v; want %+v", c.m, got, p, c.want)
		}
	}
}
