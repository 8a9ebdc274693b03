package cri

import (
	"os"
	"strings"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

// sharing gives a pod other namespaces.
func sharing(edit func(*v1.NamespaceOption)) ofPod {
	return func(p *v1.PodSandboxConfig) { edit(p.Linux.SecurityContext.NamespaceOptions) }
}

// host is the namespace of the suite.
func (c cri) host(kind string) string {
	ns, err := os.Readlink("/proc/self/ns/" + kind)
	c.Check(err)
	return ns
}

// namespace is that of a container.
func (c cri) namespaceOf(ct container, kind string) string {
	return strings.TrimSpace(string(c.exec(ct, "readlink", "/proc/self/ns/"+kind).Stdout))
}

var namespaceChecks = checks{
	{Name: "namespaces of a pod", Do: func(c cri) {
		p := c.pod()
		one, two := c.up(p, caller.Sleeper), c.up(p, caller.Sleeper)
		for kind, shared := range map[string]bool{"net": true, "ipc": true, "uts": true, "pid": false, "mnt": false} {
			a, b := c.namespaceOf(one, kind), c.namespaceOf(two, kind)
			if (a == b) != shared || a == c.host(kind) {
				c.Errorf("%s namespaces: got %s and %s, the host's is %s; want another than that, the same: %v", kind, a, b, c.host(kind), shared)
			}
		}
	}},
	{Name: "shared pids", Do: func(c cri) {
		p := c.pod(sharing(func(n *v1.NamespaceOption) { n.Pid = v1.NamespaceMode_POD }))
		one, two := c.up(p, "exec sleep 1001"), c.up(p, "exec sleep 1002")
		c.inside(one, "sleep1000000", "tr -d '\\0' </proc/1/cmdline") // the pod's own
		c.inside(two, "1", "ps | grep -c '[s]leep 1001'")
		// Its processes end with the container, though the namespace stays.
		three := c.up(p, "setsid sleep 1003 & setsid sleep 1003 & "+caller.Sleeper)
		c.is("the exit code", c.stop(three, 0), int32(137))
		c.inside(two, "0", "ps | grep -c '[s]leep 1003'; true")
	}},
	{Name: "pids of another container", Do: func(c cri) {
		p := c.pod()
		one := c.up(p, "exec sleep 1001")
		two := c.up(p, "exec sleep 1002", secure(func(s *v1.LinuxContainerSecurityContext) {
			s.NamespaceOptions = &v1.NamespaceOption{Pid: v1.NamespaceMode_TARGET, TargetId: one.id}
		}))
		c.inside(two, "sleep1001", "tr -d '\\0' </proc/1/cmdline")
	}},
	{Name: "network of the host", Do: func(c cri) {
		p := c.pod(sharing(func(n *v1.NamespaceOption) { n.Network = v1.NamespaceMode_NODE }), func(p *v1.PodSandboxConfig) { p.Hostname = "" })
		c.is("the address", c.podStatus(p).Network.GetIp(), "")
		c.is("the namespace", c.namespaceOf(c.up(p, caller.Sleeper), "net"), c.host("net"))
	}},
	{Name: "pids of the host", Do: func(c cri) {
		p := c.pod(sharing(func(n *v1.NamespaceOption) { n.Pid = v1.NamespaceMode_NODE }))
		ct := c.up(p, caller.Sleeper)
		c.is("the namespace", c.namespaceOf(ct, "pid"), c.host("pid"))
		c.is("the exit code", c.stop(ct, 0), int32(137))
	}},
	{Name: "IPC of the host", Do: func(c cri) {
		p := c.pod(sharing(func(n *v1.NamespaceOption) { n.Ipc = v1.NamespaceMode_NODE }))
		c.is("the namespace", c.namespaceOf(c.up(p, caller.Sleeper), "ipc"), c.host("ipc"))
	}},
	{Name: "everything of the host", Do: func(c cri) {
		p := c.pod(sharing(func(n *v1.NamespaceOption) {
			n.Network, n.Pid, n.Ipc = v1.NamespaceMode_NODE, v1.NamespaceMode_NODE, v1.NamespaceMode_NODE
		}), privileged, func(p *v1.PodSandboxConfig) { p.Hostname = "" })
		ct := c.up(p, caller.Sleeper)
		for _, kind := range []string{"net", "pid", "ipc"} {
			c.is("the namespace", c.namespaceOf(ct, kind), c.host(kind))
		}
	}},
	{Name: "user namespace", Known: "containerd 1.6 has none for pods", Do: func(c cri) {
		ids := []*v1.IDMapping{{HostId: 100000, ContainerId: 0, Length: 65536}}
		p := c.pod(sharing(func(n *v1.NamespaceOption) {
			n.UsernsOptions = &v1.UserNamespace{Mode: v1.NamespaceMode_POD, Uids: ids, Gids: ids}
		}))
		c.run(p, "0 100000 65536", "echo $(cat /proc/self/uid_map)")
	}},
	{Name: "name resolution", Do: func(c cri) {
		p := c.pod(func(p *v1.PodSandboxConfig) {
			p.DnsConfig = &v1.DNSConfig{Servers: []string{"10.0.0.10"}, Searches: []string{"svc.example.org"}, Options: []string{"ndots:5"}}
		})
		c.run(p, "search svc.example.org\nnameserver 10.0.0.10\noptions ndots:5", "cat /etc/resolv.conf")
	}},
	{Name: "pods reach each other and the host", Do: func(c cri) {
		p := c.pod()
		c.server(p)
		address := c.podStatus(p).Network.Ip
		c.hello(address + ":8000")
		c.inside(c.up(c.pod(), caller.Sleeper), "hello", "nc -w 20 "+address+" 8000 </dev/null")
		published := c.pod(func(p *v1.PodSandboxConfig) {
			p.PortMappings = []*v1.PortMapping{{Protocol: v1.Protocol_TCP, ContainerPort: 8000, HostPort: 18000}}
		})
		c.server(published)
		c.hello(strings.TrimSuffix(subnet, "0/24") + "1:18000")
	}},
}
