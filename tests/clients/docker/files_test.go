package docker

import (
	"bytes"
	"os"
	"strings"
	"syscall"

	"teu/tests/clients/caller"
)

var fileChecks = checks{
	{Name: "read-only", Do: func(d docker) {
		d.Run("touch: /x: Read-only file system\nmade", "touch /x 2>&1; touch /dev/shm/x /scratch/x && echo made", "--read-only", "--tmpfs", "/scratch")
	}},
	{Name: "tmpfs", Do: func(d docker) {
		d.Run("64k noexec", "grep ' /scratch ' /proc/mounts | grep -q size=64k && echo 64k $(grep ' /scratch ' /proc/mounts | grep -o noexec)", "--tmpfs", "/scratch:size=64k")
		d.Run("1770", "stat -c %a /b", "--mount", "type=tmpfs,dst=/b,tmpfs-size=65536,tmpfs-mode=1770")
		d.Run("1024", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2", "--shm-size", "1m")
	}},
	{Name: "volumes", Do: func(d docker) {
		file := d.File("volume/file", "of the host", 0o644)
		dir := file[:strings.LastIndexByte(file, '/')]
		d.Run("of the host", "cat /v/file; echo new >/v/new", "-v", dir+":/v")
		if text, err := os.ReadFile(dir + "/new"); string(text) != "new\n" {
			d.Errorf("written through the volume: %q, %v", text, err)
		}
		d.Run("of the hostno", "cat /v/file; touch /v/x 2>/dev/null || echo no", "-v", dir+":/v:ro")
		d.Run("of the host", "cat /one", "-v", file+":/one:ro")
		d.Run("", "echo kept >/data/x", "-v", "named:/data")
		d.Run("kept", "cat /data/x", "--mount", "type=volume,src=named,dst=/data,readonly")
		id := d.Up(caller.Sleeper, "-v", "/anonymous")
		d.Want(0, "", "exec", id, "touch", "/anonymous/x")
		d.Run("", "ls /anonymous/x >/dev/null", "--volumes-from", id)
		d.Run("made", "test -d /v/deep/er && echo made", "-v", dir+"/made/deep:/v/deep/er")
	}},
	{Name: "volumes, propagation", Do: func(d docker) {
		dir := d.dir + "/home/shared"
		d.Check(os.MkdirAll(dir+"/below", 0o755))
		d.Check(syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
		d.Cleanup(func() { d.Check(syscall.Unmount(dir, syscall.MNT_DETACH)) })
		d.Check(syscall.Mount("", dir, "", syscall.MS_SHARED, ""))
		id := d.Up(caller.Sleeper, "-v", dir+":/v:rslave")
		private := d.Up(caller.Sleeper, "-v", dir+":/v:rprivate")
		d.Check(syscall.Mount("tmpfs", dir+"/below", "tmpfs", 0, ""))
		d.Cleanup(func() { d.Check(syscall.Unmount(dir+"/below", syscall.MNT_DETACH)) })
		d.Want(0, "1", "exec", id, "grep", "-c", " /v/below ", "/proc/mounts")
		d.Want(1, "0", "exec", private, "grep", "-c", " /v/below ", "/proc/mounts")
		d.Run("1", "grep ' /v ' /proc/self/mountinfo | grep -c shared:", "-v", dir+":/v:rshared")
	}},
	{Name: "cp", Do: func(d docker) {
		file := d.File("cp", "copied", 0o600)
		id := d.Up(caller.Sleeper)
		d.OK("cp", file, id+":/tmp/in")
		d.Want(0, "copied", "exec", id, "cat", "/tmp/in")
		d.OK("cp", id+":/etc/passwd", file+".out")
		if text, err := os.ReadFile(file + ".out"); !strings.HasPrefix(string(text), "root:x:0:0") {
			d.Errorf("%q, %v", text, err)
		}
		d.OK("kill", id)
		d.OK("cp", file, id+":/tmp/in2")
		d.OK("cp", id+":/tmp/in2", file+".out")
	}},
	{Name: "diff, export and commit", Do: func(d docker) {
		id := d.Up("echo new >/home/new; rm /etc/group; exec sleep 1000")
		caller.Until(d.T, "the file is there", func() bool { return d.Try("exec", id, "ls", "/home/new").Code == 0 })
		caller.Until(d.T, "the other is gone", func() bool { return strings.Contains(d.OK("diff", id), "D /etc/group") })
		if text := d.OK("diff", id); !strings.Contains(text, "A /home/new") {
			d.Errorf("diff: %q", text)
		}
		if text := d.OK("export", id); !bytes.Contains([]byte(text), []byte("home/new")) {
			d.Errorf("the export of %d bytes lacks the file", len(text))
		}
		d.OK("commit", "--change", "ENV FROM=commit", id, "committed")
		d.Want(0, "new\ncommit", "run", "--rm", "committed", "sh", "-c", "cat /home/new; echo $FROM")
		d.OK("rmi", "--force", "committed")
	}},
	{Name: "masked and read-only paths", Do: func(d docker) {
		d.Run("0\nno", "cat /proc/kcore 2>/dev/null | wc -c; (echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo no")
		d.Run("yes", "[ $(head -c 1 /proc/timer_list 2>/dev/null | wc -c) -ge 0 ] && echo yes", "--security-opt", "systempaths=unconfined")
	}},
}
