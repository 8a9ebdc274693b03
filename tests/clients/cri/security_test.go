package cri

import (
	"fmt"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

// secure changes the security context of a container.
func secure(edit func(*v1.LinuxContainerSecurityContext)) ofContainer {
	return func(config *v1.ContainerConfig) { edit(config.Linux.SecurityContext) }
}

// seccomp gives a container a profile.
func seccomp(kind v1.SecurityProfile_ProfileType, file string) ofContainer {
	return secure(func(s *v1.LinuxContainerSecurityContext) {
		s.Seccomp = &v1.SecurityProfile{ProfileType: kind, LocalhostRef: file}
	})
}

// privileged is for a pod; its containers are so too.
func privileged(p *v1.PodSandboxConfig) { p.Linux.SecurityContext.Privileged = true }

var securityChecks = checks{
	{Name: "users", Do: func(c cri) {
		p := c.pod()
		c.run(p, "uid=1000(user) gid=100(users) groups=100(users)", "id", secure(func(s *v1.LinuxContainerSecurityContext) {
			s.RunAsUser = &v1.Int64Value{Value: 1000}
		}))
		c.run(p, "uid=7 gid=8 groups=8,29(audio),5000", "id", secure(func(s *v1.LinuxContainerSecurityContext) {
			s.RunAsUser, s.RunAsGroup, s.SupplementalGroups = &v1.Int64Value{Value: 7}, &v1.Int64Value{Value: 8}, []int64{29, 5000}
		}))
		c.run(p, "uid=1000(user) gid=100(users) groups=100(users)", "id", secure(func(s *v1.LinuxContainerSecurityContext) { s.RunAsUsername = "user" }))
		c.run(p, "uid=1000(user) gid=100(users) groups=100(users)", "id", func(config *v1.ContainerConfig) { config.Image.Image = userImage })
		ct := c.up(p, caller.Sleeper, secure(func(s *v1.LinuxContainerSecurityContext) { s.RunAsUser = &v1.Int64Value{Value: 1000} }))
		c.inside(ct, "uid=1000(user) gid=100(users) groups=100(users)", "id")
	}},
	{Name: "read-only root", Do: func(c cri) {
		c.run(c.pod(), "touch: /x: Read-only file system\nmade", "touch /x 2>&1; touch /dev/shm/x && echo made", secure(func(s *v1.LinuxContainerSecurityContext) { s.ReadonlyRootfs = true }))
	}},
	{Name: "capabilities", Do: func(c cri) {
		p := c.pod()
		of := func(add, drop []string) ofContainer {
			return secure(func(s *v1.LinuxContainerSecurityContext) {
				s.Capabilities = &v1.Capability{AddCapabilities: add, DropCapabilities: drop}
			})
		}
		c.run(p, "CapEff:\t00000000a80425fb", "grep CapEff /proc/self/status")
		c.run(p, "CapEff:\t0000000000000000", "grep CapEff /proc/self/status", of(nil, []string{"ALL"}))
		c.run(p, "CapEff:\t0000000000000400", "grep CapEff /proc/self/status", of([]string{"NET_BIND_SERVICE"}, []string{"ALL"}))
		c.run(p, "CapEff:\t00000000a80c25fa", "grep CapEff /proc/self/status", of([]string{"SYS_PTRACE"}, []string{"CHOWN"}))
	}},
	{Name: "privileged", Do: func(c cri) {
		p := c.pod(privileged)
		// CAP_SYS_RESOURCE or another capability may be missing here, which has to be a warning and no more.
		c.run(p, "mounted\nSeccomp:\t0", "mount -t tmpfs t /mnt && echo mounted; grep Seccomp: /proc/self/status")
		ct := c.up(p, caller.Sleeper)
		c.inside(ct, "mounted", "mount -t tmpfs t /mnt && echo mounted")
	}},
	{Name: "privileged, /sys can be written to", Do: func(c cri) {
		// The pod has a /sys of the same network namespace, which is the same file system; there it is read-only.
		c.run(c.pod(privileged), " rw,", "grep ' /sys ' /proc/mounts | grep -o ' rw,'")
	}},
	{Name: "seccomp", Do: func(c cri) {
		p := c.pod()
		c.run(p, "Seccomp:\t2\nunshare: unshare(0x10000000): Operation not permitted", "grep Seccomp: /proc/self/status; unshare -U true 2>&1; true", seccomp(v1.SecurityProfile_RuntimeDefault, ""))
		c.run(p, "Seccomp:\t0", "grep Seccomp: /proc/self/status", seccomp(v1.SecurityProfile_Unconfined, ""))
		profile := c.file("profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`)
		c.run(p, "mkdir: can't create directory '/x': Operation not supported", "mkdir /x 2>&1; true", seccomp(v1.SecurityProfile_Localhost, profile))
		ct := c.up(p, caller.Sleeper, seccomp(v1.SecurityProfile_RuntimeDefault, ""))
		c.inside(ct, "Seccomp:\t2", "grep Seccomp: /proc/self/status")
	}},
	{Name: "seccomp of a pod", Do: func(c cri) {
		p := c.pod(func(p *v1.PodSandboxConfig) {
			p.Linux.SecurityContext.Seccomp = &v1.SecurityProfile{ProfileType: v1.SecurityProfile_RuntimeDefault}
		})
		c.run(p, "out", "echo out", seccomp(v1.SecurityProfile_RuntimeDefault, ""))
	}},
	{Name: "no new privileges", Do: func(c cri) {
		p := c.pod()
		for want, is := range []bool{false, true} {
			c.run(p, fmt.Sprintf("NoNewPrivs:\t%d", want), "grep NoNewPrivs /proc/self/status", secure(func(s *v1.LinuxContainerSecurityContext) { s.NoNewPrivs = is }))
		}
	}},
	{Name: "masked and read-only paths", Do: func(c cri) {
		p := c.pod()
		const script = "cat /etc/group | wc -c; ls /home | wc -l; (: >>/proc/sys/kernel/hostname) 2>/dev/null || echo no"
		c.run(p, "0\n0\nno", "mkdir -p /home; "+script, secure(func(s *v1.LinuxContainerSecurityContext) {
			s.MaskedPaths, s.ReadonlyPaths = []string{"/etc/group", "/home"}, []string{"/proc/sys"}
		}))
		c.run(p, "kept\nno", "test -s /etc/group && echo kept; (: >>/proc/sysrq-trigger) 2>/dev/null || echo no", secure(func(s *v1.LinuxContainerSecurityContext) {
			s.MaskedPaths, s.ReadonlyPaths = []string{"/proc/kcore"}, []string{"/proc/sysrq-trigger"}
		}))
	}},
	{Name: "sysctls", Do: func(c cri) {
		p := c.pod(func(p *v1.PodSandboxConfig) {
			p.Linux.Sysctls = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmni": "77"}
		})
		c.run(p, "1\n77", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmni")
		_, err := c.runtime.RunPodSandbox(bg, &v1.RunPodSandboxRequest{RuntimeHandler: c.Runtime.Name, Config: c.podConfig(func(p *v1.PodSandboxConfig) {
			p.Linux.Sysctls = map[string]string{"kernel.pid_max": "1000"}
		})})
		c.fails(err, "kernel.pid_max")
	}},
}
