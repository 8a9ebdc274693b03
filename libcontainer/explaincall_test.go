package libcontainer

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
)

func TestKeyQuota(t *testing.T) {
	const users = "    0:     9 8/8 3/1000000 40/25000000\n 1000:   201 200/200 200/200 4400/20000\n 1001:     5 4/4 4/200 19990/20000\n"
	const dir = "/proc/sys/kernel/keys/"
	for uid, want := range map[int]string{
		0:    "user 0 of the host has keys of 40 bytes of 25000000 (" + dir + "root_maxbytes)",
		1000: "user 1000 of the host has 200 keys of 200 (" + dir + "maxkeys)",
		1001: "user 1001 of the host has keys of 19990 bytes of 20000 (" + dir + "maxbytes)",
		77:   "user 77 of the host has as many keys as it may have (" + dir + "maxkeys, maxbytes)",
		-1:   "the user has as many keys as it may have (" + dir + "maxkeys, maxbytes)",
	} {
		if got := keyQuota(users, uid); got != want {
			t.Errorf("keys of user %d: got %s\nwant %s", uid, got, want)
		}
	}
	if got := hostUser(os.Getpid()); got != os.Getuid() {
		t.Errorf("user of this process: got %d, want %d", got, os.Getuid())
	}
}

// TestExplainCall: an errno of some calls says more than its name.
func TestExplainCall(t *testing.T) {
	for _, c := range []struct {
		nr    uint16
		where string
		errno syscall.Errno
		want  string // "": nothing is added
	}{
		{sys.SysKeyctl, "", syscall.EDQUOT, "/proc/sys/kernel/keys/"},
		{sys.SysKeyctl, "", syscall.EACCES, "--no-new-keyring"},
		{sys.SysKeyctl, "", syscall.ENOMEM, "no memory for a key"},
		{sys.SysKeyctl, "", syscall.EINVAL, ""},
		{sys.SysSetMempolicy, "linux.memoryPolicy", syscall.ENOSYS, "not in this kernel"},
		{sys.SysSetMempolicy, "linux.memoryPolicy", syscall.EINVAL, "none of the nodes is there"},
		{sys.SysWrite, "process.apparmorProfile", syscall.ENOENT, "no such profile is loaded"},
		{sys.SysWrite, "process.apparmorProfile", syscall.EACCES, "the profile that confines the runtime itself"},
		{sys.SysWrite, "process.selinuxLabel", syscall.EACCES, "the SELinux policy does not let"},
		{sys.SysWrite, "linux.sysctl.x", syscall.EACCES, ""},
		{sys.SysUmask, "", syscall.EPERM, ""},
	} {
		pe := &program.Error{
			Report: program.Report{Status: program.Failed, Errno: c.errno},
			Notes:  []program.Note{{Op: program.OpSyscall, Nr: c.nr, Where: c.where}},
		}
		err := explainCall(pe, os.Getpid())
		if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.want) || (err.Error() == pe.Error()) != (c.want == "") {
			t.Errorf("explain %v: got %v, want %q in it (if empty, the error as it is)", pe, err, c.want)
		}
	}
}

func TestExplainScheduler(t *testing.T) {
	for _, c := range []struct {
		policy specs.LinuxSchedulerPolicy
		errno  syscall.Errno
		want   string
	}{
		{"SCHED_FIFO", syscall.EPERM, "cpu.rt_runtime_us"},
		{"SCHED_RR", syscall.EPERM, "linux.resources.cpu.realtimeRuntime"},
		{"SCHED_DEADLINE", syscall.EPERM, "all processors of the root domain"},
		{"SCHED_DEADLINE", syscall.EBUSY, "no bandwidth left"},
		{"SCHED_OTHER", syscall.EOPNOTSUPP, "CONFIG_UCLAMP_TASK"},
		{"SCHED_OTHER", syscall.EPERM, ""},
	} {
		err := explainScheduler(&specs.Scheduler{Policy: c.policy}, os.NewSyscallError("sched_setattr", c.errno))
		if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("explain the error %v of %s: got %v, want %q in it", c.errno, c.policy, err, c.want)
		}
	}
	if err := explainScheduler(&specs.Scheduler{Policy: "SCHED_FIFO"}, nil); err != nil {
		t.Errorf("explain no error: got %v, want none", err)
	}
}
