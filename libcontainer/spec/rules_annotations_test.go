package spec

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func annotation(key, value string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Annotations = map[string]string{key: value} }
}

func annotationRules() []rule {
	property := func(name, value string) func(*specs.Spec) { return annotation("org.systemd.property."+name, value) }
	groups := func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{7} }
	const unused = ": got a property of a systemd unit, want the systemd cgroup driver for it: it is without effect"
	return []rule{
		{
			name: "file for the output of hooks that is not absolute",
			bad:  annotation("run.oci.hooks.stdout", "log"),
			want: []string{`annotations["run.oci.hooks.stdout"]: got "log", want the absolute path of a file`},
			good: annotation("run.oci.hooks.stdout", "/log"),
		},
		{
			name: "no file for the errors of hooks",
			bad:  annotation("run.oci.hooks.stderr", ""),
			want: []string{`annotations["run.oci.hooks.stderr"]: got nothing, want the absolute path of a file`},
			good: annotation("run.oci.hooks.stderr", "/log"),
		},
		{
			name: "unknown value of a switch",
			bad:  annotation("run.oci.keep_original_groups", "yes"),
			want: []string{`annotations["run.oci.keep_original_groups"]: got "yes", want "0" or "1"`},
			good: annotation("run.oci.keep_original_groups", "0"),
		},
		{
			name: "unknown value of another switch",
			bad:  annotation("run.oci.seccomp_fail_unknown_syscall", ""),
			want: []string{`annotations["run.oci.seccomp_fail_unknown_syscall"]: got nothing, want "0" or "1"`},
			good: annotation("run.oci.seccomp_fail_unknown_syscall", "1"),
		},
		{
			name: "groups beside those that are kept",
			bad:  all(annotation("run.oci.keep_original_groups", "1"), groups),
			warn: []string{"process.user.additionalGids: got groups that are not set, as the annotation run.oci.keep_original_groups keeps the caller's, want one or the other"},
			good: all(annotation("run.oci.keep_original_groups", "0"), groups),
		},
		{
			name: "systemd property without the driver",
			bad:  property("CPUWeight", "uint64 50"),
			warn: []string{`annotations["org.systemd.property.CPUWeight"]` + unused},
			good: annotation("org.systemd.properties", "uint64"),
		},
		{
			name: "systemd property that is wrong, without the driver",
			bad:  property("TimeoutStopSec", "inactive"),
			warn: []string{`annotations["org.systemd.property.TimeoutStopSec"]` + unused},
			good: none,
		},
		{
			name: "systemd property with an odd name, without the driver",
			bad:  property("x1", "{1:{1:1}}"),
			warn: []string{`annotations["org.systemd.property.x1"]` + unused},
			good: none,
		},
		{
			name:  "systemd property with text behind it",
			facts: Facts{Systemd: true},
			bad:   property("CPUWeight", "uint64 5 ,6"),
			warn:  []string{`annotations["org.systemd.property.CPUWeight"]: got ",6" behind the value, which is ignored, want one value`},
			good:  property("CPUWeight", " uint64 5 "),
		},
		{
			name:  "systemd property that is too long",
			facts: Facts{Systemd: true},
			bad:   property("CollectMode", "'"+strings.Repeat("a", maxVariant)+"'"),
			want: []string{`annotations["org.systemd.property.CollectMode"]: got "'` + strings.Repeat("a", 99) + `"…: 4098 bytes, more than 4096, ` +
				"want a value in the text form of GVariant, as 'text', true or uint64 5"},
			good: property("CollectMode", "'"+strings.Repeat("a", maxVariant-2)+"'"),
		},
		{
			name:  "systemd property that no message carries",
			facts: Facts{Systemd: true},
			bad:   property("Documentation", "<@g '(('>"),
			want: []string{`annotations["org.systemd.property.Documentation"]: got "<@g '(('>": no signature: "((", ` +
				"want a value in the text form of GVariant, as 'text', true or uint64 5"},
			good: property("Documentation", "<@g '()'>"),
		},
		{
			name:  "systemd property with an odd name",
			facts: Facts{Systemd: true},
			bad:   property("x1", "true"),
			want:  []string{`annotations["org.systemd.property.x1"]: got the property "x1", want a name of three letters or more, as CPUWeight`},
			good:  none,
		},
		{
			name:  "systemd property without a name",
			facts: Facts{Systemd: true},
			bad:   property("", "true"),
			want:  []string{`annotations["org.systemd.property."]: got the property nothing, want a name of three letters or more, as CPUWeight`},
			good:  none,
		},
		{
			name:  "systemd property without quotes",
			facts: Facts{Systemd: true},
			bad:   property("CollectMode", "inactive"),
			want: []string{`annotations["org.systemd.property.CollectMode"]: got "inactive": unrecognized type "inactive", ` +
				"want a value in the text form of GVariant, as 'text', true or uint64 5"},
			good: none,
		},
		{
			name:  "systemd property in seconds that are none",
			facts: Facts{Systemd: true},
			bad:   property("TimeoutStopSec", "'10'"),
			want:  []string{`annotations["org.systemd.property.TimeoutStopSec"]: got "'10'": a value of type s, want a number of seconds`},
			good:  none,
		},
		{
			name: "annotations that nobody knows",
			bad:  none,
			good: func(s *specs.Spec) {
				s.Annotations = map[string]string{"run.oci.handler": "x", "org.opencontainers.image.os": "", "key": ""}
			},
		},
		{
			name: "hook variable without a value",
			bad: func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/x", Env: []string{"A=", "B"}}}}
			},
			warn: []string{`hooks.poststop[0].env[1]: got "B", want NAME=value`},
			good: func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/x", Timeout: p(int(^uint(0) >> 1))}}}
			},
		},
		{
			name: "limits of the host's user namespace",
			bad:  sysctl("user.max_pid_namespaces"),
			want: []string{`linux.sysctl["user.max_pid_namespaces"]: got a sysctl of the host's user namespace, want a user namespace of its own in linux.namespaces`},
			good: all(sysctl("user.max_pid_namespaces"), userNS(specs.LinuxIDMapping{Size: 10})),
		},
		{
			name: "device twice",
			bad: func(s *specs.Spec) {
				s.Linux.Devices = []specs.LinuxDevice{{Path: "/a", Type: "c", Major: 1, Minor: 3}, {Path: "/b", Type: "c", Major: 1, Minor: 3}}
			},
			warn: []string{"linux.devices[1]: got the device of linux.devices[0], want each device once"},
			good: func(s *specs.Spec) {
				s.Linux.Devices = []specs.LinuxDevice{
					{Path: "/a", Type: "c", Major: 1, Minor: 3}, {Path: "/b", Type: "b", Major: 1, Minor: 3}, {Path: "/c", Type: "p"}, {Path: "/d", Type: "p"},
				}
			},
		},
	}
}

func TestSystemdProperties(t *testing.T) {
	const a = "org.systemd.property."
	list, report := SystemdProperties(map[string]string{
		"other": "x", a + "TimeoutStopSec": "1.5", a + "CollectMode": "'inactive-or-failed'", a + "CPUQuotaPerSecUSec": "uint64 7",
		a + "RuntimeMaxSec": "uint64 3", a + "TasksMax": "uint64 9",
	})
	want := []SystemdProperty{
		{"CPUQuotaPerSecUSec", dbus.MakeVariant(uint64(7))}, // is in microseconds
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
		{"RuntimeMaxUSec", dbus.MakeVariant(uint64(3e6))},
		{"TasksMax", dbus.MakeVariant(uint64(9))},
		{"TimeoutStopUSec", dbus.MakeVariant(uint64(1.5e6))},
	}
	if !reflect.DeepEqual(list, want) || len(report.Problems)+len(report.Warnings) > 0 {
		t.Errorf("properties: got %v, report %v, want %v, none", list, report, want)
	}
	for _, value := range []string{"-1", "1e300", "[1]", "<1>"} {
		if list, report := SystemdProperties(map[string]string{a + "TimeoutStopSec": value}); len(list) > 0 || len(report.Problems) != 1 {
			t.Errorf("TimeoutStopSec of %s: got properties %v, report %v, want no property and 1 problem", value, list, report)
		}
	}
}

// TestSystemdPropertiesTogether: their number does not make up for the bound of each.
func TestSystemdPropertiesTogether(t *testing.T) {
	annotations := map[string]string{}
	names := slices.Sorted(slices.Values(unitProperties[:]))
	for _, name := range names[:maxProperties/maxVariant+4] {
		annotations["org.systemd.property."+name] = "'" + strings.Repeat("a", maxVariant-2) + "'"
	}
	list, r := SystemdProperties(annotations)
	want := []string{`annotations["org.systemd.property.` + names[maxProperties/maxVariant] + `"]: got values of 69632 bytes up to here, want at most 65536 in all properties`}
	if len(list) != maxProperties/maxVariant || !slices.Equal(lines(r.Problems), want) {
		t.Errorf("got %d properties, problems %q, want %d, %q", len(list), lines(r.Problems), maxProperties/maxVariant, want)
	}
}

// TestMessagesAreShort: the library quotes a whole value.
func TestMessagesAreShort(t *testing.T) {
	for _, value := range []string{"[1,[" + strings.Repeat("'é',", 700) + "'']]", "@" + strings.Repeat("z", 2000), strings.Repeat("z", 2000)} {
		_, r := SystemdProperties(map[string]string{"org.systemd.property.Description": value})
		if len(r.Problems) != 1 || len(r.Problems[0].String()) > 600 || !utf8.ValidString(r.Problems[0].String()) {
			t.Errorf("%.20q: got %q, want 1 problem of less than 600 bytes", value, lines(r.Problems))
		}
	}
}

// TestSystemdPropertiesThatReachFurther: systemd would do as they say, as root, to more than the container's unit.
func TestSystemdPropertiesThatReachFurther(t *testing.T) {
	const a = "org.systemd.property."
	for _, name := range []string{
		"Slice", "PIDs", "Delegate", "DelegateControllers", "DefaultDependencies", "Controller", "AddRef",
		"Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Conflicts", "OnFailure", "OnSuccess", "OnFailureJobMode",
		"PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf", "RequiresMountsFor", "TriggeredBy",
		"FailureAction", "SuccessAction", "JobTimeoutAction", "StartLimitAction", "RebootArgument", "JobTimeoutRebootArgument",
		"KillMode", "SendSIGKILL", "FinalKillSignal", "ManagedOOMPreference", "DevicePolicy", "DeviceAllow", "IPAddressAllow", "BPFProgram", "IPIngressFilterPath",
		"CPUAccounting", "MemoryAccounting", "TasksAccounting", "IOAccounting", "OOMScoreAdjust", "ExecStart", "User",
		"description", "SLICE", "TimeoutStopUsec",
	} {
		list, r := SystemdProperties(map[string]string{a + name: "true"})
		want := []string{`annotations["` + a + name + `"]: got the property "` + name + `", which teu does not let through, want ` +
			"one that is about the unit alone, as Description, After, TimeoutStopUSec, CollectMode, IOWeight, TasksMax"}
		if len(list) > 0 || !slices.Equal(lines(r.Problems), want) {
			t.Errorf("%s: got properties %v, problems %q, want none, %q", name, list, lines(r.Problems), want)
		}
	}
}

func TestVersions(t *testing.T) {
	if MaxVersion != specs.Version {
		t.Errorf("newest version that is known: got %s, want %s, of the package: read what it adds", MaxVersion, specs.Version)
	}
	for _, v := range []string{MinVersion, MaxVersion} {
		s := Example(false)
		s.Version = v
		if r := Validate(s, Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
			t.Errorf("version %s: got %v, want no problems and no warnings", v, r)
		}
	}
}
