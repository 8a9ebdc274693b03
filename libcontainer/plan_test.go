package libcontainer

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups"
	"teu/cgroups/devices"
	"teu/cgroups/limits"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/netdev"
	"teu/libcontainer/process"
	"teu/libcontainer/seccomp"
	"teu/nsenter/program"
	"teu/rootfs"
)

// plan is all that create would do with a bundle, as text: what goes into the record, what the first process is born with,
// the cgroup, what is done from outside, and the program.
type plan struct {
	around string
	prog   *program.Program
}

func (p *plan) String() string { return p.around + p.prog.String() }

// bytes is what the printed program only has the length of.
func (p *plan) bytes() string {
	var b strings.Builder
	for i := range p.prog.Insns {
		for a := range p.prog.Insns[i].Args {
			fmt.Fprintf(&b, "%q", p.prog.Insns[i].Args[a].Text)
		}
	}
	return b.String()
}

// planOf compiles everything that create compiles.
func planOf(s *specs.Spec, f *initFacts) (*plan, error) {
	var b strings.Builder
	for _, part := range []func(*strings.Builder, *specs.Spec) error{planRecord, planStart, planCgroups, planOutside, planSources} {
		if err := part(&b, s); err != nil {
			return nil, err
		}
	}
	derive(s, f)
	if f.process.Listener != nil {
		text, err := json.Marshal(processState(s.Linux.Seccomp, 7, &specs.State{Version: s.Version, Status: specs.StateCreating, Pid: 7}))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "# listener state: %s\n", text)
	}
	prog, err := compileInit(s, parseNamespaces(s), f)
	if err != nil {
		return nil, err
	}
	return &plan{b.String(), prog}, nil
}

// derive gives f what create would derive from s.
func derive(s *specs.Spec, f *initFacts) {
	f.process.Process, f.root = s.Process, rootfs.Path(s, f.bundle)
	if s.Linux != nil {
		f.process.Personality, f.process.MemoryPolicy = s.Linux.Personality, s.Linux.MemoryPolicy
	}
	if translated := sourcesOf(s); f.parentSources == nil {
		f.parentSources = translated
	}
	if s.Process.Capabilities != nil {
		f.process.Caps, _ = process.ParseCaps(s.Process.Capabilities, allCaps)
	}
	if s.Linux != nil && s.Linux.Seccomp != nil && f.process.Filter == nil {
		filter, _, err := seccomp.Compile(s.Linux.Seccomp, "")
		if err != nil {
			filter.BPF = fmt.Append(nil, err) // what differs is what counts
		}
		f.process.Filter, f.process.FilterFlags = filter.BPF, uint64(filter.Flags)
		if filter.Listener {
			f.process.Listener = &process.Listener{Path: s.Linux.Seccomp.ListenerPath}
		}
	}
}

func planRecord(b *strings.Builder, s *specs.Spec) error {
	config, err := json.Marshal(s)
	if err != nil {
		return err
	}
	st := recordOf(s, config, "/bundle/config.json", factsFor(s))
	text, err := json.Marshal(struct {
		Version     string          `json:"ociVersion"`
		Rootfs      string          `json:"rootfs"`
		Annotations json.RawMessage `json:"annotations,omitempty"`
		Hooks       json.RawMessage `json:"hooks,omitempty"`
	}{st.Version, st.Rootfs, config[st.AnnotationsAt.From:st.AnnotationsAt.To], config[st.HooksAt.From:st.HooksAt.To]})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "# record: %s\n", text)
	if s.Hooks != nil {
		outside, err := json.Marshal([][]specs.Hook{s.Hooks.Prestart, s.Hooks.CreateRuntime}) //nolint:staticcheck // deprecated, and in use
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "# hooks of the runtime: %s\n", outside)
	}
	return nil
}

func planStart(b *strings.Builder, s *specs.Spec) error {
	start := startOf(s, parseNamespaces(s))
	fmt.Fprintf(b, "# born: %s", program.CloneFlags(start.Namespaces))
	if start.UIDs != nil {
		fmt.Fprintf(b, " uids %v gids %v as %d:%d", start.UIDs, start.GIDs, start.UID, start.GID)
	}
	b.WriteString("\n")
	return nil
}

// planLayouts are the hosts that cgroups are planned for, the mountpoints apart.
var planLayouts = [...]struct {
	name    string
	layout  cgroups.Layout
	version limits.Version
}{
	{"v1", cgroups.Layout{Mode: cgroups.Legacy, V1: []cgroups.Hierarchy{{Name: "pids", Mountpoint: "/v1/pids", Root: "/", Own: "/own"}}}, limits.V1},
	{"v2", cgroups.Layout{Mode: cgroups.Unified, V2: cgroups.Hierarchy{Mountpoint: "/v2", Root: "/", Own: "/own/teu"}}, limits.V2},
}

// planCgroups has the writes for both versions of cgroups. A field that one of them has not is told so.
func planCgroups(b *strings.Builder, s *specs.Spec) error {
	for i := range planLayouts {
		l := planLayouts[i]
		rec, err := cgroups.Plan(&l.layout, "id", s)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "# cgroup %s:", l.name)
		for i := range rec.Places {
			b.WriteString(" " + rec.Places[i].Dir())
		}
		b.WriteString("\n")
		if s.Linux == nil || s.Linux.Resources == nil {
			continue
		}
		r := s.Linux.Resources
		writes, warnings, err := limits.Compile(r, limits.Host{
			Version: func(string) limits.Version { return l.version },
			HasV2:   l.version == limits.V2,
			Read: func(_, file string) (string, error) {
				if file == "memory.current" {
					return "100", nil
				}
				return "", syscall.ENOENT
			},
		})
		if err != nil {
			fmt.Fprintf(b, "%s: error: %v\n", l.name, err)
		}
		for _, w := range writes {
			fmt.Fprintf(b, "%s: %s = %q\n", l.name, w.File, w.Value)
		}
		for _, w := range warnings {
			fmt.Fprintf(b, "%s: warning: %s\n", l.name, w)
		}
	}
	if s.Linux == nil || s.Linux.Resources == nil {
		return nil
	}
	rules, err := devices.Parse(s.Linux.Resources.Devices)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Entry >= 0 {
			fmt.Fprintf(b, "device allow=%v %s\n", r.Allow, r)
		}
	}
	return nil
}

func planOutside(b *strings.Builder, s *specs.Spec) error {
	var g *intelrdt.Group
	if s.Linux != nil && s.Linux.IntelRdt != nil {
		g = intelrdt.Compile("id", s.Linux.IntelRdt)
		for line := range strings.Lines(g.String()) {
			fmt.Fprintf(b, "# resctrl: %s", line)
		}
	}
	st, err := compileOutside(s, parseNamespaces(s), new(netdev.Mover), g)
	if err != nil {
		return err
	}
	other, err := compileExecOutside(s.Process)
	if err != nil {
		return err
	}
	initial, err := initialAffinity(s.Process)
	if err != nil {
		return err
	}
	if initial != nil {
		fmt.Fprintf(b, "# exec starts on CPUs %x\n", initial)
	}
	for _, l := range []struct {
		name string
		list []step
	}{{"early", st.early}, {"offsets", st.offsets}, {"network", st.network}, {"late", st.late}, {"exec, late", other.late}} {
		for i := range l.list {
			fmt.Fprintf(b, "# from outside, %s, %s: %s\n", l.name, l.list[i].where, l.list[i].what)
		}
	}
	return nil
}

// planSources has the mounts whose ids are translated.
func planSources(b *strings.Builder, s *specs.Spec) error {
	list, err := compileSources(s, parseNamespaces(s), factsFor(s))
	if err != nil {
		return err
	}
	for i := range list {
		src := &list[i]
		if src.ids == nil {
			continue
		}
		from := "a clone of " + src.path
		if src.fs != nil {
			from = fmt.Sprintf("a new %s of %q with %q", src.fs.Type, src.path, src.fs.Options)
		}
		fmt.Fprintf(b, "# from outside, %s: %s, translated: %+v\n", src.name, from, *src.ids)
	}
	return nil
}

// changes is what p does that base does not.
func (p *plan) changes(base *plan, diff func(base, p *program.Program) string) string {
	known := map[string]bool{}
	for line := range strings.Lines(base.around) {
		known[line] = true
	}
	var b strings.Builder
	for line := range strings.Lines(p.around) {
		if !known[line] {
			b.WriteString(line)
		}
	}
	return b.String() + diff(base.prog, p.prog)
}
