package lifecycle

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// gpu gives a bundle the hooks that bring a GPU's driver into a container: createRuntime enters the mount namespace and binds a library
// and a device there, below the root's path on the host; createContainer has a program of the image, in the root, write down what
// libraries there are, as ldconfig(8) does.
type gpu struct {
	*kit.Bundle
	t      *testing.T
	device string // where it goes
}

// gpuNode is where hooks put the device.
const gpuNode = "/dev/gpu"

func withGPU(t *testing.T, b *kit.Bundle, device string) gpu {
	t.Helper()
	for _, dir := range []string{"/lib", "/etc"} {
		check(t, os.MkdirAll(b.Rootfs+dir, 0o755))
	}
	check(t, os.WriteFile(b.Dir+"/libgpu.so", []byte("the library"), 0o644))
	check(t, os.WriteFile(b.Rootfs+"/lib/libgpu.so", nil, 0o644))
	check(t, os.WriteFile(b.Rootfs+"/etc/cache", nil, 0o666))
	check(t, os.Chmod(b.Rootfs+"/etc/cache", 0o666)) // whatever the umask is
	hook := func(script string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-ec", script}, Env: []string{
			"PATH=" + os.Getenv("PATH"), "ROOT=" + b.Rootfs, "LIB=" + b.Dir + "/libgpu.so", "DEVICE=" + device, "PAYLOAD=" + kit.PayloadPath,
			"TEU_TEST=" + b.ID,
		}}}
	}
	b.Edit(writable, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{
			CreateRuntime: hook(`pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/')
				nsenter --mount --target "$pid" sh -ec '
					mount --bind "$LIB" "$ROOT/lib/libgpu.so"
					[ -e "$ROOT$DEVICE" ] || : >"$ROOT$DEVICE"
					mount --bind /dev/zero "$ROOT$DEVICE"'`),
			CreateContainer: hook(`chroot . "$PAYLOAD" stat "$DEVICE" | grep -q 1:5
				chroot "$ROOT" "$PAYLOAD" cat /lib/libgpu.so >etc/cache`),
		}
	}, kit.Args("cat", "/lib/libgpu.so", "/etc/cache"))
	return gpu{b, t, device}
}

// works runs the container, which has to find what the hooks have brought, and looks for mounts that show on the host.
func (g gpu) works(flags ...string) {
	t := g.t
	t.Helper()
	before := mountsAt(t, g.Rootfs)
	run := append(append([]string{"run"}, flags...), g.ID)
	if res, want := g.OK(run...), "the librarythe library"; res.Stdout != want {
		t.Errorf("%v: want the library and the cache, %q", res, want)
	}
	g.Edit(kit.Args("stat", g.device))
	inside := kit.JSON[[]kit.File](g.Bundle, g.OK(run...).Stdout)
	if len(inside) != 1 || inside[0].Rdev != "1:5" {
		t.Errorf("%s: got %+v, want the device 1:5", g.device, inside)
	}
	if after := mountsAt(t, g.Rootfs); after != before {
		t.Errorf("mounts of the host on the root and below it: got %d, want %d as before", after, before)
	}
}

// mountsAt counts the mounts on path and below it.
func mountsAt(t *testing.T, path string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[4] == path || strings.HasPrefix(f[4], path+"/") {
			n++
		}
	}
	return n
}

// TestHooksOfAGPU: wherever the root comes from, and however it is entered, hooks of both namespaces find it at its path, beside what
// the host has.
func TestHooksOfAGPU(t *testing.T) {
	t.Parallel()
	t.Run("root", func(t *testing.T) {
		t.Parallel()
		withGPU(t, kit.New(t), gpuNode).works()
	})
	t.Run("no pivot", func(t *testing.T) {
		t.Parallel()
		withGPU(t, kit.New(t), gpuNode).works("--no-pivot")
	})
	t.Run("a mount, as snapshotters have it", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t)
		mountAt(t, b.Rootfs, b.Rootfs, "", syscall.MS_BIND|syscall.MS_REC)
		withGPU(t, b, gpuNode).works()
	})
	t.Run("a symlink", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t)
		check(t, os.Symlink("rootfs", b.Dir+"/link"))
		b.Edit(func(s *specs.Spec) { s.Root.Path = "link" })
		withGPU(t, b, gpuNode).works()
	})
	for _, propagation := range []string{"shared", "rshared", "rprivate", "unbindable"} {
		for _, flags := range [][]string{nil, {"--no-pivot"}} {
			t.Run(propagation+strings.Join(flags, " "), func(t *testing.T) {
				t.Parallel()
				b := kit.New(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = propagation })
				hostTree(t, b)
				withGPU(t, b, gpuNode).works(flags...)
			})
		}
	}
	t.Run("shared, through a symlink", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" })
		hostTree(t, b)
		check(t, os.Mkdir(b.Dir+"/up", 0o755))
		check(t, os.Symlink(b.Dir, b.Dir+"/up/bundle"))
		b.Edit(func(s *specs.Spec) { s.Root.Path = "up/bundle/rootfs" })
		withGPU(t, b, gpuNode).works()
	})
}

// TestHooksOfAGPUInAUserNamespace: so it is where the container's root cannot reach the root by its path.
func TestHooksOfAGPUInAUserNamespace(t *testing.T) {
	t.Parallel()
	owner := newUser(t, userNamespace, privileged)
	owner.Start("sleep", "forever")
	join := namespace(specs.UserNamespace, fmt.Sprintf("/proc/%d/ns/user", owner.State().Pid))
	for _, c := range []struct {
		name  string
		edit  edit
		flags []string
	}{
		{"new", userNamespace, nil}, {"new, no pivot", userNamespace, []string{"--no-pivot"}},
		{"new, rshared", all(userNamespace, func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" }), nil},
		{"joined", join, nil}, {"joined, no pivot", join, []string{"--no-pivot"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newUser(t, c.edit)
			const device = "/tmp/gpu" // root of the host, whom the user namespace does not know, can make no file on its /dev
			check(t, os.WriteFile(b.Rootfs+device, nil, 0o644))
			g := withGPU(t, b, device)
			g.works(c.flags...)
			check(t, os.Chmod(g.Dir, 0o700))
			g.Edit(func(s *specs.Spec) {
				h := &s.Hooks.CreateContainer[0]
				h.Args[2] = strings.ReplaceAll(h.Args[2], `"$ROOT"`, ".")
			}, kit.Args("cat", "/lib/libgpu.so", "/etc/cache"))
			g.works(c.flags...)
		})
	}
}

// TestHooksOfAGPUInAJoinedMountNamespace: the path is looked up in that.
func TestHooksOfAGPUInAJoinedMountNamespace(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	pid := holder(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS})
	b := kit.New(t, namespace(specs.MountNamespace, fmt.Sprintf("/proc/%d/ns/mnt", pid)))
	g := withGPU(t, b, gpuNode)
	if res, want := g.OK("run", g.ID), "the librarythe library"; res.Stdout != want {
		t.Errorf("%v: want the library and the cache, %q", res, want)
	}
}

// TestUserAndMountNamespaceJoined: there nobody can be asked for the path who may, and the root goes over "/".
func TestUserAndMountNamespaceJoined(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	ids := []syscall.SysProcIDMap{{HostID: firstID, Size: idCount}}
	pid := holder(t, &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
	})
	b := newUser(t, kit.Args("cat", "/etc/mine"))
	check(t, os.WriteFile(b.Rootfs+"/etc/mine", []byte("mine"), 0o644))
	check(t, os.Chmod(b.Dir, 0o700))
	for _, typ := range []specs.LinuxNamespaceType{specs.UserNamespace, specs.MountNamespace} {
		b.Edit(namespace(typ, fmt.Sprintf("/proc/%d/ns/%s", pid, nsLinks[typ])))
	}
	if res := b.OK("run", b.ID); res.Stdout != "mine" {
		t.Errorf("%v: want stdout %q", res, "mine")
	}
}

// TestSourceInTheRoot: the source of a bind mount that lies in the root is what earlier mounts have made of it, and no symlink of the
// image leads out.
func TestSourceInTheRoot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		edits []edit
	}{
		{"root", nil}, {"user namespace", []edit{userNamespace}},
		{"shared", []edit{func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" }}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newUser(t, append(c.edits, writable)...)
			volume := b.Dir + "/volume"
			check(t, os.MkdirAll(volume+"/sub", 0o755))
			check(t, os.WriteFile(volume+"/sub/file", []byte("of the volume "), 0o644))
			check(t, os.WriteFile(b.Rootfs+"/etc/secret", []byte("of the image "), 0o644))
			check(t, os.WriteFile(b.Dir+"/secret", []byte("of the host "), 0o644))
			check(t, os.Symlink("/etc/secret", b.Rootfs+"/etc/link"))
			check(t, os.MkdirAll(b.Rootfs+b.Dir, 0o755))
			check(t, os.WriteFile(b.Rootfs+b.Dir+"/secret", []byte("of the image "), 0o644))
			check(t, os.Symlink(b.Dir+"/secret", b.Rootfs+"/etc/out"))
			b.Edit(bind(volume, "/mnt", "bind"), bind("rootfs/mnt/sub", "/a", "bind"), bind(b.Rootfs+"/mnt", "/b", "rbind"),
				bind(b.Rootfs+"/etc/link", "/c", "bind"), bind(b.Rootfs+"/etc/out", "/d", "bind"), bind(b.Rootfs, "/all", "rbind"),
				kit.Args("cat", "/a/file", "/b/sub/file", "/c", "/d", "/all/mnt/sub/file"))
			want := "of the volume of the volume of the image of the image of the volume "
			if res := b.OK("run", b.ID); res.Stdout != want {
				t.Errorf("%v: want stdout %q", res, want)
			}
		})
	}
}
