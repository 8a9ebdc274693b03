package podman

import (
	"os"
	"path/filepath"
)

const containerfile = `FROM bb
RUN echo built >/built && id -u >>/built
RUN chown 1000 /built && echo more >>/built
RUN --mount=type=tmpfs,target=/t touch /t/x && mkdir -p /d && ls /t >>/built
COPY file /file
ENV A=b
USER 1000
WORKDIR /d
RUN pwd >/tmp/d; id -u >>/tmp/d
CMD ["sh", "-c", "cat /built /file /tmp/d; id -u; echo $A"]
`

// A build's container has the cgroup that is named its parent.
var imageChecks = checks{
	{Name: "build", Do: func(p podman) {
		file := p.File("build/Containerfile", containerfile, 0o644)
		dir := filepath.Dir(file)
		p.Check(os.WriteFile(dir+"/file", []byte("copied\n"), 0o644))
		p.OK("build", "--cgroup-parent=/"+p.cgroup+"/build", "--no-cache", "--tag", "built", dir)
		p.Cleanup(func() { p.OK("rmi", "--force", "built") })
		p.Want(0, "built\n0\nmore\nx\ncopied\n/d\n1000\n1000\nb", p.Container("--rm", "built")...)
	}},
	{Name: "build, with limits", Do: func(p podman) {
		file := p.File("limits/Containerfile", "FROM bb\nRUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ls /sys/class/net | wc -l; ulimit -n\n", 0o644)
		p.Says("67108864\n1\n123\n", "build", "--cgroup-parent=/"+p.cgroup+"/build", "--no-cache", "--network=none", "--memory", "64m", "--ulimit", "nofile=123:123", filepath.Dir(file))
	}},
	{Name: "build, failing", Do: func(p podman) {
		file := p.File("failing/Containerfile", "FROM bb\nRUN exit 5\n", 0o644)
		p.Fails(5, "exit status 5", "build", "--cgroup-parent=/"+p.cgroup+"/build", filepath.Dir(file))
		file = p.File("failing/Containerfile", "FROM bb\nRUN [\"/bin/nothing\"]\n", 0o644)
		p.Fails(1, "no such file or directory", "build", "--cgroup-parent=/"+p.cgroup+"/build", filepath.Dir(file))
	}},
	{Name: "save and load", Do: func(p podman) {
		file := p.Dir + "/saved.tar"
		p.OK("save", "--quiet", "--format", "oci-archive", "--output", file, "bb")
		p.OK("load", "--input", file)
		p.Run("out", "echo out")
	}},
}
