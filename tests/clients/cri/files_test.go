package cri

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

// mounting gives a container mounts.
func mounting(mounts ...*v1.Mount) ofContainer {
	return func(config *v1.ContainerConfig) { config.Mounts = mounts }
}

var fileChecks = checks{
	{Name: "mounts", Do: func(c cri) {
		p := c.pod()
		file := c.file("mount/file", "of the host")
		dir := filepath.Dir(file)
		c.run(p, "of the host", "cat /v/file; echo new >/v/new", mounting(&v1.Mount{HostPath: dir, ContainerPath: "/v"}))
		if text, err := os.ReadFile(dir + "/new"); string(text) != "new\n" {
			c.Errorf("file written through the mount: got %q, %v; want %q", text, err, "new\n")
		}
		c.run(p, "of the hostno", "cat /v/file; touch /v/x 2>/dev/null || echo no", mounting(&v1.Mount{HostPath: dir, ContainerPath: "/v", Readonly: true}))
		c.run(p, "of the host", "cat /deep/er/one", mounting(&v1.Mount{HostPath: file, ContainerPath: "/deep/er/one"}))
		c.run(p, "of the host\nyes", "cat /v/file; echo; test -d /v/sub/below && echo yes", mounting(
			&v1.Mount{HostPath: c.Dir + "/made", ContainerPath: "/v/sub/below"}, &v1.Mount{HostPath: dir, ContainerPath: "/v"}))
	}},
	{Name: "propagation", Do: func(c cri) {
		below := filepath.Dir(c.file("shared/below/file", ""))
		top := filepath.Dir(below)
		c.Check(syscall.Mount(top, top, "", syscall.MS_BIND, ""))
		c.Cleanup(func() { c.Check(syscall.Unmount(top, syscall.MNT_DETACH)) })
		c.Check(syscall.Mount("", top, "", syscall.MS_SHARED, ""))
		p := c.pod()
		of := func(kind v1.MountPropagation) container {
			return c.up(p, caller.Sleeper, mounting(&v1.Mount{HostPath: top, ContainerPath: "/v", Propagation: kind}))
		}
		private, slave := of(v1.MountPropagation_PROPAGATION_PRIVATE), of(v1.MountPropagation_PROPAGATION_HOST_TO_CONTAINER)
		c.Check(syscall.Mount("tmpfs", below, "tmpfs", 0, ""))
		c.inside(private, "0", "grep -c ' /v/below ' /proc/mounts; true")
		c.inside(slave, "1", "grep -c ' /v/below ' /proc/mounts")
		c.Check(syscall.Unmount(below, syscall.MNT_DETACH))
		c.inside(slave, "0", "grep -c ' /v/below ' /proc/mounts; true")
	}},
	{Name: "propagation to the host", Do: func(c cri) {
		below := filepath.Dir(c.file("shared/below/file", ""))
		top := filepath.Dir(below)
		c.Check(syscall.Mount(top, top, "", syscall.MS_BIND, ""))
		c.Cleanup(func() { c.Check(syscall.Unmount(top, syscall.MNT_DETACH)) })
		c.Check(syscall.Mount("", top, "", syscall.MS_SHARED, ""))
		p := c.pod(privileged)
		ct := c.up(p, caller.Sleeper, mounting(&v1.Mount{HostPath: top, ContainerPath: "/v", Propagation: v1.MountPropagation_PROPAGATION_BIDIRECTIONAL}))
		c.inside(ct, "", "mount -t tmpfs t /v/below && touch /v/below/made")
		if _, err := os.Stat(below + "/made"); err != nil {
			c.Errorf("file in what was mounted inside: %v, want it on the host", err)
		}
		c.Check(syscall.Unmount(below, syscall.MNT_DETACH))
	}},
	{Name: "devices", Do: func(c cri) {
		p := c.pod()
		device := c.BlockDevice()
		c.run(p, "opened\nno", "(: </dev/other) && echo opened; (: >>/dev/other) 2>/dev/null || echo no", func(config *v1.ContainerConfig) {
			config.Devices = []*v1.Device{{HostPath: device, ContainerPath: "/dev/other", Permissions: "r"}}
		})
		st, err := os.Stat(device)
		c.Check(err)
		number := st.Sys().(*syscall.Stat_t).Rdev
		c.run(p, "made no", fmt.Sprintf("mknod /dev/k b %d %d && echo -n 'made '; (: </dev/k) 2>/dev/null || echo no", number>>8&0xfff, number&0xff))
	}},
	{Name: "shared memory", Do: func(c cri) {
		p := c.pod()
		one, two := c.up(p, caller.Sleeper), c.up(p, caller.Sleeper)
		c.inside(one, "", "echo shared >/dev/shm/x")
		c.inside(two, "shared", "cat /dev/shm/x")
	}},
}
