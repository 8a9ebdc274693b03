package lifecycle

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// mountsFile is a file for `mounts`.
func mountsFile(t *testing.T, b *kit.Bundle, list ...specs.Mount) string {
	t.Helper()
	text, err := json.Marshal(list) // as crun takes it
	if len(list) > 1 {
		text, err = json.Marshal(map[string]any{"mounts": list}) // as config.json has it
	}
	check(t, err)
	f, err := os.CreateTemp(b.Dir, "mounts-")
	check(t, err)
	defer f.Close()
	_, err = f.Write(text)
	check(t, err)
	return f.Name()
}

// attached has a directory of the host with a file in it, and one below that is another mount.
func attached(t *testing.T, b *kit.Bundle) (source string) {
	t.Helper()
	source = b.Dir + "/source"
	check(t, os.Mkdir(source, 0o755))
	check(t, os.WriteFile(source+"/file", []byte("of the host\n"), 0o666))
	return source
}

// mountsOf are the lines of a process's mountinfo that name what, in order.
func mountsOf(t *testing.T, pid, what string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/mountinfo")
	check(t, err)
	var list []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, what) {
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// optionsAt are the options of the mount at path, of a container whose first process is pid; "" when nothing is mounted there.
func optionsAt(t *testing.T, pid int, path string) string {
	t.Helper()
	f := strings.Fields(mountsOf(t, strconv.Itoa(pid), " "+path+" "))
	if len(f) < 6 {
		return ""
	}
	return f[5]
}

func TestMountsOfARunningContainer(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]edit{"of root": nil, "of a user namespace": {userNamespace}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newUser(t, append(edits, writable, kit.Args("sleep", "forever"))...)
			source := attached(t, b)
			file := mountsFile(t, b,
				specs.Mount{Destination: "/tmp/new/dir", Source: source, Options: []string{"rbind", "ro", "nosuid"}},
				specs.Mount{Destination: "/tmp/new/one", Source: source + "/file", Type: "bind", Options: []string{"bind", "rw"}})
			before := mountsOf(t, "self", b.ID)
			cat := func(path string) string { return b.Teu("exec", b.ID, kit.PayloadPath, "cat", path).Stdout }
			b.OK("create", b.ID)
			b.OK("mounts", "add", b.ID, file)
			b.OK("start", b.ID)
			for _, path := range []string{"/tmp/new/dir/file", "/tmp/new/one"} {
				if got := cat(path); got != "of the host\n" {
					t.Errorf("%s in the container: got %q, want the host's text", path, got)
				}
			}
			if res := b.Teu("exec", b.ID, kit.PayloadPath, "write", "/tmp/new/dir/file", "x"); res.Stdout != "EROFS\n" {
				t.Errorf("write below a mount with ro: %v, want EROFS", res)
			}
			line := optionsAt(t, b.State().Pid, "/tmp/new/dir")
			for _, want := range []string{"ro", "nosuid"} {
				if !slices.Contains(strings.Split(line, ","), want) {
					t.Errorf("options of /tmp/new/dir: got %q, want %s among them", line, want)
				}
			}
			if line := optionsAt(t, b.State().Pid, "/tmp/new/one"); !strings.HasPrefix(line, "rw") {
				t.Errorf("options of /tmp/new/one: got %q, want rw", line)
			}
			// On a container that is paused nothing waits for its processes.
			b.OK("pause", b.ID)
			b.OK("mounts", "remove", b.ID, file)
			b.OK("resume", b.ID)
			for _, path := range []string{"/tmp/new/dir", "/tmp/new/one"} {
				if line := optionsAt(t, b.State().Pid, path); line != "" {
					t.Errorf("%s after remove: got the mount options %q, want no mount", path, line)
				}
			}
			b.Fails([]string{"mounts", "remove", b.ID, file}, "mounts[1]: take off /tmp/new/one", "nothing is mounted there")
			if now := mountsOf(t, "self", b.ID); now != before {
				t.Errorf("mounts of the host: got\n%s\nwant those of before:\n%s", now, before)
			}
			b.OK("kill", b.ID, "KILL")
			b.Ended()
			b.Fails([]string{"mounts", "add", b.ID, file}, "it is stopped")
			b.Fails([]string{"mounts", "remove", b.ID, file}, "it is stopped")
		})
	}
}

func TestMountsRefused(t *testing.T) {
	t.Parallel()
	b := kit.New(t, writable, kit.Args("sleep", "forever"), func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/proc/keys", "/tmp/masked"}
		s.Linux.ReadonlyPaths = []string{"/tmp/kept/readonly"}
	})
	source := attached(t, b)
	for _, dir := range []string{"/tmp/masked", "/tmp/kept/readonly"} {
		check(t, os.MkdirAll(b.Rootfs+dir, 0o755))
	}
	b.Symlink("/proc/keys", "/tmp/link")
	b.Edit(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tmp/kept", Source: b.Rootfs + "/tmp/kept", Type: "bind", Options: []string{"bind"}})
	})
	b.Start()
	before := mountsOf(t, strconv.Itoa(b.State().Pid), "")
	bind := func(options ...string) specs.Mount {
		return specs.Mount{Destination: "/tmp/x", Source: source, Options: append([]string{"bind"}, options...)}
	}
	for _, c := range []struct {
		name  string
		verb  string
		mount specs.Mount
		want  []string
	}{
		{"a filesystem", "add", specs.Mount{Destination: "/x", Type: "tmpfs", Source: "tmpfs"}, []string{"mounts[0].type: got tmpfs, want a bind mount"}},
		{"a remount", "add", specs.Mount{Destination: "/proc", Options: []string{"bind", "remount", "rw"}}, []string{"mounts[0].options: got a remount"}},
		{"no source", "add", specs.Mount{Destination: "/x", Options: []string{"bind"}}, []string{"mounts[0].source"}},
		{"no destination", "add", specs.Mount{Source: source, Options: []string{"bind"}}, []string{"mounts[0].destination"}},
		{"a source that is not there", "add", specs.Mount{Destination: "/tmp/x", Source: source + "/none", Options: []string{"bind"}}, []string{"mounts[0]", "/none", "no such file"}},
		{"the root", "add", specs.Mount{Destination: "/", Source: source, Options: []string{"bind"}}, []string{"mounts[0].destination"}},
		{"an unknown option", "add", bind("nofail"), []string{"mounts[0].options"}},
		{"the root", "remove", specs.Mount{Destination: "/"}, []string{"mounts[0]", "root"}},
		{"the root by another name", "remove", specs.Mount{Destination: "/tmp/../.."}, []string{"mounts[0]", "root"}},
		{"/proc", "remove", specs.Mount{Destination: "/proc"}, []string{"mounts[0]", "/proc is to stay"}},
		{"a mask", "remove", specs.Mount{Destination: "/proc/keys"}, []string{"mounts[0]", "to stay"}},
		{"a mask by a symlink", "remove", specs.Mount{Destination: "/tmp/link"}, []string{"mounts[0]", "to stay"}},
		{"a mask in the image", "remove", specs.Mount{Destination: "/tmp/masked"}, []string{"/tmp/masked is to stay"}},
		{"a read-only path", "remove", specs.Mount{Destination: "/tmp/kept/readonly"}, []string{"/tmp/kept/readonly is to stay"}},
		{"what has one below it", "remove", specs.Mount{Destination: "/tmp/kept"}, []string{"/tmp/kept/readonly is to stay"}},
		{"no mount", "remove", specs.Mount{Destination: "/bin"}, []string{"mounts[0]", "nothing is mounted there"}},
		{"nothing", "remove", specs.Mount{Destination: "/none"}, []string{"mounts[0]", "no such file"}},
	} {
		t.Run(c.verb+" "+c.name, func(t *testing.T) {
			file := mountsFile(t, b, c.mount)
			b.Fails([]string{"mounts", c.verb, b.ID, file}, c.want...)
		})
	}
	odd := b.Dir + "/odd"
	for text, want := range map[string]string{
		"{}": "mounts: got none", "[]": "mounts: got none", "": "the file is empty", "[{}] x": "unexpected text after the end of the array",
		`[{"destination": "/x", "source": 1}]`: "odd:1:34: [0].source: want string", `"x"`: "want object",
	} {
		check(t, os.WriteFile(odd, []byte(text), 0o644))
		b.Fails([]string{"mounts", "add", b.ID, odd}, odd, want)
	}
	b.Fails([]string{"mounts", "add", b.ID, b.Dir + "/none"}, "/none: no such file")
	b.Fails([]string{"mounts", "add", "none", mountsFile(t, b, bind())}, "does not exist")
	if now := mountsOf(t, strconv.Itoa(b.State().Pid), ""); now != before {
		t.Errorf("mounts of the container: got\n%s\nwant those of before:\n%s", now, before)
	}
}

// A first process whose first thread has ended is as good as any: another thread says where it is.
func TestMountsOfAHeadlessContainer(t *testing.T) {
	t.Parallel()
	b := kit.New(t, writable, kit.Args("headless"))
	source := attached(t, b)
	b.Start()
	b.Until("the first thread has ended", func() bool {
		return strings.Contains(procFile(t, b.State().Pid, "status"), "State:\tZ")
	})
	file := mountsFile(t, b, specs.Mount{Destination: "/tmp/x", Source: source, Options: []string{"bind"}})
	b.OK("mounts", "add", b.ID, file)
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "cat", "/tmp/x/file"); res.Stdout != "of the host\n" {
		t.Errorf("%v: want the text of the host", res)
	}
	b.OK("mounts", "remove", b.ID, file)
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "cat", "/tmp/x/file"); res.Stdout != "ENOENT\n" {
		t.Errorf("%v: want ENOENT", res)
	}
}
