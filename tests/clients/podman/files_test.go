package podman

import (
	"os"
	"path/filepath"
	"strings"

	"teu/tests/clients/caller"
)

var fileChecks = checks{
	{Name: "read-only", Do: func(p podman) {
		p.Run("touch: /x: Read-only file system\nmade", "touch /x 2>&1; touch /dev/shm/x /scratch/x /tmp/x && echo made", "--read-only", "--tmpfs", "/scratch")
		p.Run("no", "touch /tmp/x 2>/dev/null || echo no", "--read-only", "--read-only-tmpfs=false")
	}},
	{Name: "tmpfs", Do: func(p podman) {
		p.Run("64k noexec", "grep ' /scratch ' /proc/mounts | grep -q size=64k && echo 64k $(grep ' /scratch ' /proc/mounts | grep -o noexec)", "--tmpfs", "/scratch:size=64k,noexec")
		p.Run("1770", "stat -c %a /b", "--mount", "type=tmpfs,dst=/b,tmpfs-size=65536,tmpfs-mode=1770")
		p.Run("1024", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2", "--shm-size", "1m")
	}},
	{Name: "volumes", Do: func(p podman) {
		file := p.File("volume/file", "of the host", 0o644)
		dir := filepath.Dir(file)
		p.Run("of the host", "cat /v/file; echo new >/v/new", "-v", dir+":/v")
		if text, err := os.ReadFile(dir + "/new"); string(text) != "new\n" {
			p.Errorf("file written through the volume: got %q, %v; want %q", text, err, "new\n")
		}
		p.Run("of the hostno", "cat /v/file; touch /v/x 2>/dev/null || echo no", "-v", dir+":/v:ro")
		p.Run("of the host", "cat /one", "-v", file+":/one:ro")
		p.Run("", "echo kept >/data/x", "-v", "named:/data")
		p.Run("kept", "cat /data/x", "--mount", "type=volume,src=named,dst=/data,ro")
		id := p.Up(caller.Sleeper, "-v", "/anonymous")
		p.Want(0, "", "exec", id, "touch", "/anonymous/x")
		p.Run("", "ls /anonymous/x >/dev/null", "--volumes-from", id)
		p.Run("made", "test -d /v/deep/er && echo made", "-v", dir+":/v/deep/er")
		p.Run("of the host", "cat /v/file; touch /v/above", "-v", dir+":/v:O")
		if _, err := os.Stat(dir + "/above"); err == nil {
			p.Errorf("directory below an overlay volume: got the container's file in it, want it unchanged")
		}
		p.Run("nosuid,nodev,noexec", "grep ' /v ' /proc/mounts | grep -o nosuid,nodev,noexec", "-v", dir+":/v:nosuid,nodev,noexec")
	}},
	{Name: "image volume", Do: func(p podman) {
		p.Run("root", "head -n 1 /i/etc/passwd | cut -d: -f1", "--mount", "type=image,source=bb,destination=/i")
	}},
	{Name: "rootfs", Do: func(p podman) {
		dir := p.Dir + "/rootfs"
		p.Check(os.Mkdir(dir, 0o755))
		untar := caller.Program{Args: []string{"tar", "-C", dir, "-x"}, Env: p.Env}
		if o := untar.Do(p.T, strings.NewReader(p.OK("export", p.Up(caller.Sleeper))), "-f", "-"); o.Code != 0 {
			p.Fatalf("%v: want exit code 0", o)
		}
		p.Want(0, "out", p.Container("--rm", "--rootfs", dir, "sh", "-c", "echo out")...)
		p.Want(0, "out", p.Container("--rm", "--rootfs", dir+":O", "sh", "-c", "echo out; touch /above")...)
		if _, err := os.Stat(dir + "/above"); err == nil {
			p.Errorf("directory below an overlay root: got the container's file in it, want it unchanged")
		}
	}},
	{Name: "mount and unmount", Do: func(p podman) {
		id := p.Up("echo seen >/home/x; exec sleep 1000")
		caller.Until(p.T, "the file is there", func() bool { return p.Try("exec", id, "ls", "/home/x").Code == 0 })
		dir := p.OK("mount", id)
		if text, err := os.ReadFile(dir + "/home/x"); string(text) != "seen\n" {
			p.Errorf("file in the mounted root: got %q, %v; want %q", text, err, "seen\n")
		}
		p.OK("unmount", id)
	}},
}
