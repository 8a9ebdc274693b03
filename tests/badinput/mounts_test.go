package badinput

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestMounts: mounts, each after the seven of the example.
func TestMounts(t *testing.T) {
	mount := func(m specs.Mount) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) }
	}
	tmpfs := func(options ...string) specs.Mount {
		return specs.Mount{Destination: "/x", Type: "tmpfs", Source: "tmpfs", Options: options}
	}
	bind := func(source, destination string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Source: source, Options: append(options, "bind")}
	}
	for _, r := range []row{
		{name: "an unknown filesystem", spec: mount(specs.Mount{Destination: "/x", Type: "absentfs"}), want: []string{"mounts[7]: mount absentfs on /x", "no such device"}},
		{name: "no type", spec: mount(specs.Mount{Destination: "/x"}), want: []string{"mounts[7].type: got nothing"}},
		{name: "the type none, and nothing bound", spec: mount(specs.Mount{Destination: "/x", Type: "none", Source: "/tmp"}), want: []string{"mounts[7].type", "none"}},
		{name: "no destination", spec: mount(specs.Mount{Type: "tmpfs"}), want: []string{"mounts[7].destination: got nothing"}},
		{name: "the root", spec: mount(specs.Mount{Destination: "/", Type: "tmpfs"}), want: []string{"mounts[7].destination: /: is the root itself"}},
		{name: "the root, by another name", spec: mount(specs.Mount{Destination: "/x/..", Type: "tmpfs"}), want: []string{"mounts[7].destination: /x/..: is the root itself"}},
		{name: "a directory below a file", spec: mount(specs.Mount{Destination: "/bin/payload/x", Type: "tmpfs"}), want: []string{"mounts[7]: mount tmpfs on /bin/payload/x", "not a directory"}},
		{name: "a filesystem on a file", spec: mount(specs.Mount{Destination: "/bin/payload", Type: "tmpfs"}), want: []string{"mounts[7]: mount tmpfs on /bin/payload", "not a directory"}},
		{name: "an unknown option", spec: mount(tmpfs("colour=red")), want: []string{"mounts[7]: mount tmpfs on /x", "invalid argument", "Unknown parameter 'colour'"}},
		{name: "an unknown flag", spec: mount(tmpfs("colourful")), want: []string{"mounts[7]: mount tmpfs on /x", "invalid argument", "colourful"}},
		{name: "a wrong value", spec: mount(tmpfs("size=large")), want: []string{"mounts[7]: mount tmpfs on /x", "invalid argument", "size"}},
		{name: "proc over a symlink", spec: func(s *specs.Spec) { s.Mounts[0].Destination = "/link" }, set: func(b *kit.Bundle) { b.Symlink("tmp", "/link") },
			want: []string{"mounts[0]: mount proc on /link: a symlink is in the way: too many levels of symbolic links"}},
		{name: "/proc a symlink", set: func(b *kit.Bundle) { b.Symlink("tmp", "/proc") },
			want: []string{"mounts[0]: mount proc on /proc: a symlink is in the way: too many levels of symbolic links"}},
		{name: "/proc a symlink, with the host's bound there", spec: func(s *specs.Spec) { s.Mounts[0] = bind("/proc", "/proc") },
			set:  func(b *kit.Bundle) { b.Symlink("tmp", "/proc") },
			want: []string{"mounts[0]: bind /proc on /proc", "a symlink is in the way: too many levels of symbolic links"}},
		{name: "/sys a symlink", spec: mount(specs.Mount{Destination: "/sys", Type: "sysfs"}), set: func(b *kit.Bundle) { b.Symlink("tmp", "/sys") },
			want: []string{"mounts[", "]: mount sysfs on /sys: a symlink is in the way: too many levels of symbolic links"}},
		{name: "a destination of links that never end", spec: mount(specs.Mount{Destination: "/a/x", Type: "tmpfs"}), set: func(b *kit.Bundle) {
			b.Symlink("b", "/a")
			b.Symlink("a", "/b")
		}, want: []string{"mounts[7]: mount tmpfs on /a/x", "too many levels of symbolic links"}},
		{name: "a source that is absent", spec: mount(bind("/absent", "/x")), want: []string{"mounts[7]: bind /absent on /x", "no such file or directory"}},
		{name: "a relative source that is absent", spec: mount(bind("absent", "/x")), want: []string{"mounts[7]: bind $BUNDLE/absent on /x", "no such file or directory"}},
		{name: "an absent source, with a user namespace", spec: func(s *specs.Spec) {
			userNamespace(s)
			mount(bind("/absent", "/x"))(s)
		}, want: []string{"mounts[7]", "/absent", "no such file or directory"}},
		{name: "no source", spec: mount(bind("", "/x")), want: []string{"mounts[7].source: got nothing"}},
		{name: "a file over a directory", spec: mount(bind("/etc/passwd", "/tmp")), want: []string{"mounts[7]: bind /etc/passwd on /tmp", "not a directory"}},
		{name: "a directory over a file", spec: mount(bind("/etc", "/bin/payload")), want: []string{"mounts[7]: bind /etc on /bin/payload", "not a directory"}},
		{name: "a name too long", spec: mount(bind("/etc", "/"+strings.Repeat("x", 256))), want: []string{"mounts[7]: bind /etc on /xxx", "file name too long"}},
		{name: "an idmapped mount, and by what", spec: mount(bind("/etc", "/x", "idmap")), want: []string{"mounts[7].options[0]: got idmap, want uidMappings and gidMappings"}},
		{name: "an idmapping of nothing", spec: mount(bind("/etc", "/x", "idmap=")), want: []string{"mounts[7].options[0]: got idmap, want uidMappings and gidMappings"}},
		{name: "an idmapping of nonsense", spec: mount(bind("/etc", "/x", "idmap=uids=1-2;gids=x")), want: []string{`mounts[7].options[0]: got "1-2", want three numbers`}},
		{name: "a filesystem that maps no ids", spec: mount(specs.Mount{
			Destination: "/x", Type: "mqueue", Options: []string{"idmap"}, UIDMappings: []specs.LinuxIDMapping{{Size: 1}}, GIDMappings: []specs.LinuxIDMapping{{Size: 1}},
		}), want: []string{"mounts[7]: translate the ids of a new filesystem, of type mqueue, for /x", "invalid argument"}},
		{name: "a remount of nothing", spec: mount(bind("/etc", "/x", "remount")), want: []string{"mounts[7]: remount /x, which has to be a mount", "no such file or directory"}},
		{name: "a remount of no mount", spec: mount(bind("", "/tmp", "remount", "ro")), want: []string{"mounts[7]: remount /tmp, which has to be a mount", "invalid argument"}},
		{name: "a remount of another's filesystem", spec: mount(specs.Mount{Destination: "/tmp", Options: []string{"remount", "size=1m"}}),
			want: []string{"mounts[7].options", "the filesystem on /tmp may be another's as well"}},
		{name: "tmpcopyup of a bind mount", spec: mount(bind("/etc", "/x", "tmpcopyup")), want: []string{"mounts[7].options[0]: got tmpcopyup"}},
		{name: "src-nofollow of a filesystem", spec: mount(tmpfs("src-nofollow")), want: []string{"mounts[7].options[0]: got src-nofollow, want bind"}},
		{name: "nofail", spec: mount(bind("/absent", "/x", "nofail")), want: []string{"mounts[7].options[0]: nofail: not supported"}},
		{name: "a tmpfs too small for what it covers", spec: mount(specs.Mount{Destination: "/data", Type: "tmpfs", Options: []string{"tmpcopyup", "size=4k"}}),
			set: func(b *kit.Bundle) { b.File("data/large", strings.Repeat("x", 5000), 0o644) }, want: []string{"mounts[7]: mount tmpfs on /data", "no space left on device (large)"}},
		{name: "a device that is no disk", spec: mount(specs.Mount{Destination: "/x", Type: "ext4", Source: "/dev/null"}), want: []string{"mounts[7]: mount ext4 on /x", "block device required"}},
	} {
		r.run(t)
	}
}
