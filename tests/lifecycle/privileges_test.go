package lifecycle

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// Capabilities of the tests as bits of /proc/self/status.
const (
	capChown = 1 << 0
	capKill  = 1 << 5
	capBind  = 1 << 10

	capSysResource = 1 << 24
)

func TestCapabilities(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.capabilities.bounding[]", "process.capabilities.effective[]", "process.capabilities.permitted[]",
		"process.capabilities.inheritable[]", "process.capabilities.ambient[]")
	three := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	const allThree = capChown | capKill | capBind
	for _, c := range []struct {
		name                    string
		caps                    *specs.LinuxCapabilities
		uid                     uint32
		bnd, prm, eff, inh, amb uint64
	}{
		{name: "none given", caps: nil},
		{name: "empty", caps: &specs.LinuxCapabilities{}},
		{name: "bounding", caps: &specs.LinuxCapabilities{Bounding: three}, uid: 1000, bnd: allThree},
		{name: "permitted", caps: &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three[:1]}, bnd: allThree,
			prm: allThree, eff: allThree}, // root's exec fills both from the bounding set (capabilities(7))
		{name: "ambient", caps: &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three, Inheritable: three, Ambient: three[1:]},
			uid: 1000, bnd: allThree, prm: capKill | capBind, eff: capKill | capBind, inh: allThree, amb: capKill | capBind},
		{name: "inheritable", caps: &specs.LinuxCapabilities{Bounding: three, Permitted: three, Inheritable: three[:1]}, uid: 1000,
			bnd: allThree, inh: capChown},
		{name: "user without ambient", caps: &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three}, uid: 1000, bnd: allThree},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, process(func(p *specs.Process) { p.Capabilities, p.User.UID = c.caps, c.uid }))
			status := b.Inspect().Status
			for name, want := range map[string]uint64{"CapBnd": c.bnd, "CapPrm": c.prm, "CapEff": c.eff, "CapInh": c.inh, "CapAmb": c.amb} {
				if got := status[name]; got != fmt.Sprintf("%016x", want) {
					t.Errorf("%s %s, want %016x", name, got, want)
				}
			}
		})
	}
}

// TestCapabilitiesWarn: config.md, "Linux Process": what cannot be granted, or mapped, is warned of and left out.
func TestCapabilitiesWarn(t *testing.T) {
	t.Parallel()
	kit.Rooted(t)
	caps := []string{"CAP_KILL", "CAP_WONDER"}
	want := []string{"CAP_WONDER"}
	_, bounding, _ := strings.Cut(procFile(t, os.Getpid(), "status"), "CapBnd:")
	mine, err := strconv.ParseUint(strings.Fields(bounding)[0], 16, 64)
	check(t, err)
	if mine&capSysResource == 0 {
		caps, want = append(caps, "CAP_SYS_RESOURCE"), append(want, "CAP_SYS_RESOURCE")
	}
	b := kit.New(t, kit.Args("all"), process(func(p *specs.Process) {
		p.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps, Ambient: caps, Inheritable: caps}
	}))
	res, log := b.Logged("run", b.ID)
	for _, w := range want {
		if !strings.Contains(log, "level=warning") || !strings.Contains(log, w) {
			t.Errorf("%v: logged %q, want a warning of %s", res, log, w)
		}
	}
	b.Edit(process(func(p *specs.Process) { p.Capabilities.Inheritable = nil }))
	if res, log := b.Logged("run", b.ID); res.Code != 0 || !strings.Contains(log, "process.capabilities.ambient: not permitted and inheritable, so not made ambient: CAP_KILL") {
		t.Errorf("%v: logged %q, want exit code 0 and a warning of what cannot be ambient", res, log)
	}
	if got := kit.JSON[*kit.Report](b, res.Stdout).Status["CapBnd"]; got != fmt.Sprintf("%016x", capKill) {
		t.Errorf("CapBnd: got %s, want %016x", got, capKill)
	}
}

func TestNoNewPrivileges(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.noNewPrivileges")
	for _, on := range []bool{false, true} {
		b := kit.New(t, process(func(p *specs.Process) { p.NoNewPrivileges = on }))
		if got := b.Inspect().Status["NoNewPrivs"]; got != map[bool]string{false: "0", true: "1"}[on] {
			t.Errorf("NoNewPrivs with noNewPrivileges %v: got %s, want it to follow", on, got)
		}
	}
}

func TestRlimits(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.rlimits[].type", "process.rlimits[].soft", "process.rlimits[].hard")
	limits := []specs.POSIXRlimit{
		{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0},
		{Type: "RLIMIT_FSIZE", Soft: 1 << 30, Hard: 1 << 31}, {Type: "RLIMIT_CPU", Soft: 1000, Hard: 2000},
		{Type: "RLIMIT_DATA", Soft: 1 << 40, Hard: 1 << 40}, {Type: "RLIMIT_STACK", Soft: 1 << 20, Hard: 1 << 30},
		{Type: "RLIMIT_NPROC", Soft: 500, Hard: 600}, {Type: "RLIMIT_MEMLOCK", Soft: 1 << 12, Hard: 1 << 13},
		{Type: "RLIMIT_AS", Soft: 1 << 40, Hard: 1 << 41}, {Type: "RLIMIT_LOCKS", Soft: 7, Hard: 8},
		{Type: "RLIMIT_SIGPENDING", Soft: 20, Hard: 30}, {Type: "RLIMIT_MSGQUEUE", Soft: 1000, Hard: 2000},
		{Type: "RLIMIT_NICE", Soft: 0, Hard: 0}, {Type: "RLIMIT_RTPRIO", Soft: 0, Hard: 0},
		{Type: "RLIMIT_RTTIME", Soft: 1000000, Hard: 2000000}, {Type: "RLIMIT_RSS", Soft: 1 << 40, Hard: 1 << 40},
	}
	b := kit.New(t, process(func(p *specs.Process) { p.Rlimits = limits }))
	got := b.Inspect().Rlimits
	for _, l := range limits {
		if g := got[l.Type]; g.Soft != fmt.Sprint(l.Soft) || g.Hard != fmt.Sprint(l.Hard) {
			t.Errorf("%s: got %+v, want %+v", l.Type, g, l)
		}
	}
	// Those of an exec are the container's own again.
	b.Start("sleep", "forever")
	in := kit.JSON[*kit.Report](b, b.OK("exec", b.ID, kit.PayloadPath, "all").Stdout)
	if g := in.Rlimits["RLIMIT_NOFILE"]; g.Soft != "100" || g.Hard != "200" {
		t.Errorf("RLIMIT_NOFILE of an exec: got %+v, want 100, 200", g)
	}
}

// TestRlimitFewFiles: what teu needs to build the container is not limited by what the process gets.
func TestRlimitFewFiles(t *testing.T) {
	t.Parallel()
	few := func(n uint64) edit {
		return process(func(p *specs.Process) { p.Rlimits[0] = specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: n, Hard: n} })
	}
	b := kit.New(t, few(3), kit.Args("true"))
	b.Run()
	b.Edit(few(10))
	b.OK("create", b.ID)
	b.OK("start", b.ID)
}

// TestNoRlimitEndsTheInterpreter: whatever the process may not have, it waits at its gate, and what becomes of it is between the
// kernel and its program.
func TestNoRlimitEndsTheInterpreter(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO", "RTTIME",
		"SIGPENDING", "STACK",
	} {
		for _, uid := range []uint32{0, 12345} {
			args := kit.Args("sleep", "forever")
			if name == "CPU" {
				args = kit.Args("devices", "/dev/null", "/dev/absent") // busy
			}
			b := kit.New(t, args, process(func(p *specs.Process) {
				p.User.UID = uid
				p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_" + name}}
			}))
			b.OK("create", b.ID)
			time.Sleep(20 * time.Millisecond) // some ticks of the kernel's clock
			if got := b.State().Status; got != specs.StateCreated {
				t.Errorf("RLIMIT_%s of 0, uid %d: got a container that is %s, want it created", name, uid, got)
			}
			res := b.Teu("start", b.ID)
			// A process of another user that is one too many may not execute anything (execve(2), EAGAIN).
			if res.Code != 0 && !(name == "NPROC" && uid != 0 && strings.Contains(res.Stderr, "process.args: exec")) &&
				!(name == "CPU" && strings.Contains(res.Stderr, "init died")) {
				t.Errorf("RLIMIT_%s of 0, uid %d: %v, want it started", name, uid, res)
			}
			if res.Code == 0 && name == "CPU" {
				b.Ended()
			}
		}
	}
}

// TestFewFilesOfHooksAndExec: the descriptors that hooks and exec take come before the limit.
func TestFewFilesOfHooksAndExec(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 3, 6} {
		b := kit.New(t, kit.Args("sleep", "forever"), process(func(p *specs.Process) {
			p.User.UID = 12345
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: n, Hard: n}}
		}), func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "true"}}}}
		})
		b.Start()
		want := fmt.Sprint(n)
		if got := limitOf(t, b.State().Pid, "Max open files"); got != want+" "+want {
			t.Errorf("RLIMIT_NOFILE of the container: got %s, want %s %s", got, want, want)
		}
		b.OK("exec", b.ID, kit.PayloadPath, "true")
	}
}

// limitOf is a line of /proc/PID/limits, soft and hard.
func limitOf(t *testing.T, pid int, name string) string {
	t.Helper()
	text := procFile(t, pid, "limits")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Join(strings.Fields(rest)[:2], " ")
		}
	}
	t.Fatalf("limits of process %d: got no line of %s, want one:\n%s", pid, name, text)
	return ""
}

// TestRlimitAboveHard takes CAP_SYS_RESOURCE: without, the error says which limit it was.
func TestRlimitAboveHard(t *testing.T) {
	t.Parallel()
	b := kit.New(t, process(func(p *specs.Process) {
		p.Rlimits[0] = specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 1 << 20, Hard: 1 << 30}
	}))
	res := b.Teu("run", b.ID)
	if res.Code != 0 && (!strings.Contains(res.Stderr, "process.rlimits[0]") || !strings.Contains(res.Stderr, "not permitted")) {
		t.Errorf("%v, want success, or an error of process.rlimits[0], not permitted", res)
	}
}

func TestOOMScoreAdj(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "process.oomScoreAdj")
	b := kit.New(t, process(func(p *specs.Process) { p.OOMScoreAdj = ptr(333) }), kit.Args("sleep", "forever"))
	b.Start()
	if got := procFile(t, b.State().Pid, "oom_score_adj"); got != "333" {
		t.Errorf("oom_score_adj: got %s, want 333", got)
	}
	if out := b.OK("exec", b.ID, kit.PayloadPath, "cat", "/proc/self/oom_score_adj").Stdout; out != "333\n" {
		t.Errorf("oom_score_adj of an exec: got %q, want %q", out, "333\n")
	}
}
