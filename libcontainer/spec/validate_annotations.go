package spec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"teu/libcontainer/spec/names"
)

// systemdPrefix begins the annotations that set properties of the container's systemd unit, as runc and crun have them:
// "org.systemd.property.TimeoutStopUSec": "uint64 10000000".
const systemdPrefix = "org.systemd.property."

// UnsafeAnnotations are those that change what is done with a container, or keep it from being made; one that ends with a
// dot stands for all that begin so (features.md, "Unsafe annotations in config.json").
func UnsafeAnnotations() []string {
	return []string{systemdPrefix, names.HooksStdout, names.HooksStderr, names.KeepGroups, names.FailUnknownSyscall}
}

// SystemdProperty is a property of the container's systemd unit.
type SystemdProperty struct {
	Name  string
	Value dbus.Variant
}

// unitProperties are the properties that annotations may set: what names the unit, when it comes in the order of start and
// stop, how it ends, and what it may use within its slice. systemd acts on properties as root, so those that reach further
// are refused: they start and stop other units (Wants, Conflicts, OnFailure), take action on the machine (FailureAction), move
// processes (PIDs, Slice), leave processes behind (KillMode, SendSIGKILL, FinalKillSignal), open devices (DeviceAllow) and the network
// (IPAddressAllow), load programs (BPFProgram), spare the unit at others' cost (ManagedOOMPreference), or undo what teu sets
// itself (Delegate, DefaultDependencies, CPUAccounting). systemd.unit(5), systemd.kill(5), systemd.resource-control(5).
var unitProperties = [...]string{
	"Description", "Documentation", "After", "Before",
	"CollectMode", "KillSignal", "SendSIGHUP", "TimeoutStopUSec", "RuntimeMaxUSec",
	"OOMPolicy", "ManagedOOMSwap", "ManagedOOMMemoryPressure", "ManagedOOMMemoryPressureLimit",
	"CPUWeight", "StartupCPUWeight", "CPUShares", "StartupCPUShares", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec",
	"AllowedCPUs", "StartupAllowedCPUs", "AllowedMemoryNodes", "StartupAllowedMemoryNodes",
	"MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax", "MemoryZSwapMax", "MemoryLimit", "TasksMax",
	"IOWeight", "StartupIOWeight", "IODeviceWeight", "IODeviceLatencyTargetUSec",
	"IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax",
	"BlockIOWeight", "StartupBlockIOWeight", "BlockIODeviceWeight", "BlockIOReadBandwidth", "BlockIOWriteBandwidth",
}

// maxProperties is how long the values of all properties together may be, in bytes: reading one of maxVariant takes up to
// a tenth of a second.
const maxProperties = 64 << 10

// SystemdProperties reads those among the annotations, by name. A problem says which cannot be one, a warning what of a
// value is ignored.
func SystemdProperties(annotations map[string]string) (list []SystemdProperty, r Report) {
	total := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(key, systemdPrefix)
		if !ok {
			continue
		}
		path, text := "annotations"+member(false, key), annotations[key]
		if !propertyName(name) {
			tell(&r.Problems, Problem{path, "the property " + quote(name), "a name of three letters or more, as CPUWeight"})
			continue
		}
		if !slices.Contains(unitProperties[:], inMicroseconds(name)) {
			tell(&r.Problems, Problem{path, "the property " + quote(name) + ", which teu does not let through",
				"one that is about the unit alone, as Description, After, TimeoutStopUSec, CollectMode, IOWeight, TasksMax"})
			continue
		}
		if total += len(text); total > maxProperties {
			tell(&r.Problems, Problem{path, "values of " + strconv.Itoa(total) + " bytes up to here",
				"at most " + strconv.Itoa(maxProperties) + " in all properties"})
			return list, r
		}
		value, rest, err := parseVariant(text)
		if err != nil {
			tell(&r.Problems, Problem{path, quote(text) + ": " + short(err.Error()),
				"a value in the text form of GVariant, as 'text', true or uint64 5"})
			continue
		}
		if rest != "" {
			tell(&r.Warnings, Problem{path, quote(rest) + " behind the value, which is ignored", "one value"})
		}
		p := SystemdProperty{name, value}
		if err := p.microseconds(); err != nil {
			tell(&r.Problems, Problem{path, quote(text) + ": " + short(err.Error()), "a number of seconds"})
			continue
		}
		list = append(list, p)
	}
	return list, r
}

// short cuts a message of the library, which may quote all of a value.
func short(msg string) string {
	const most = 100
	if len(msg) <= most {
		return msg
	}
	return strings.ToValidUTF8(msg[:most], "") + "…"
}

// propertyName: all of systemd's are of letters alone; runc lets no other through either.
func propertyName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(name) >= 3
}

// inMicroseconds is TimeoutStopUSec, which D-Bus has, for TimeoutStopSec, which unit files have: a lower-case letter before Sec
// tells it from USec. Other names stay as they are.
func inMicroseconds(name string) string {
	short, ok := strings.CutSuffix(name, "Sec")
	if !ok || short == "" || short[len(short)-1] < 'a' {
		return name
	}
	return short + "USec"
}

// microseconds turns seconds into microseconds, where the property's name says that the value is in seconds.
func (p *SystemdProperty) microseconds() error {
	name := inMicroseconds(p.Name)
	if name == p.Name {
		return nil
	}
	var sec float64
	switch v := p.Value.Value().(type) {
	case uint8:
		sec = float64(v)
	case int16:
		sec = float64(v)
	case uint16:
		sec = float64(v)
	case int32:
		sec = float64(v)
	case uint32:
		sec = float64(v)
	case int64:
		sec = float64(v)
	case uint64:
		sec = float64(v)
	case float64:
		sec = v
	default:
		return fmt.Errorf("a value of type %s", p.Value.Signature())
	}
	if !(sec >= 0 && sec*1e6 < math.MaxUint64) {
		return fmt.Errorf("%v microseconds do not fit", sec*1e6)
	}
	p.Name, p.Value = name, dbus.MakeVariant(uint64(math.Round(sec*1e6)))
	return nil
}

// annotations: config.md, "Annotations". An annotation that teu does not know is not checked; nor is a property without
// the systemd driver, which alone reads it.
func (c *checker) annotations() {
	if _, ok := c.Annotations[""]; ok {
		c.bad("annotations", "an empty key", "names in reverse domain notation")
	}
	c.runOCI()
	if c.facts.Systemd {
		_, r := SystemdProperties(c.Annotations)
		for _, p := range r.Problems {
			tell(&c.Problems, p)
		}
		for _, p := range r.Warnings {
			tell(&c.Warnings, p)
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		if strings.HasPrefix(key, systemdPrefix) {
			c.warn("annotations"+member(false, key), "a property of a systemd unit",
				"the systemd cgroup driver for it: it is without effect")
		}
	}
}
