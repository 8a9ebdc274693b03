package spec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// systemdPrefix begins the annotations that set properties of the container's systemd unit, as runc and crun have them:
// "org.systemd.property.TimeoutStopUSec": "uint64 10000000".
const systemdPrefix = "org.systemd.property."

// UnsafeAnnotations are those that change what is done with a container, or keep it from being made; one that ends with a
// dot stands for all that begin so (features.md, "Unsafe annotations in config.json").
func UnsafeAnnotations() []string { return []string{systemdPrefix} }

// SystemdProperty is a property of the container's systemd unit.
type SystemdProperty struct {
	Name  string
	Value dbus.Variant
}

// SystemdProperties reads those among the annotations, by name; a problem says which cannot be one.
func SystemdProperties(annotations map[string]string) (list []SystemdProperty, problems []Problem) {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(key, systemdPrefix)
		if !ok {
			continue
		}
		path := "annotations" + member(false, key)
		if !propertyName(name) {
			problems = append(problems, Problem{path, "the property " + quote(name), "a name of three letters or more, as CPUWeight"})
			continue
		}
		value, err := parseVariant(annotations[key])
		if err != nil {
			problems = append(problems, Problem{path, quote(annotations[key]) + ": " + err.Error(),
				"a value in the text form of GVariant, as 'text', true or uint64 5"})
			continue
		}
		p := SystemdProperty{name, value}
		if err := p.microseconds(); err != nil {
			problems = append(problems, Problem{path, quote(annotations[key]) + ": " + err.Error(), "a number of seconds"})
			continue
		}
		list = append(list, p)
	}
	return list, problems
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

// microseconds turns TimeoutStopSec, which unit files have, into TimeoutStopUSec, which D-Bus has: a lower-case letter
// before Sec tells it from USec.
func (p *SystemdProperty) microseconds() error {
	name, ok := strings.CutSuffix(p.Name, "Sec")
	if !ok || name == "" || name[len(name)-1] < 'a' {
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
	p.Name, p.Value = name+"USec", dbus.MakeVariant(uint64(math.Round(sec*1e6)))
	return nil
}

// annotations: config.md, "Annotations". What nobody knows is none of ours.
func (c *checker) annotations() {
	if _, ok := c.Annotations[""]; ok {
		c.bad("annotations", "an empty key", "names in reverse domain notation")
	}
	list, problems := SystemdProperties(c.Annotations)
	for _, p := range problems {
		tell(&c.Problems, p)
	}
	for i := 0; i < len(list) && !c.facts.Systemd; i++ {
		name := list[i].Name
		key := systemdPrefix + name
		if _, ok := c.Annotations[key]; !ok {
			key = systemdPrefix + strings.TrimSuffix(name, "USec") + "Sec"
		}
		c.warn("annotations"+member(false, key), "the systemd property "+name,
			"the systemd cgroup driver for it: it is without effect")
	}
}
