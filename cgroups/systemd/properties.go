package systemd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"teu/cgroups/devices"
	"teu/cgroups/limits"
	"teu/internal/cpulist"
	"teu/internal/sys"
)

// Property is a property of a unit.
type Property = dbus.Property

func property(name string, value any) Property {
	return Property{Name: name, Value: godbus.MakeVariant(value)}
}

// base is what every container's unit has. Accounting makes systemd enable the controllers for it, Delegate makes it leave
// the cgroup and what is below to the container.
func (u *Unit) base(description string, pid int, v2 bool) []Property {
	list := []Property{property("Description", description)}
	if u.IsSlice() {
		list = append(list, property("Wants", []string{u.Slice}))
	} else {
		// pid is none when the process is to be put into it by others.
		list = append(list, property("Slice", u.Slice), property("Delegate", true), property("PIDs", []uint32{uint32(pid)}))
	}
	io := "BlockIOAccounting"
	if v2 {
		io = "IOAccounting"
	}
	return append(list,
		property("MemoryAccounting", true), property("CPUAccounting", true), property(io, true), property("TasksAccounting", true),
		// Else it would be stopped together with, and wait for, basic.target and shutdown.target.
		property("DefaultDependencies", false))
}

// Limits are the properties that say what the writes do, so that systemd, when it writes all of a unit's files anew (at a
// daemon-reload, or when another property is set), writes what they hold. What systemd has no property for is not touched
// by it either. now reads a control file for the half of a pair that is not written.
//
// idle are those to be set after the files are written.
func Limits(writes []limits.Write, now func(w limits.Write, file string) string) (list, idle []Property) {
	quota := false
	for i := range writes {
		w := &writes[i]
		switch w.File {
		case "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us":
			if !quota { // once, with all of them
				list = append(list, cpuQuota(writes, now)...)
				quota = true
			}
		case "io.max":
			list = appendThrottle(list, w.Value)
		case "io.weight", "io.bfq.weight":
			if n, err := strconv.ParseUint(strings.TrimPrefix(w.Value, "default "), 10, 64); err == nil {
				list = append(list, property("IOWeight", ioWeight(w.File, n)))
			}
		case "cpu.idle", "cpu.weight": // together, below
		default:
			if name, value, ok := plain(w); ok {
				list = append(list, property(name, value))
			}
		}
	}
	weight, idle := cpuWeight(writes)
	return append(list, weight...), idle
}

// cpuWeight: since systemd 252 a weight of 0 stands for idle. To the kernel, a group that no longer is has the default, unless
// a weight is written too.
func cpuWeight(writes []limits.Write) (weight, idle []Property) {
	for i := range writes {
		switch w := &writes[i]; w.File {
		case "cpu.weight":
			if n, err := number(w.Value); err == nil {
				weight = []Property{property("CPUWeight", n)}
			}
		case "cpu.idle":
			if idle = nil; strings.TrimSpace(w.Value) == "1" {
				idle = []Property{property("CPUWeight", uint64(0))}
			} else if weight == nil {
				weight = []Property{property("CPUWeight", uint64(math.MaxUint64))}
			}
		}
	}
	return weight, idle
}

// plain are the files whose value is one number, or a list, and has a property of its own (systemd.resource-control(5)).
func plain(w *limits.Write) (name string, value any, ok bool) {
	switch w.File {
	case "memory.max":
		name = "MemoryMax"
	case "memory.high":
		name = "MemoryHigh"
	case "memory.low":
		name = "MemoryLow"
	case "memory.min":
		name = "MemoryMin"
	case "memory.swap.max":
		name = "MemorySwapMax"
	case "memory.limit_in_bytes":
		name = "MemoryLimit"
	case "pids.max":
		name = "TasksMax"
	case "cpu.shares":
		name = "CPUShares"
	case "blkio.weight", "blkio.bfq.weight":
		name = "BlockIOWeight"
	case "cpuset.cpus", "cpuset.mems":
		if name = "AllowedCPUs"; w.File == "cpuset.mems" {
			name = "AllowedMemoryNodes"
		}
		mask, err := bitmask(w.Value)
		return name, mask, err == nil
	default:
		return "", nil, false
	}
	n, err := number(w.Value)
	switch name {
	case "MemoryMax", "MemoryHigh", "MemoryLimit", "TasksMax":
		n = max(n, 1) // systemd takes no 0; of memory, 1 byte is none
	}
	return name, n, err == nil
}

// ioWeight is the IOWeight for which systemd writes n to file: io.bfq.weight goes to 1000 only, and systemd puts what is
// above the default of both, 100, in proportion (src/basic/cgroup-util.h, BFQ_WEIGHT).
func ioWeight(file string, n uint64) uint64 {
	if file == "io.bfq.weight" && n > 100 {
		return 100 + (n-100)*(10000-100)/(1000-100)
	}
	return n
}

// number reads a limit; "max" and -1 stand for none, which systemd writes as the highest number.
func number(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if text == "max" || text == "-1" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// defaultPeriod is the kernel's, in microseconds (kernel/sched/fair.c, default_cfs_period).
const defaultPeriod = 100_000

// cpuQuota converts quota and period to what systemd has: the time per second, in whole percents, and the period. Rounded
// up, as runc does: the exact quota is in the file.
func cpuQuota(writes []limits.Write, now func(limits.Write, string) string) []Property {
	var quota, period string
	for i := range writes {
		w := &writes[i]
		switch w.File {
		case "cpu.max":
			f := append(strings.Fields(w.Value), "", "")
			if quota = f[0]; f[1] == "" {
				f = append(strings.Fields(now(*w, w.File)), "", "")
			}
			period = f[1]
		case "cpu.cfs_quota_us":
			quota = w.Value
			if period == "" {
				period = now(*w, "cpu.cfs_period_us")
			}
		case "cpu.cfs_period_us":
			period = w.Value
			if quota == "" {
				quota = now(*w, "cpu.cfs_quota_us")
			}
		}
	}
	p, err := strconv.ParseUint(period, 10, 64)
	if err != nil || p == 0 {
		p = defaultPeriod
	}
	perSecond := uint64(math.MaxUint64)
	if q, err := number(quota); err == nil && q < math.MaxUint64/1_000_000 {
		const percent = 10_000 // microseconds per second
		perSecond = (q*1_000_000/p + percent - 1) / percent * percent
	}
	return []Property{property("CPUQuotaPeriodUSec", p), property("CPUQuotaPerSecUSec", perSecond)}
}

// bitmask is a list of CPUs or memory nodes as systemd takes it: a bit each, the lowest in the first byte. Like the
// kernel it takes white space for a comma and passes over empty parts.
func bitmask(list string) ([]byte, error) {
	parts := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if len(parts) == 0 {
		return []byte{}, nil
	}
	words, err := cpulist.Parse(strings.Join(parts, ","), sys.MaxCPUs)
	if err != nil {
		return nil, err
	}
	mask := make([]byte, 0, 8*len(words))
	for _, w := range words {
		mask = binary.LittleEndian.AppendUint64(mask, w)
	}
	return bytes.TrimRight(mask, "\x00"), nil
}

// throttle is an entry of IOReadBandwidthMax and its like.
type throttle struct {
	Device string
	Max    uint64
}

// appendThrottle adds a line "8:0 rbps=1048576 wiops=max" of io.max.
func appendThrottle(list []Property, line string) []Property {
	device, rest, _ := strings.Cut(line, " ")
	for pair := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(pair, "=")
		name := ""
		switch key {
		case "rbps":
			name = "IOReadBandwidthMax"
		case "wbps":
			name = "IOWriteBandwidthMax"
		case "riops":
			name = "IOReadIOPSMax"
		case "wiops":
			name = "IOWriteIOPSMax"
		}
		n, err := number(value)
		if name == "" || err != nil {
			continue
		}
		list = append(list, property(name, []throttle{{"/dev/block/" + device, n}}))
	}
	return list
}

// maxAllowed is how many entries of DeviceAllow systemd is given. A thousand took it some seconds on a slow machine.
const maxAllowed = 128

// allowed is an entry of DeviceAllow.
type allowed struct{ Node, Access string }

// Devices are the properties by which systemd allows at least what rules do. Its own filter is another one beside the
// container's, and both have to let an access pass: without these a daemon-reload could bring back one that does not.
// Whatever a unit's properties cannot say is allowed there, and left to the container's own filter: so is a long list where that
// filter is a program beside systemd's (v2), for systemd answers nobody while it makes one of it.
func Devices(rules []devices.Rule, beside bool) []Property {
	everything := []Property{property("DevicePolicy", "auto"), property("DeviceAllow", []allowed{})}
	l, err := devices.V1(rules)
	if err != nil || l.AllowAll {
		return everything
	}
	list, places := []allowed{}, map[string]int{}
	for _, r := range l.Exceptions {
		// Of two entries for one node the later one would hold, so they become one.
		node, access := nodeOf(r), r.Access
		at, ok := places[node]
		if !ok {
			at, list = len(list), append(list, allowed{Node: node})
			places[node] = at
		}
		for _, c := range access.String() {
			if !strings.ContainsRune(list[at].Access, c) {
				list[at].Access += string(c)
			}
		}
	}
	if beside && len(list) > maxAllowed {
		return everything
	}
	// The first empties the list, to which the second adds.
	return []Property{property("DevicePolicy", "strict"), property("DeviceAllow", []allowed{}), property("DeviceAllow", list)}
}

// nodeOf is how systemd names the devices of a rule, or more than those (systemd.resource-control(5), DeviceAllow).
func nodeOf(r devices.Rule) string {
	kind := "char"
	if r.Kind == 'b' {
		kind = "block"
	}
	switch {
	case r.Major == devices.Any: // a minor number of any driver cannot be said
		return kind + "-*"
	case r.Minor == devices.Any:
		return fmt.Sprintf("%s-%d", kind, r.Major)
	}
	return fmt.Sprintf("/dev/%s/%d:%d", kind, r.Major, r.Minor)
}
