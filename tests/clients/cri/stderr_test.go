package cri

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
)

// unlogged is a handler that calls the runtime without a log, as CRI-O's conmon does: what the runtime has to say then is on the
// standard error that it shares with the container. containerd itself always names a log.
const unlogged = "unlogged"

const unloggedScript = `#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
	arg=$1
	shift
	n=$((n-1))
	case $arg in
	--log|--log-format) shift; n=$((n-1)) ;;
	*) set -- "$@" "$arg" ;;
	esac
done
exec RUNTIME "$@"
`

// makeUnlogged makes the program of the handler.
func (c cri) makeUnlogged() {
	c.Check(os.WriteFile(c.Dir+"/unlogged", []byte(strings.Replace(unloggedScript, "RUNTIME", c.Runtime.Path, 1)), 0o755))
}

var stderrChecks = checks{
	{Name: "standard error, a call both allowed and denied", Do: func(c cri) {
		p := c.podUnder(unlogged)
		c.quiet(p, seccomp(v1.SecurityProfile_Localhost, c.file("twice.json", c.twice(p))))
	}},
	{Name: "standard error, a capability that cannot be granted", Do: func(c cri) {
		// CAP_SYS_RESOURCE may be missing here.
		c.quiet(c.podUnder(unlogged), secure(func(s *v1.LinuxContainerSecurityContext) {
			s.Capabilities = &v1.Capability{AddCapabilities: []string{"SYS_RESOURCE"}}
		}))
	}},
}

// quiet wants what a container and an exec in it write to be all that is on their streams.
func (c cri) quiet(p pod, edits ...ofContainer) {
	const script = "echo out; echo err >&2"
	ct := c.up(p, script+"; "+caller.Sleeper, edits...)
	o := c.exec(ct, "sh", "-c", script)
	c.is("the exit code of exec", o.ExitCode, int32(0))
	c.is("the output of exec", string(o.Stdout), "out\n")
	c.is("the errors of exec", string(o.Stderr), "err\n")
	caller.Until(c.T, "both streams are logged", func() bool { return c.said(ct, "stdout") != "" && c.said(ct, "stderr") != "" })
	c.is("the output", c.said(ct, "stdout"), "out\n")
	c.is("the errors", c.said(ct, "stderr"), "err\n")
}

// twice is the daemon's own profile with two actions for setns, as CRI-O's has them: the second has no effect.
func (c cri) twice(p pod) string {
	ct := c.create(p, "", seccomp(v1.SecurityProfile_RuntimeDefault, ""))
	text := got(c.runtime.ContainerStatus(bg, &v1.ContainerStatusRequest{ContainerId: ct.id, Verbose: true}))(c.T).Info["info"]
	var info struct {
		RuntimeSpec struct {
			Linux struct{ Seccomp map[string]any }
		}
	}
	c.Check(json.Unmarshal([]byte(text), &info))
	profile := info.RuntimeSpec.Linux.Seccomp
	calls, _ := profile["syscalls"].([]any)
	if len(calls) == 0 {
		c.Fatalf("profile of the daemon: got %v, want one with system calls", profile)
	}
	setns := []string{"setns"}
	profile["syscalls"] = append(calls, map[string]any{"names": setns, "action": "SCMP_ACT_ALLOW"},
		map[string]any{"names": setns, "action": "SCMP_ACT_ERRNO", "errnoRet": syscall.ENOSYS}) // the same as by default would be no action of its own
	file, err := json.Marshal(profile)
	c.Check(err)
	return string(file)
}
