package libcontainer

import (
	"fmt"
	"os"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/host"
	"teu/libcontainer/netdev"
	"teu/libcontainer/preflight"
	"teu/libcontainer/process"
	"teu/libcontainer/seccomp"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
	"teu/rootfs"
)

// Validation is what `validate` found in a bundle.
type Validation struct {
	File   string        // config.json, as it was opened
	Errors []*spec.Error // where it is not JSON or not of the right types
	spec.Report
}

// OK reports whether a container can be made of the bundle, for all that is known.
func (v *Validation) OK() bool { return len(v.Errors)+len(v.Problems) == 0 }

// Validate tells all that is wrong with a bundle at once: values of the wrong type, what spec.Validate says, which create
// asks too, what this machine cannot grant, and what only the compilers find. What is no JSON is not looked at further.
func (r *Runtime) Validate(dir string) (*Validation, error) {
	bundle, err := bundleDir(dir)
	if err != nil {
		return nil, err
	}
	r.Log.Debugf("validate bundle %s", bundle)
	read, err := spec.Read(bundle)
	if err != nil {
		return nil, err
	}
	v := &Validation{File: bundle + "/" + spec.ConfigFile, Errors: read.Errors}
	s := read.Spec
	if s == nil {
		return v, nil
	}
	spec.FillMappings(s, os.Geteuid(), os.Getegid())
	v.add(spec.Validate(s, r.hostFacts(s)))
	valid := v.OK()
	r.Log.Debugf("ask this machine")
	v.add(preflight.Check(s, bundle))
	cg := v.resources(r, s)
	if valid {
		r.Log.Debugf("compile")
		// The compilers rely on what validation has checked.
		v.compile(s, bundle, cg)
	}
	v.Warnings = append(v.Warnings, read.Ignored...)
	v.Problems = slices.DeleteFunc(v.Problems, v.follows)
	v.Warnings = slices.DeleteFunc(v.Warnings, v.follows)
	return v, nil
}

// follows reports whether p is about a value of the wrong type, what it is in or what would be in it.
func (v *Validation) follows(p spec.Problem) bool {
	at := p.Pointer() + "/"
	return slices.ContainsFunc(v.Errors, func(e *spec.Error) bool {
		return strings.HasPrefix(at, e.Pointer()+"/") || strings.HasPrefix(e.Pointer()+"/", at)
	})
}

func (v *Validation) add(r spec.Report) {
	v.Problems = append(v.Problems, r.Problems...)
	v.Warnings = append(v.Warnings, r.Warnings...)
}

// resources asks whether the cgroups that this host has can do what linux.resources wants: for each part by itself, as one
// error ends a compilation.
func (v *Validation) resources(r *Runtime, s *specs.Spec) *cgroup {
	cg, err := r.planCgroup("validate", s)
	if err != nil {
		v.problem(err)
		return nil
	}
	defer cg.release()
	if s.Linux == nil || s.Linux.Resources == nil || cg.Manager == nil {
		return cg
	}
	for _, part := range partsOf(s.Linux.Resources) {
		warnings, err := cg.Check(&part)
		v.problem(err)
		v.warnings(warnings)
	}
	return cg
}

func partsOf(r *specs.LinuxResources) [9]specs.LinuxResources {
	return [9]specs.LinuxResources{
		{Devices: r.Devices}, {Memory: r.Memory}, {CPU: r.CPU}, {Pids: r.Pids}, {BlockIO: r.BlockIO}, {HugepageLimits: r.HugepageLimits},
		{Network: r.Network}, {Rdma: r.Rdma}, {Unified: r.Unified},
	}
}

// compile compiles all that create would, for what the compilers say.
func (v *Validation) compile(s *specs.Spec, bundle string, cg *cgroup) {
	ns := parseNamespaces(s)
	facts := &initFacts{bundle: bundle}
	var err error
	if facts.root, err = rootDir(s, bundle); err != nil {
		facts.root = rootfs.Path(s, bundle) // preflight has said so
	}
	facts.process = process.Config{Process: s.Process, LastCap: host.LastCap(40)}
	if cg != nil {
		facts.cgroups, err = cg.mounts(s, ns.has(sys.CloneNewCgroup))
		v.problem(err)
	}
	if l := s.Linux; l != nil && l.Seccomp != nil {
		v.problem(knownNames(s))
		_, warnings, err := seccomp.Compile(l.Seccomp, "")
		v.problem(err)
		for _, w := range warnings {
			v.warnings([]string{w.Error()})
		}
	}
	v.warnings(rootfs.Ignored(s.Mounts))
	_, err = compileSources(s, ns, facts)
	v.problem(err)
	p, err := compileInit(s, ns, facts)
	if err == nil && len(p.Insns) > program.MaxInsns {
		err = fmt.Errorf("more than there is room for in a program of %d system calls: fewer mounts, paths, devices", program.MaxInsns)
	}
	v.problem(err)
	g, err := surveyRdt("validate", s)
	v.problem(err)
	_, err = compileOutside(s, ns, new(netdev.Mover), g)
	v.problem(err)
}

// problem adds what a compiler says; of a place that validation has told of it is nothing new.
func (v *Validation) problem(err error) {
	if err == nil {
		return
	}
	p := placed(err.Error())
	if !slices.ContainsFunc(v.Problems, func(old spec.Problem) bool { return old.Path != "" && old.Path == p.Path }) {
		v.Problems = append(v.Problems, p)
	}
}

func (v *Validation) warnings(list []string) {
	for _, w := range list {
		v.Warnings = append(v.Warnings, placed(w))
	}
}

// placed splits the place in config.json off a message that begins with it.
func placed(message string) spec.Problem {
	// A name in quotes may hold anything, and is followed by a bracket.
	key := 0
	if i := strings.Index(message, `["`); i >= 0 {
		if j := strings.Index(message[i:], `"]`); j >= 0 && !strings.Contains(message[:i], ": ") {
			key = i + j
		}
	}
	path, rest, ok := strings.Cut(message[key:], ": ")
	name, _, _ := strings.Cut(message[:key]+path, `["`)
	if !ok || strings.ContainsAny(name, " /") {
		return spec.Problem{Found: message}
	}
	return spec.Problem{Path: message[:key] + path, Found: rest}
}

// hostFacts tells validation what it has to know of the machine: which of the joined namespaces are the runtime's own, and
// the security modules.
func (r *Runtime) hostFacts(s *specs.Spec) spec.Facts {
	l := s.Linux
	if l == nil {
		l = new(specs.Linux)
	}
	f := lsmFacts(s.Process, l.MountLabel)
	f.Systemd = r.CgroupManager == Systemd
	f.Own = map[specs.LinuxNamespaceType]bool{}
	for _, n := range l.Namespaces {
		if _, name := names.Namespace(n.Type); n.Path != "" && name != "" {
			// A path that leads nowhere is found out, and reported, when it is opened.
			if same, err := host.SameNamespace(n.Path, name); err == nil && same {
				f.Own[n.Type] = true
			}
		}
	}
	return f
}
