package docker

import (
	"os"
	"testing"

	"teu/tests/clients/caller"
)

// ownCgroups is a script that shows that a container of a privileged one is in cgroups below the other's: its memory is limited.
const ownCgroups = `cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max; echo nested`

// innerDocker is a script that starts a daemon in the container and has it run one.
const innerDocker = `export PATH=/opt:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mkdir -p /run/in /etc/docker
dockerd --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs --data-root=/in --exec-root=/run/in/exec \
	--host=unix:///run/in/sock --pidfile=/run/in/pid >/run/in/log 2>&1 &
export DOCKER_HOST=unix:///run/in/sock
n=0
until docker version >/dev/null 2>&1; do
	n=$((n+1))
	[ $n -lt 600 ] || { tail -n 20 /run/in/log >&2; exit 1; }
	sleep 0.1
done
docker import /bb.tar bb >/dev/null
docker run --rm --network=none --memory=64m bb sh -c '` + ownCgroups + `' || { code=$?; tail -n 20 /run/in/log >&2; exit $code; }
docker run --rm --network=none --privileged bb sh -c 'mkdir $(ls -d /sys/fs/cgroup/pids /sys/fs/cgroup 2>/dev/null | head -n 1)/mine && echo made'
kill $(cat /run/in/pid)
wait`

// innerRuntime is a script that has the runtime itself run a container in the container.
const innerRuntime = `mkdir -p /in/rootfs/bin && cd /in && cp /bin/busybox rootfs/bin/busybox && ln -s busybox rootfs/bin/sh && ln -s busybox rootfs/bin/cat
/opt/runc spec
sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sh", "-c", "cat \/proc\/self\/cgroup | busybox grep -o inner | busybox head -n 1; echo nested"/; s/"linux": {/&"cgroupsPath": "\/inner",/' config.json
PATH=/bin /opt/runc run inner </dev/null`

var nestedChecks = checks{
	{Name: "Docker in a privileged container", Do: func(d docker) {
		d.Run("67108864\nnested\nmade", innerDocker, d.nesting()...)
	}},
	{Name: "the runtime in a privileged container", Do: func(d docker) {
		d.Run("inner\nnested", innerRuntime, d.nesting()...)
	}},
}

// nesting are the flags of a container in which the host's programs run: the runtime is runc there, too.
func (d docker) nesting() []string {
	tar := d.Dir + "/bb.tar"
	d.Check(os.WriteFile(tar, caller.Busybox(nestedTB), 0o644))
	return []string{
		"--privileged", "-v", "/in", "-v", tar + ":/bb.tar:ro", "-v", d.daemon.Path + ":/opt/runc:ro",
		"-v", "/usr:/usr:ro", "-v", "/sbin:/sbin:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro",
	}
}

// nestedTB is the test that makes the image.
var nestedTB testing.TB

// TestNested: a privileged container of Docker's has cgroups to make others in.
func TestNested(t *testing.T) {
	nestedTB = t
	caller.Compare(t, "Docker 20.10, nested", func(t testing.TB, r caller.Runtime) docker { return start(t, r) }, nestedChecks)
}
