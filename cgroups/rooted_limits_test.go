package cgroups

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/devices"
	"teu/internal/sys"
)

func itoa(n int) string { return strconv.Itoa(n) }

func resources(t *testing.T, text string) *specs.LinuxResources {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return &r
}

// tries is a script that opens for reading and for writing, and makes nodes; it says what succeeded.
const tries = `
r() { if ( exec 3<"$1" ) 2>/dev/null; then echo "r ${1##*/} yes"; else echo "r ${1##*/} no"; fi; }
w() { if ( exec 3>"$1" ) 2>/dev/null; then echo "w ${1##*/} yes"; else echo "w ${1##*/} no"; fi; }
m() { if mknod DIR/new $1 $2 $3 2>/dev/null; then rm DIR/new; echo "m $1 $2:$3 yes"; else echo "m $1 $2:$3 no"; fi; }
`

// testDevices lets the kernel judge: a payload opens and makes device nodes.
func testDevices(t *testing.T) {
	dir := t.TempDir()
	for name, dev := range map[string]string{"kmsg": "c 1 11", "null": "c 1 3", "zero": "c 1 5", "loop": "b 7 99", "tun": "c 10 200"} {
		if out, err := exec.Command("mknod", append([]string{dir + "/" + name}, strings.Fields(dev)...)...).CombinedOutput(); err != nil {
			t.Skipf("cannot make device nodes: %v: %s", err, out)
		}
	}
	run := func(b *box, script string) string {
		p := b.start(strings.ReplaceAll(tries+script, "DIR", dir))
		return strings.Join(strings.Fields(strings.ReplaceAll(p.wait(t), "\n", ", ")), " ")
	}
	b := newBox(t, parent()+"/c")
	const script = "r DIR/null; w DIR/null; r DIR/zero; r DIR/kmsg; w DIR/kmsg; m c 1 11; m b 7 99; m c 1 3"

	// The order matters: each Set replaces the one before.
	for _, c := range []struct{ name, devices, want string }{
		{"defaults", `[]`,
			"r null yes, w null yes, r zero yes, r kmsg no, w kmsg no, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
		{"one more, to read", `[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]`,
			"r null yes, w null yes, r zero yes, r kmsg yes, w kmsg no, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
		{"a major", `[{"allow":true,"type":"c","major":1,"access":"rw"}]`,
			"r null yes, w null yes, r zero yes, r kmsg yes, w kmsg yes, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
		{"privileged", `[{"allow":true,"access":"rwm"}]`,
			"r null yes, w null yes, r zero yes, r kmsg yes, w kmsg yes, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
		{"privileged but for one", `[{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":11,"access":"w"}]`,
			"r null yes, w null yes, r zero yes, r kmsg yes, w kmsg no, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
		{"defaults again", `[{"allow":false,"access":"rwm"}]`,
			"r null yes, w null yes, r zero yes, r kmsg no, w kmsg no, m c 1:11 yes, m b 7:99 yes, m c 1:3 yes,"},
	} {
		b.set(resources(t, `{"devices":`+c.devices+`}`))
		if got := run(b, script); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	// Without the defaults: what they say of mknod is not what the kernel does by itself.
	bare := []devices.Rule{{Allow: false, Kind: 'a', Major: devices.Any, Minor: devices.Any, Access: devices.All},
		{Allow: true, Kind: 'c', Major: 1, Minor: 3, Access: devices.Read | devices.Mknod}}
	b.ok(b.setDevices(bare))
	const want = "r null yes, w null no, r zero no, r kmsg no, w kmsg no, m c 1:11 no, m b 7:99 no, m c 1:3 yes,"
	// The shell's own 2>/dev/null would not get past this filter.
	if got := run(b, strings.ReplaceAll(tries, "2>/dev/null", "2>&-")+script); got != want {
		t.Errorf("bare:\ngot  %s\nwant %s", got, want)
	}
	if p := b.v1("devices"); p != nil {
		if got := b.value("devices", "devices.list"); got != "c 1:3 rm" {
			t.Errorf("devices.list: got %q, want %q", got, "c 1:3 rm")
		}
	}
}

// testFilterReplaced counts programs: ours is one however often it is set, somebody else's stays.
func testFilterReplaced(t *testing.T) {
	b := newBox(t, parent()+"/c")
	fd, ok := b.Dir()
	if !ok {
		t.Skip("needs v2")
	}
	yes, err := devices.Program([]devices.Rule{{Allow: true, Kind: 'a', Major: devices.Any, Minor: devices.Any, Access: devices.All}})
	b.ok(err)
	foreign, err := sys.DeviceProgLoad(devices.Encode(yes), "somebody")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("bpf(2) is not allowed")
	}
	b.ok(err)
	defer sys.Close(foreign)
	b.ok(sys.DeviceProgAttach(fd, foreign, -1))
	rules, err := devices.Parse(nil)
	b.ok(err)
	for range 3 {
		b.ok(devices.Attach(fd, rules))
	}
	ids, err := sys.DeviceProgs(fd)
	b.ok(err)
	var names []string
	for _, id := range ids {
		p, err := sys.BPFProgByID(id)
		b.ok(err)
		name, err := sys.BPFProgName(p)
		b.ok(err)
		b.ok(sys.Close(p))
		names = append(names, name)
	}
	if len(names) != 2 || names[0] != "somebody" || names[1] != "teu_devices" {
		t.Errorf("programs attached: got %q, want somebody, teu_devices", names)
	}
	// A program that the verifier refuses: exit without a verdict.
	_, err = sys.DeviceProgLoad(devices.Encode([]devices.Insn{{Op: sys.BPFExit}}), "bad")
	if err == nil || !strings.Contains(err.Error(), "bpf BPF_PROG_LOAD: ") || !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EINVAL) {
		t.Errorf("load a bad program: got %v, want EACCES or EINVAL", err)
	}
}

// testDevicesNested has a container in the cgroup of a container: on v1 the kernel refuses what the outer one
// does not have.
func testDevicesNested(t *testing.T) {
	top := parent()
	outer := newBox(t, top+"/c")
	if outer.v1("devices") == nil {
		t.Skip("needs the v1 devices controller")
	}
	outer.set(nil)
	inner := newBox(t, top+"/c/inner")
	inner.set(nil)
	_, err := inner.Set(resources(t, `{"devices":[{"allow":true,"type":"b","major":8,"minor":1,"access":"r"}]}`))
	if !errors.Is(err, syscall.EPERM) || !strings.HasSuffix(err.Error(), `/c/inner/devices.allow "b 8:1 r": operation not permitted`) {
		t.Errorf("allow more than the outer cgroup: got %v, want EPERM of its devices.allow", err)
	}
	if _, err := inner.Set(resources(t, `{"devices":[{"allow":true,"access":"rwm"}]}`)); !errors.Is(err, syscall.EPERM) {
		t.Errorf("privileged inside: got %v, want EPERM", err)
	}
}

// has tells whether the world has the controllers for a test.
func (b *box) has(controllers ...string) bool {
	for _, c := range controllers {
		if p := b.place(c); p == nil || p.V2() && !hasField(b.value(c, "cgroup.controllers"), c) {
			return false
		}
	}
	return true
}

// readBack is a table of resources and the files that must hold them then, in order: limits go up and down.
type readBack []struct{ in, want string }

var limitsV1 = readBack{
	{`{"memory":{"limit":104857600,"swap":209715200,"reservation":52428800,"swappiness":10}}`,
		"memory.limit_in_bytes 104857600, memory.memsw.limit_in_bytes 209715200, memory.soft_limit_in_bytes 52428800, memory.swappiness 10"},
	{`{"memory":{"limit":314572800,"swap":419430400}}`, "memory.limit_in_bytes 314572800, memory.memsw.limit_in_bytes 419430400"},
	{`{"memory":{"limit":4194304,"swap":4194304}}`, "memory.limit_in_bytes 4194304, memory.memsw.limit_in_bytes 4194304"},
	{`{"memory":{"limit":-1}}`, "memory.limit_in_bytes 9223372036854771712, memory.memsw.limit_in_bytes 9223372036854771712"},
	{`{"memory":{"disableOOMKiller":true}}`, "memory.oom_control oom_kill_disable 1"},
	{`{"cpu":{"shares":512,"quota":50000,"period":100000,"burst":20000}}`,
		"cpu.shares 512, cpu.cfs_quota_us 50000, cpu.cfs_period_us 100000, cpu.cfs_burst_us 20000"},
	{`{"cpu":{"quota":10000,"burst":5000}}`, "cpu.cfs_quota_us 10000, cpu.cfs_burst_us 5000"},
	{`{"cpu":{"quota":90000,"burst":80000}}`, "cpu.cfs_quota_us 90000, cpu.cfs_burst_us 80000"},
	{`{"cpu":{"quota":-1,"burst":0}}`, "cpu.cfs_quota_us -1, cpu.cfs_burst_us 0"},
	{`{"cpu":{"idle":1}}`, "cpu.idle 1"},
	{`{"cpu":{"idle":0,"shares":2048}}`, "cpu.idle 0, cpu.shares 2048"},
	{`{"cpu":{"cpus":"0","mems":"0"}}`, "cpuset.cpus 0, cpuset.mems 0"},
	{`{"pids":{"limit":20}}`, "pids.max 20"},
	{`{"pids":{"limit":0}}`, "pids.max 1"},
	{`{"pids":{"limit":-1}}`, "pids.max max"},
}

var limitsV2 = readBack{
	{`{"memory":{"limit":104857600,"swap":209715200,"reservation":52428800}}`,
		"memory.max 104857600, memory.swap.max 104857600, memory.low 52428800"},
	{`{"memory":{"swap":115343360}}`, "memory.max 104857600, memory.swap.max 10485760"},
	{`{"memory":{"limit":4194304,"swap":4194304}}`, "memory.max 4194304, memory.swap.max 0"},
	{`{"memory":{"limit":-1,"reservation":-1}}`, "memory.max max, memory.swap.max max, memory.low max"},
	{`{"cpu":{"shares":1024,"quota":50000,"period":100000,"burst":20000}}`, "cpu.weight 100, cpu.max 50000 100000, cpu.max.burst 20000"},
	{`{"cpu":{"period":200000}}`, "cpu.max 50000 200000"},
	{`{"cpu":{"quota":10000,"burst":5000}}`, "cpu.max 10000 200000, cpu.max.burst 5000"},
	{`{"cpu":{"quota":90000,"burst":80000}}`, "cpu.max 90000 200000, cpu.max.burst 80000"},
	{`{"cpu":{"quota":-1,"burst":0}}`, "cpu.max max 200000, cpu.max.burst 0"},
	{`{"cpu":{"idle":1}}`, "cpu.idle 1"},
	{`{"cpu":{"idle":0,"shares":2048}}`, "cpu.idle 0, cpu.weight 174"},
	{`{"cpu":{"cpus":"0","mems":"0"}}`, "cpuset.cpus 0, cpuset.mems 0"},
	{`{"pids":{"limit":20}}`, "pids.max 20"},
	{`{"pids":{"limit":0}}`, "pids.max 1"},
	{`{"pids":{"limit":-1}}`, "pids.max max"},
}

// testLimits sets limits and reads them back.
func testLimits(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if !b.has("memory", "cpu", "pids", "cpuset") {
		t.Skip("needs the controllers")
	}
	table := limitsV2
	if b.v1("memory") != nil {
		table = limitsV1
	}
	for _, c := range table {
		b.set(resources(t, c.in))
		for want := range strings.SplitSeq(c.want, ", ") {
			file, value, _ := strings.Cut(want, " ")
			controller, _, _ := strings.Cut(file, ".")
			if got := b.value(controller, file); !strings.HasPrefix(got, value) {
				t.Errorf("%s: got %s %q, want %q", c.in, file, got, value)
			}
		}
	}
	_, err := b.Set(resources(t, `{"cpu":{"cpus":"99999"}}`))
	if err == nil || !strings.HasPrefix(err.Error(), "linux.resources.cpu.cpus: write ") || !strings.Contains(err.Error(), `/cpuset.cpus "99999": `) {
		t.Errorf("a cpu that is not there: got %v, want an error of cpuset.cpus", err)
	}
}

// testLimitsAtWork sees a payload run into its limits.
func testLimitsAtWork(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if !b.has("memory", "pids", "cpuset") {
		t.Skip("needs the controllers")
	}
	b.set(resources(t, `{"cpu":{"cpus":"0"},"pids":{"limit":3},"memory":{"limit":8388608}}`))
	p := b.start("exec sleep 1000")
	if got := status(t, p.Process.Pid, "Cpus_allowed_list"); got != "0" {
		t.Errorf("Cpus_allowed_list: got %s, want 0", got)
	}
	b.ok(p.Process.Kill())
	p.killed(t)
	out := b.start("for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait; echo end").wait(t)
	if !strings.Contains(strings.ToLower(out), "fork") {
		t.Errorf("forks beyond the limit: got %q, want an error of fork", out)
	}
	b.start(`exec awk 'BEGIN { s = "x"; while (length(s) < 100000000) s = s s; print length(s) }'`).killed(t)
	q := b.start("exec sleep 1000")
	_, err := b.Set(resources(t, `{"memory":{"limit":4096}}`))
	if b.v1("memory") != nil && err != nil {
		if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "bytes are in use") {
			t.Errorf("limit below the usage: got %v, want EBUSY with the bytes in use", err)
		}
	}
	b.ok(b.Kill())
	q.killed(t)
}

// testNoController asks a v2 tree for limits that it has no controllers for.
func testNoController(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if b.rec.Mode != Unified || b.has("memory") {
		t.Skip("needs a v2 tree without controllers")
	}
	_, err := b.Set(resources(t, `{"memory":{"limit":4194304}}`))
	if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EACCES) || !strings.HasPrefix(err.Error(), "linux.resources.memory.limit: no memory cgroup controller: write ") {
		t.Errorf("set without the controller: got %v, want that there is no memory controller", err)
	}
}

// testBusyCgroup has a payload that gave controllers to the children of its cgroup: nothing can join that any
// more, but what is in a child can be joined there.
func testBusyCgroup(t *testing.T) {
	b := newBox(t, parent()+"/c")
	if b.rec.Mode != Unified || !b.has("memory") {
		t.Skip("needs the memory controller of cgroup v2")
	}
	p := b.start("exec sleep 1000")
	b.put(b.mkdir(b.main()+"/init"), p.Process.Pid)
	b.ok(os.WriteFile(b.main()+"/cgroup.subtree_control", []byte("+memory"), 0))
	q := exec.Command("sleep", "1000")
	b.ok(q.Start())
	defer q.Wait()
	defer q.Process.Kill()
	if err := b.Join(q.Process.Pid, false); !Busy(err) {
		t.Errorf("join: got %v, want an error that it is busy", err)
	}
	at, err := b.AtProcess(p.Process.Pid)
	b.ok(err)
	b.ok(at.Join(q.Process.Pid, false))
}

// testDelegate gives the cgroup away: what the kernel lists, and no more.
func testDelegate(t *testing.T) {
	b := newBox(t, parent()+"/c")
	const uid = 12345
	b.ok(b.Delegate(uid))
	want := map[string]uint32{"": uid, "cgroup.procs": uid, "cgroup.subtree_control": uid, "cgroup.threads": uid, "cgroup.kill": 0, "cgroup.type": 0}
	for name, owner := range want {
		if b.rec.Mode != Unified {
			owner = 0 // not safe on v1, so it does nothing
		}
		if b.unified() == nil {
			t.Skip("needs v2")
		}
		st, err := sys.Lstatat(sys.AtFdcwd, b.main()+"/"+name)
		b.ok(err)
		if st.Uid != owner || st.Gid != 0 {
			t.Errorf("owner of %q: got %d:%d, want %d:0", name, st.Uid, st.Gid, owner)
		}
	}
}
