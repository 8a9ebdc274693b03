package caller

import (
	"os"
	"strings"
	"syscall"
)

// hostChecks are of limits, devices, files, and of coming up again.
var hostChecks = []Check[Engine]{
	{Name: "cpu limits", Do: func(e Engine) {
		e.Run("25000", CgroupFile("cpu/cpu.cfs_quota_us", "cpu.max")+" | cut -d' ' -f1", "--cpus", "0.25")
		e.Run("0", CgroupFile("cpuset/cpuset.cpus", "cpuset.cpus"), "--cpuset-cpus", "0")
		e.Run("Cpus_allowed_list:\t0", "grep Cpus_allowed_list /proc/self/status", "--cpuset-cpus", "0")
		e.Run("300", CgroupFile("cpu/cpu.shares", "none"), "--cpu-shares", "300")
	}},
	{Name: "block I/O limits", Do: func(e Engine) {
		device := e.BlockDevice()
		e.Run("1", CgroupFile("blkio/blkio.throttle.read_bps_device", "io.max")+" | grep -c 1048576", "--device-read-bps", device+":1mb")
		e.Run("1", CgroupFile("blkio/blkio.throttle.write_iops_device", "io.max")+" | grep -c 100", "--device-write-iops", device+":100")
	}},
	{Name: "devices", Do: func(e Engine) {
		e.Run("1, 3", "ls -l /dev/other | grep -o '1, *3'| tr -s ' '", "--device", "/dev/null:/dev/other:r")
		e.Run("no\nread", "(: >>/dev/other) 2>/dev/null || echo no; (: </dev/other) && echo read", "--device", e.BlockDevice()+":/dev/other:r")
		e.Run("no", "mknod /dev/k b 1 0; (: </dev/k) 2>/dev/null || echo no", "--cap-add", "MKNOD") // a block device that nothing allows
	}},
	{Name: "device rules", Do: func(e Engine) {
		e.Run("made", "mknod /tmp/k c 42 1 && echo made", "--cap-add", "MKNOD", "--device-cgroup-rule", "c 42:* rwm")
		e.Run("no\nyes", "mknod /tmp/k c 1 11; (: </tmp/k) 2>/dev/null || echo no; mknod /tmp/f c 1 7; (: </tmp/f) && echo yes", "--cap-add", "MKNOD", "--device-cgroup-rule", "c 42:* rwm")
	}},
	{Name: "volumes, propagation", Do: func(e Engine) {
		dir := e.Dir + "/shared"
		e.Check(os.MkdirAll(dir+"/below", 0o755))
		e.Check(syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
		e.Cleanup(func() { e.Check(syscall.Unmount(dir, syscall.MNT_DETACH)) })
		e.Check(syscall.Mount("", dir, "", syscall.MS_SHARED, ""))
		id := e.Up(Sleeper, "-v", dir+":/v:rslave")
		private := e.Up(Sleeper, "-v", dir+":/v:rprivate")
		e.Check(syscall.Mount("tmpfs", dir+"/below", "tmpfs", 0, ""))
		e.Cleanup(func() { e.Check(syscall.Unmount(dir+"/below", syscall.MNT_DETACH)) })
		e.Want(0, "1", "exec", id, "grep", "-c", " /v/below ", "/proc/mounts")
		e.Want(1, "0", "exec", private, "grep", "-c", " /v/below ", "/proc/mounts")
		e.Run("1", "grep ' /v ' /proc/self/mountinfo | grep -c shared:", "-v", dir+":/v:rshared")
	}},
	{Name: "cp", Do: func(e Engine) {
		file := e.File("cp", "copied", 0o600)
		id := e.Up(Sleeper)
		e.OK("cp", file, id+":/tmp/in")
		e.Want(0, "copied", "exec", id, "cat", "/tmp/in")
		e.OK("cp", id+":/etc/passwd", file+".out")
		if text, err := os.ReadFile(file + ".out"); !strings.HasPrefix(string(text), "root:x:0:0") {
			e.Errorf("copied file: got %q, %v; want root:x:0:0 first", text, err)
		}
		e.OK("kill", id)
		e.OK("cp", file, id+":/tmp/in2")
		e.OK("cp", id+":/tmp/in2", file+".out")
	}},
	{Name: "diff, export and commit", Do: func(e Engine) {
		id := e.Up("echo new >/home/new; rm /etc/group; exec sleep 1000")
		Until(e.T, "the file is there", func() bool { return e.Try("exec", id, "ls", "/home/new").Code == 0 })
		Until(e.T, "the other is gone", func() bool { return strings.Contains(e.OK("diff", id), "D /etc/group") })
		if text := e.OK("diff", id); !strings.Contains(text, "A /home/new") {
			e.Errorf("diff: got %q, want %q in it", text, "A /home/new")
		}
		if text := e.OK("export", id); !strings.Contains(text, "home/new") {
			e.Errorf("export: got %d bytes, want %q in them", len(text), "home/new")
		}
		e.OK("commit", "--change", "ENV FROM=commit", id, "committed")
		e.Cleanup(func() { e.OK("rmi", "--force", "committed") })
		e.Want(0, "new\ncommit", e.Container("--rm", "committed", "sh", "-c", "cat /home/new; echo $FROM")...)
	}},
	{Name: "restart", Do: func(e Engine) {
		id := e.Up("echo up; " + Sleeper)
		e.OK("restart", "--time", "0", id)
		Until(e.T, "it has come up twice", func() bool { return strings.Count(e.OK("logs", id), "up") == 2 })
		e.OK("stop", "--time", "0", id)
		e.OK("start", id)
		e.Becomes(id, ".State.Status", "running")
	}},
	{Name: "restart policies", Do: func(e Engine) {
		id := e.Up("echo up; exit 3", "--restart", "on-failure:2")
		Until(e.T, "it has failed for good", func() bool {
			return e.Inspect(id, ".RestartCount") == "2" && e.Inspect(id, ".State.Status") == "exited"
		})
		if n := strings.Count(e.OK("logs", id), "up"); n != 3 {
			e.Errorf("starts of a container with two restarts: got %d, want 3", n)
		}
		id = e.Up("echo up; sleep 0.1", "--restart", "always")
		Until(e.T, "it has come up again", func() bool { return strings.Count(e.OK("logs", id), "up") > 1 })
	}},
}
