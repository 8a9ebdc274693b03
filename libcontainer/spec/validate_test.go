package spec

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// rule is one thing Validate looks for: bad breaks Example in that one way, good comes as near to it as is
// right.
type rule struct {
	name  string
	bad   func(*specs.Spec)
	want  []string // problems of bad
	warn  []string // warnings of bad
	good  func(*specs.Spec)
	facts Facts
}

func drop(t specs.LinuxNamespaceType) func(*specs.Spec) {
	return func(s *specs.Spec) {
		s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == t })
	}
}

func add(n ...specs.LinuxNamespace) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, n...) }
}

// userNS gives the container a user namespace with these mappings for both kinds of ids.
func userNS(maps ...specs.LinuxIDMapping) func(*specs.Spec) {
	return func(s *specs.Spec) {
		add(specs.LinuxNamespace{Type: "user"})(s)
		s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
	}
}

func all(steps ...func(*specs.Spec)) func(*specs.Spec) {
	return func(s *specs.Spec) {
		for _, f := range steps {
			f(s)
		}
	}
}

func sysctl(key string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: "1"} }
}

func seccomp(p specs.LinuxSeccomp) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Seccomp = &p }
}

func syscalls(r ...specs.LinuxSyscall) func(*specs.Spec) {
	return seccomp(specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: r})
}

func device(d specs.LinuxDevice) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{d} }
}

func deviceRule(d specs.LinuxDeviceCgroup) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{d} }
}

func mount(m specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = []specs.Mount{m} }
}

func offsets(o map[string]specs.LinuxTimeOffset) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Linux.TimeOffsets = o }
}

func version(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Version = v } }

func p[T any](v T) *T { return &v }

func everyRlimit() (list []specs.POSIXRlimit) {
	for _, name := range []string{
		"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO",
		"RTTIME", "SIGPENDING", "STACK",
	} {
		list = append(list, specs.POSIXRlimit{Type: "RLIMIT_" + name})
	}
	return list
}

var none = func(*specs.Spec) {}

func lines(list []Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func TestValidate(t *testing.T) {
	for _, rules := range [][]rule{
		generalRules(),
		processRules(),
		mountRules(),
		mountOptionRules(),
		mountIDRules(),
		namespaceRules(),
		cgroupAndSysctlRules(),
		seccompRules(),
		netDeviceRules(),
		intelRdtRules(),
		attributeRules(),
		annotationRules(),
	} {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) {
				s := Example(false)
				r.bad(s)
				got := Validate(s, r.facts)
				if !slices.Equal(lines(got.Problems), r.want) {
					t.Errorf("problems:\n got %q\nwant %q", lines(got.Problems), r.want)
				}
				if !slices.Equal(lines(got.Warnings), r.warn) {
					t.Errorf("warnings:\n got %q\nwant %q", lines(got.Warnings), r.warn)
				}
				s = Example(false)
				r.good(s)
				if got := Validate(s, r.facts); len(got.Problems)+len(got.Warnings) > 0 {
					t.Errorf("the good twin: got problems %q and warnings %q, want none", lines(got.Problems), lines(got.Warnings))
				}
			})
		}
	}
}

func TestValidateIgnoresOtherPlatforms(t *testing.T) {
	s := Example(false)
	s.Windows, s.Solaris, s.VM, s.ZOS, s.FreeBSD = &specs.Windows{}, &specs.Solaris{}, &specs.VM{}, &specs.ZOS{}, &specs.FreeBSD{}
	s.Process.CommandLine, s.Process.User.Username = "x", "y"
	if r := Validate(s, Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
		t.Errorf("what is for other platforms: got problems %q and warnings %q, want none", lines(r.Problems), lines(r.Warnings))
	}
}

func TestValidateFacts(t *testing.T) {
	s := Example(false)
	for i := range s.Linux.Namespaces {
		s.Linux.Namespaces[i].Path = "/proc/1/ns/x"
	}
	s.Linux.Sysctl = map[string]string{"net.core.somaxconn": "1", "kernel.sem": "1", "kernel.domainname": "a"}
	if r := Validate(s, Facts{}); len(r.Problems) > 0 {
		t.Errorf("other namespaces: got problems %q, want none", lines(r.Problems))
	}
	own := Facts{Own: map[specs.LinuxNamespaceType]bool{"network": true, "ipc": true, "uts": true, "mount": true}}
	want := []string{
		"hostname",
		"mounts",
		"root.readonly",
		"process.terminal",
		"linux.namespaces[4].path",
		`linux.sysctl["kernel.domainname"]`,
		`linux.sysctl["kernel.sem"]`,
		`linux.sysctl["net.core.somaxconn"]`,
		"linux.maskedPaths",
		"linux.readonlyPaths",
	}
	var got []string
	for _, p := range Validate(s, own).Problems {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the runtime's namespaces: got problems of %q, want %q", got, want)
	}
	for i := range s.Linux.Namespaces {
		s.Linux.Namespaces[i].Path = ""
	}
	if r := Validate(s, own); len(r.Problems) > 0 {
		t.Errorf("new namespaces: got problems %q, want none", lines(r.Problems))
	}
}

func TestValidateProcess(t *testing.T) {
	r := ValidateProcess(&specs.Process{Cwd: "x", ApparmorProfile: "p", Env: []string{"a"}}, Facts{NoApparmor: true})
	want := []string{
		"process.args: got nothing, want at least the program to run",
		`process.cwd: got "x", want an absolute path`,
		`process.apparmorProfile: got "p", and no AppArmor in this kernel, want no profile`,
	}
	if !slices.Equal(lines(r.Problems), want) || len(r.Warnings) != 1 {
		t.Errorf("a process with mistakes: got problems %q and warnings %q, want %q and 1 warning", lines(r.Problems), lines(r.Warnings), want)
	}
	if r := ValidateProcess(Example(false).Process, Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
		t.Errorf("the example's process: got problems %q and warnings %q, want none", lines(r.Problems), lines(r.Warnings))
	}
}

func TestReportErr(t *testing.T) {
	r := Report{Warnings: []Problem{{"a", "b", "c"}}}
	if err := r.Err("config.json"); err != nil {
		t.Errorf("error of a report with a warning: got %v, want none", err)
	}
	r.Problems = []Problem{{"x", "1", "2"}}
	if err := r.Err("config.json"); err.Error() != "config.json: x: got 1, want 2" {
		t.Errorf("error of a report with a problem: got %v, want config.json: x: got 1, want 2", err)
	}
	r.Problems = append(r.Problems, Problem{"y", "", ""})
	if err := r.Err("config.json"); err.Error() != "config.json: 2 problems: x: got 1, want 2; y: not supported" {
		t.Errorf("error of a report with two problems: got %v, want config.json: 2 problems: x: got 1, want 2; y: not supported", err)
	}
}

func TestValidateShortensValues(t *testing.T) {
	s := Example(false)
	s.Process.Cwd = strings.Repeat("x", 5000)
	if got := lines(Validate(s, Facts{}).Problems); len(got) != 1 || len(got[0]) > 200 {
		t.Errorf("problems of a cwd of 5000 bytes: got %q, want one of at most 200 bytes", got)
	}
}

func TestSysctlFile(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":              "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":              "net/ipv4/ip_forward",
		"net.ipv4.conf.eth0/100.rp_filter": "net/ipv4/conf/eth0.100/rp_filter",
		"net/ipv4/conf/eth0.100/rp_filter": "net/ipv4/conf/eth0.100/rp_filter",
		"kernel":                           "kernel",
		"":                                 "",
		".":                                "",
		"a.":                               "",
		"a/./b":                            "",
		"a/../b":                           "",
		"..":                               "",
		"a.//.b":                           "",
	} {
		if got, ok := SysctlFile(key); got != want || ok != (want != "") {
			t.Errorf("file of the sysctl %q: got %q, %v, want %q, %v", key, got, ok, want, want != "")
		}
	}
}

func TestExampleIsRunc(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("no runc to compare with")
	}
	for _, rootless := range []bool{false, true} {
		dir := t.TempDir()
		args := []string{"spec", "--bundle", dir}
		if rootless {
			args = append(args, "--rootless")
		}
		if out, err := exec.Command(runc, args...).CombinedOutput(); err != nil {
			t.Fatalf("run runc spec: %v: %s", err, out)
		}
		want, err := Load(dir)
		if err != nil {
			t.Fatalf("load what runc wrote: %v", err)
		}
		want.Version = "1.3.0"
		if !reflect.DeepEqual(Example(rootless), want) {
			got, _ := json.Marshal(Example(rootless))
			text, _ := json.Marshal(want)
			t.Errorf("rootless %v:\n got %s\nwant %s", rootless, got, text)
		}
		if r := Validate(Example(rootless), Facts{}); len(r.Problems)+len(r.Warnings) > 0 {
			t.Errorf("rootless %v: got problems %q and warnings %q, want none", rootless, lines(r.Problems), lines(r.Warnings))
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s := Example(false)
	b.ReportAllocs()
	for b.Loop() {
		if r := Validate(s, Facts{}); len(r.Problems) > 0 {
			b.Fatal(r.Problems)
		}
	}
}

// TestHostileConfigs: as many mistakes as a config of MaxSize has room for take neither time nor memory.
func TestHostileConfigs(t *testing.T) {
	const n = 400_000
	repeat := func(format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+",", i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, section := range map[string]string{
		"capabilities": `"process": {"capabilities": {"bounding": [` + repeat(`"C%d"`) + `]}}`,
		"rlimits":      `"process": {"rlimits": [` + repeat(`{"type": "R%d"}`) + `]}`,
		"namespaces":   `"linux": {"namespaces": [` + repeat(`{"type": "n%d"}`) + `]}`,
		"affinity":     `"process": {"execCPUAffinity": {"initial": "` + strings.Repeat("0-8191,", n) + `0"}}`,
		"annotations":  `"annotations": {` + repeat(`"org.systemd.property.%d": ""`) + `}`,
	} {
		s, err := Decode(name, []byte("{"+section+"}"))
		if err != nil {
			t.Fatalf("decode %s: %v", name, err)
		}
		begin := time.Now()
		r := Validate(s, Facts{})
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: time to validate: got %v, want at most 10s", name, took)
		}
		if len(r.Problems) > maxNotes+1 || len(r.Warnings) > maxNotes+1 {
			t.Errorf("%s: got %d problems and %d warnings, want at most %d of each", name, len(r.Problems), len(r.Warnings), maxNotes+1)
		}
		if last := append(r.Warnings, r.Problems...); name != "affinity" && !strings.Contains(fmt.Sprint(last), "there are more") {
			t.Errorf("%s: got problems and warnings %v, want one that says that there are more", name, last)
		}
	}
}
