package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"teu/tests/clients/caller"
)

var fileChecks = checks{
	{Name: "read-only", Do: func(c ctr) {
		c.run("touch: /x: Read-only file system\nmade", "touch /x 2>&1; touch /dev/shm/x && echo made", "--read-only")
		c.run("made", "touch /x && echo made")
	}},
	{Name: "mounts", Do: func(c ctr) {
		file := c.file("mount/file", "of the host")
		dir := filepath.Dir(file)
		c.run("of the host", "cat /v/file; echo new >/v/new", "--mount", "type=bind,src="+dir+",dst=/v,options=rbind:rw")
		if text, err := os.ReadFile(dir + "/new"); string(text) != "new\n" {
			c.Errorf("file written through the mount: got %q, %v; want %q", text, err, "new\n")
		}
		c.run("of the hostno", "cat /v/file; touch /v/x 2>/dev/null || echo no", "--mount", "type=bind,src="+dir+",dst=/v,options=rbind:ro")
		c.run("of the hostno", "cat /data/one; (: >>/data/one) 2>/dev/null || echo no", "--mount", "type=bind,src="+file+",dst=/data/one,options=bind:ro")
		c.run("nosuid,nodev,noexec", "grep ' /v ' /proc/mounts | grep -o 'nosuid,nodev,noexec'", "--mount", "type=bind,src="+dir+",dst=/v,options=bind:nosuid:nodev:noexec")
		c.run("tmpfs /scratch tmpfs rw,noexec,relatime,size=64k 0 0", "grep ' /scratch ' /proc/mounts | sed 's/,inode64//'", "--mount", "type=tmpfs,src=tmpfs,dst=/scratch,options=size=64k:noexec")
	}},
	{Name: "propagation", Do: func(c ctr) {
		dir := filepath.Dir(c.file("shared/below/file", ""))
		top := filepath.Dir(dir)
		c.Check(syscall.Mount(top, top, "", syscall.MS_BIND, ""))
		c.Cleanup(func() { c.Check(syscall.Unmount(top, syscall.MNT_DETACH)) })
		c.Check(syscall.Mount("", top, "", syscall.MS_SHARED, ""))
		id := c.up(caller.Sleeper, "--mount", "type=bind,src="+top+",dst=/v,options=rbind:rslave")
		private := c.up(caller.Sleeper, "--mount", "type=bind,src="+top+",dst=/v,options=rbind:rprivate")
		c.Check(syscall.Mount("tmpfs", dir, "tmpfs", 0, ""))
		c.Cleanup(func() { c.Check(syscall.Unmount(dir, syscall.MNT_DETACH)) })
		c.inside(id, "1", "grep -c ' /v/below ' /proc/mounts")
		c.inside(private, "0", "grep -c ' /v/below ' /proc/mounts; true")
	}},
	{Name: "propagation of the root", Do: func(c ctr) {
		c.run("1", "grep -c ' / / .* shared:' /proc/self/mountinfo", "--rootfs-propagation", "rshared")
		c.run("0", "grep -c ' / / .* shared:' /proc/self/mountinfo; true")
	}},
	{Name: "rootfs", Do: func(c ctr) {
		c.Check(os.WriteFile(c.root+"/is-here", nil, 0o644))
		c.want(0, "/is-here\nmade", "run", "--runc-binary", c.Runtime.Path, "--rm", "--rootfs", c.root, c.id(), "/bin/sh", "-c", "ls /is-here; touch /made && echo made")
		if _, err := os.Stat(c.root + "/made"); err != nil {
			c.Errorf("file written into the root: %v, want it there", err)
		}
	}},
	{Name: "hooks of a GPU", Do: func(c ctr) {
		c.want(0, caller.GPUOutput, "run", "--runc-binary", c.gpu, "--rm", image, c.id(), "sh", "-c", caller.GPUScript)
	}},
	{Name: "root by chroot", Do: func(c ctr) {
		// ctr then forgets the runtime that it was told, and takes what is found as runc: the same.
		c.run("out", "echo out", "--no-pivot")
	}},
	{Name: "devices", Do: func(c ctr) {
		c.run("written", "echo x >/dev/null && echo written", "--device", "/dev/null")
		device := c.BlockDevice()
		c.run("opened", "(: <"+device+") && echo opened", "--device", device)
		// To make one is allowed, to open it is not.
		st, err := os.Stat(device)
		c.Check(err)
		number := st.Sys().(*syscall.Stat_t).Rdev
		c.run("made no", fmt.Sprintf("mknod /dev/k b %d %d && echo -n 'made '; (: </dev/k) 2>/dev/null || echo no", number>>8&0xfff, number&0xff))
	}},
}
