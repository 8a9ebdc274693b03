package spec

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func rdt(r specs.LinuxIntelRdt) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.IntelRdt = &r }
}

func intelRdtRules() []rule {
	closID := func(bad, good string) rule {
		return rule{
			name: "closID " + quote(bad),
			bad:  rdt(specs.LinuxIntelRdt{ClosID: bad}),
			want: []string{"linux.intelRdt.closID: got " + quote(bad) + `, want the name of a directory, or "/"`},
			good: rdt(specs.LinuxIntelRdt{ClosID: good}),
		}
	}
	return []rule{
		closID(".", "..."),
		closID("..", "/"),
		closID("a/b", "a b"),
		closID("/a", "a"),
		closID("a\nb", ""),
		closID(strings.Repeat("x", 256), strings.Repeat("x", 255)),
		{
			name: "closID of resctrl's own",
			bad:  rdt(specs.LinuxIntelRdt{ClosID: "mon_groups"}),
			want: []string{`linux.intelRdt.closID: got "mon_groups", which resctrl has for itself, want another name`},
			good: rdt(specs.LinuxIntelRdt{ClosID: "mon"}),
		},
		{
			name: "l3CacheSchema",
			bad:  rdt(specs.LinuxIntelRdt{L3CacheSchema: "L2:0=f"}),
			warn: []string{`linux.intelRdt.l3CacheSchema: got "L2:0=f", want L3:id=mask;…`},
			good: rdt(specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f;1=3"}),
		},
		{
			name: "l3CacheSchema of two lines",
			bad:  rdt(specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f\nMB:0=20"}),
			want: []string{`linux.intelRdt.l3CacheSchema: got "L3:0=f\nMB:0=20", want a single line`},
			good: rdt(specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}),
		},
		{
			name: "memBwSchema",
			bad:  rdt(specs.LinuxIntelRdt{MemBwSchema: "L3:0=f\n"}),
			want: []string{
				`linux.intelRdt.memBwSchema: got "L3:0=f\n", want MB:id=bandwidth;…`,
				`linux.intelRdt.memBwSchema: got "L3:0=f\n", want a single line`,
			},
			good: rdt(specs.LinuxIntelRdt{MemBwSchema: "MB:0=20;1=70"}),
		},
		{
			name: "schemata",
			bad:  rdt(specs.LinuxIntelRdt{Schemata: []string{"L3:0=f", "L2:0=f\nL2:1=f", ""}}),
			want: []string{
				`linux.intelRdt.schemata[1]: got "L2:0=f\nL2:1=f", want a single line`,
				"linux.intelRdt.schemata[2]: got nothing, want a line of a schemata file",
			},
			good: rdt(specs.LinuxIntelRdt{Schemata: []string{"L3:0=f", "L2:0=f"}, EnableMonitoring: true}),
		},
	}
}
