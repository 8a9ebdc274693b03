package fields

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// The first thread is the main function's alone: a test that leaves its network namespace for another takes its thread with
// it, and /proc/self is the first one.
func init() { runtime.LockOSThread() }

// The devices are virtual, as no others are to be had: that a physical one comes back to the host when the namespace ends is
// the kernel's doing, and not shown here.

// hostDevices moves the test into a network namespace of its own, which stands for the host's: what it starts is there too.
// It has veth pairs a0-a1 and b0-b1, c0, and a bridge d0, which cannot be moved.
func hostDevices(t *testing.T) {
	t.Helper()
	kit.Rooted(t)
	if version, err := exec.Command("ip", "-V").Output(); err != nil || !strings.Contains(string(version), "iproute2") {
		t.Skip("needs iproute2")
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	check(t, syscall.Unshare(syscall.CLONE_NEWNET))
	for _, line := range []string{
		"link set lo up",
		"link add a0 mtu 1400 address 02:00:00:00:09:02 type veth peer name a1",
		"link add b0 type veth peer name b1",
		"link add c0 type " + lonely(),
		"link add d0 type bridge",
		"link set a1 up",
		"link set b1 up",
		"link set a0 txqueuelen 77",
		"addr add 10.9.0.2/24 broadcast 10.9.0.99 label a0:x metric 77 dev a0",
		"addr add 10.9.0.3/24 dev a0",
		"addr add 10.9.1.1 peer 10.9.1.2/32 dev a0",
		"addr add 10.9.2.1/24 scope link dev a0",
		"addr add 10.9.3.1/24 valid_lft 1000 preferred_lft 1000 dev a0",
		"addr add 2001:db8:9::2/64 nodad dev a0",
		"addr add 2001:db8:9::3/64 nodad preferred_lft 0 dev a0",
		"link set a0 up",
	} {
		ip(t, strings.Fields(line)...)
	}
}

// lonely is a kind of device without a peer that this kernel has.
func lonely() string {
	if exec.Command("ip", "link", "add", "probe", "type", "dummy").Run() != nil {
		return "ifb"
	}
	exec.Command("ip", "link", "del", "probe").Run()
	return "dummy"
}

func ip(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A device is what `ip -j addr` says of one, but for what the peer decides.
type device struct {
	Ifindex   int
	Ifname    string
	Flags     []string
	Mtu       int
	Address   string
	Txqlen    int
	Addr_info []addr //nolint:revive // as ip names it
}

type addr struct {
	Family, Local, Address, Broadcast, Scope, Label string
	Prefixlen, Metric                               int
	Dynamic, Deprecated, Nodad                      bool
}

func (d *device) up() bool { return slices.Contains(d.Flags, "UP") }

func (a addr) String() string {
	return fmt.Sprintf("%s/%d peer %q broadcast %q scope %s label %q metric %d deprecated %v nodad %v", a.Local, a.Prefixlen, a.Address, a.Broadcast,
		a.Scope, a.Label, a.Metric, a.Deprecated, a.Nodad)
}

// devicesOf asks in the network namespace of process pid, for 0 of the test, without the loopback.
func devicesOf(t *testing.T, pid int) map[string]device {
	t.Helper()
	args := []string{"ip", "-j", "addr"}
	if pid != 0 {
		args = append([]string{"nsenter", "-t", fmt.Sprint(pid), "-n"}, args...)
	}
	var out []byte
	for again := true; again; {
		var said strings.Builder
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stderr = &said
		var err error
		if out, err = cmd.Output(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, &said)
		}
		// A device came or went while the kernel listed them: they go by themselves when their peers' namespace does.
		again = strings.Contains(said.String(), "Dump was interrupted")
	}
	var list []device
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("parse the output of ip: %v: %s", err, out)
	}
	m := map[string]device{}
	for _, d := range list {
		if d.Ifname == "lo" {
			continue
		}
		d.Flags = slices.DeleteFunc(d.Flags, func(f string) bool { return f != "UP" })
		// A link-local address comes and goes with the state.
		d.Addr_info = slices.DeleteFunc(d.Addr_info, func(a addr) bool { return a.Family == "inet6" && a.Scope == "link" })
		m[d.Ifname] = d
	}
	return m
}

func devices(names map[string]string) edit {
	return linux(func(l *specs.Linux) {
		l.NetDevices = map[string]specs.LinuxNetDevice{}
		for host, name := range names {
			l.NetDevices[host] = specs.LinuxNetDevice{Name: name}
		}
	})
}

// netnsPath joins the network namespace at path.
func netnsPath(path string) edit {
	return linux(func(l *specs.Linux) {
		for i := range l.Namespaces {
			if l.Namespaces[i].Type == specs.NetworkNamespace {
				l.Namespaces[i].Path = path
			}
		}
	})
}

func TestNetDevices(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.netDevices{}.name")
	hostDevices(t)
	home := devicesOf(t, 0)
	b := kit.New(t, devices(map[string]string{"a0": "net0", "b0": "", "c0": "br%d"}), linux(func(l *specs.Linux) {
		l.Sysctl = map[string]string{"net/ipv4/conf/net0/forwarding": "1"} // the device has to be there by then
	}))
	b.Start("sleep", "forever")
	inside := kit.JSON[[]struct {
		Name, Flags string
		MTU         int
		Addresses   []string
	}](b, b.OK("exec", b.ID, kit.PayloadPath, "netif").Stdout)
	names := map[string]bool{}
	for _, i := range inside {
		names[i.Name] = true
		if !strings.HasPrefix(i.Flags, "up|") {
			t.Errorf("device in the container: got %+v, want it up", i)
		}
		if i.Name == "net0" && (i.MTU != 1400 || !slices.Contains(i.Addresses, "2001:db8:9::2/64")) {
			t.Errorf("net0 in the container: got %+v, want MTU 1400 and the address 2001:db8:9::2/64", i)
		}
	}
	if !reflect.DeepEqual(names, map[string]bool{"lo": true, "net0": true, "b0": true, "br0": true}) {
		t.Errorf("devices in the container: got %v, want lo, net0, b0 and br0", inside)
	}
	there := devicesOf(t, b.State().Pid)
	net0, a0 := there["net0"], home["a0"]
	if net0.Ifindex != a0.Ifindex || net0.Mtu != a0.Mtu || net0.Address != a0.Address || net0.Txqlen != 77 || !net0.up() {
		t.Errorf("moved device: got %+v, want index, MTU and address of %+v, txqlen 77, and up", net0, a0)
	}
	want := []string{
		`10.9.0.2/24 peer "" broadcast "10.9.0.99" scope global label "net0:x" metric 77 deprecated false nodad false`,
		`10.9.1.1/32 peer "10.9.1.2" broadcast "" scope global label "net0" metric 0 deprecated false nodad false`,
		`10.9.0.3/24 peer "" broadcast "" scope global label "net0" metric 0 deprecated false nodad false`,
		`2001:db8:9::2/64 peer "" broadcast "" scope global label "" metric 0 deprecated false nodad true`,
		`2001:db8:9::3/64 peer "" broadcast "" scope global label "" metric 0 deprecated true nodad true`,
	}
	var got []string
	for _, a := range net0.Addr_info {
		got = append(got, a.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("addresses\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if left := devicesOf(t, 0); len(left) != 3 { // a1, b1 and d0
		t.Errorf("devices left on the host: got %+v, want 3", left)
	}
	b.OK("delete", "--force", b.ID)
	// The pairs go with their ends.
	b.Until("the devices are gone", func() bool { return len(devicesOf(t, 0)) == 1 })
}

// TestNetDevicesUserNamespace: the namespace belongs to another user.
func TestNetDevicesUserNamespace(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.netDevices{}.name")
	hostDevices(t)
	b := kit.New(t, kit.Args("sleep", "forever"), devices(map[string]string{"a0": "eth%d", "b0": "eth%d"}), linux(func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		l.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		l.GIDMappings = l.UIDMappings
	}))
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(b.Rootfs+dir, 100000, 100000))
	}
	b.Start()
	there := devicesOf(t, b.State().Pid)
	eth0, eth1 := there["eth0"], there["eth1"]
	if len(there) != 2 || eth0.Address != "02:00:00:00:09:02" || len(eth0.Addr_info) != 5 || !eth0.up() || !eth1.up() {
		t.Errorf("devices in a user namespace: got %+v, want eth0 and eth1 up, and the address and the 5 IP addresses of eth0", there)
	}
	// In a joined user namespace it is init that makes the network namespace.
	path := fmt.Sprintf("/proc/%d/ns/user", b.State().Pid)
	b = kit.New(t, kit.Args("sleep", "forever"), devices(map[string]string{"c0": "net0"}), linux(func(l *specs.Linux) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: path})
	}))
	for _, dir := range []string{"", "/bin", "/etc", "/tmp"} {
		check(t, os.Chown(b.Rootfs+dir, 100000, 100000))
	}
	b.Start()
	if there := devicesOf(t, b.State().Pid); len(there) != 1 {
		t.Errorf("devices in a joined user namespace: got %+v, want 1", there)
	} else if net0 := there["net0"]; !net0.up() {
		t.Errorf("devices in a joined user namespace: got %+v, want net0 up", there)
	}
}

// TestNetDevicesJoined: in a namespace that is joined names and indices may be taken, and devices stay.
func TestNetDevicesJoined(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.netDevices{}.name")
	hostDevices(t)
	home := devicesOf(t, 0)
	owner := kit.New(t)
	owner.Start("sleep", "forever")
	pid := owner.State().Pid
	taken := fmt.Sprint(home["b0"].Ifindex)
	if out, err := exec.Command("nsenter", "-t", fmt.Sprint(pid), "-n", "ip", "link", "add", "b0", "index", taken, "type", "bridge").CombinedOutput(); err != nil {
		t.Fatalf("add a bridge in the container's network namespace: %v: %s", err, out)
	}
	join := netnsPath(fmt.Sprintf("/proc/%d/ns/net", pid))

	b := kit.New(t, join, devices(map[string]string{"a0": "net0", "b0": ""}))
	b.Fails([]string{"create", b.ID}, `linux.netDevices[\"b0\"]: name b0 in the container's network namespace: file exists`)
	if got := devicesOf(t, 0); !reflect.DeepEqual(got, home) {
		t.Errorf("devices of the host after a refusal: got\n%+v\nwant\n%+v", got, home)
	}

	b = kit.New(t, join, devices(map[string]string{"b0": "b%d", "c0": "net0"}))
	b.Start("sleep", "forever")
	there := devicesOf(t, pid)
	found := false
	for name, d := range there {
		var n int
		_, err := fmt.Sscanf(name, "b%d", &n) // the kernel completes it twice when the old name is taken, and gives b2
		found = found || err == nil && n > 0 && d.Address == home["b0"].Address && d.up() && fmt.Sprint(d.Ifindex) != taken
	}
	if len(there) != 3 || !found {
		t.Errorf("devices in the joined network namespace: got %+v, want 3, and one of them b0 by another name, up, with another index", there)
	}
	b.OK("delete", "--force", b.ID)
	if got := devicesOf(t, pid); !reflect.DeepEqual(got, there) {
		t.Errorf("devices in the joined network namespace after delete: got %+v, want %+v", got, there)
	}
}

func TestNetDevicesMissing(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.netDevices{}.name")
	hostDevices(t)
	ip(t, "link", "property", "add", "dev", "b0", "altname", "other")
	home := devicesOf(t, 0)
	for name, want := range map[string]string{
		"nope":  "find nope in the runtime's network namespace: no such device",
		"other": "find other in the runtime's network namespace: an alternative name of b0",
	} {
		b := kit.New(t, devices(map[string]string{"a0": "", name: ""}))
		b.Fails([]string{"run", b.ID}, `linux.netDevices[\"`+name+`\"]: `+want)
	}
	for _, c := range [][3]string{{"b0", "other", "file exists"}, {"d0", "net0", "invalid argument"}} {
		b := kit.New(t, devices(map[string]string{"a0": "", c[0]: c[1]}))
		b.Fails([]string{"run", b.ID}, fmt.Sprintf(`linux.netDevices[\"%[1]s\"]: move %[1]s into the container's network namespace as %s: %s`, c[0], c[1], c[2]))
	}
	if got := devicesOf(t, 0); !reflect.DeepEqual(got, home) {
		t.Errorf("devices of the host after refusals: got\n%+v\nwant\n%+v", got, home)
	}
}

// TestNetDevicesGivenBack: whatever fails later, the host has its devices as they were, even if their names are taken.
func TestNetDevicesGivenBack(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "linux.netDevices{}.name")
	hostDevices(t)
	home := devicesOf(t, 0)
	hook := func(args ...string) edit {
		return func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: append([]string{"sh", "-c"}, args...), Env: []string{"PATH=/sbin:/usr/sbin:/bin:/usr/bin"}}}}
		}
	}
	move := devices(map[string]string{"a0": "net0", "b0": "eth%d", "c0": ""})
	for _, c := range []struct {
		name, verb string
		edit       edit
	}{
		{"a hook", "create", hook("ip link show a0 && exit 0; exit 7")},
		{"init, for want of a sysctl", "create", linux(func(l *specs.Linux) { l.Sysctl = map[string]string{"net.ipv4.no_such": "1"} })},
		{"exec, for want of a file", "run", process(func(p *specs.Process) { p.Args = []string{"/nope"} })},
	} {
		// No subtest: it would be on another thread.
		b := kit.New(t, move, c.edit)
		b.Fails([]string{c.verb, b.ID})
		if got := devicesOf(t, 0); !reflect.DeepEqual(got, home) {
			t.Errorf("devices of the host after the failure of %s: got\n%+v\nwant\n%+v", c.name, got, home)
		}
	}
	b := kit.New(t, devices(map[string]string{"b0": "eth0"}), hook("ip link add b0 type bridge; exit 7"))
	res := b.Fails([]string{"create", b.ID}, "hooks.createRuntime[0]")
	if !strings.Contains(res.Stderr, "linux.netDevices: move eth0 back as b0: file exists") {
		t.Errorf("%v: want the error that eth0 cannot be moved back as b0", res)
	}
	got := devicesOf(t, 0)
	if len(got) != len(home)+1 || !slices.ContainsFunc([]string{"eth0", "dev0"}, func(n string) bool { return got[n].Address == home["b0"].Address }) {
		t.Errorf("devices of the host: got %+v, want %d, and b0 as eth0 or dev0", got, len(home)+1)
	}
}
