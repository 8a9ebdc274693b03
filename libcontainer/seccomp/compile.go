// Package seccomp compiles linux.seccomp into the BPF program and the flags of one seccomp(2) call, and keeps
// the results in a cache: libseccomp needs milliseconds for a profile of some hundred system calls.
package seccomp

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"

	"teu/internal/sys"
)

// Filter is what seccomp(2) SECCOMP_SET_MODE_FILTER takes.
type Filter struct {
	BPF   []byte // array of struct sock_filter, at most sys.BPFMaxInsns of them
	Flags uint32 // SECCOMP_FILTER_FLAG_*
	// Listener says that the filter has SCMP_ACT_NOTIFY: Flags has NEW_LISTENER, and seccomp(2) returns an fd, which
	// goes to linux.seccomp.listenerPath.
	Listener bool
}

// manyRules is the number of rules from where libseccomp sorts system calls into a tree, as in runc. When a
// filter is loaded the kernel runs it once for each system call there is (seccomp_cache_prepare, Linux 5.11):
// for a profile of 400 names on three architectures that takes 0.6 ms with a tree and 1.4 ms without.
const manyRules = 32

// Compile turns a profile into a filter. The result is taken from the directory cacheDir if it has it, and
// left there otherwise; "" means no cache. What is wrong with the profile is an error that names its place in
// config.json. A cache that cannot be used costs time, not correctness: that is a warning, as is a system call
// which the profile means to restrict, or to have watched, and libseccomp does not know.
func Compile(profile *specs.LinuxSeccomp, cacheDir string) (f Filter, warnings []error, err error) {
	if cacheDir == "" {
		e, err := compile(profile)
		return e.filter, e.warningErrors(), err
	}
	key := keyOf(profile)
	c, err := openCache(cacheDir)
	if err != nil {
		warnings = append(warnings, err)
	} else {
		defer c.close()
		e, ok, err := c.get(key)
		if ok {
			return e.filter, e.warningErrors(), nil
		}
		if err != nil {
			warnings = append(warnings, err)
		}
	}
	e, err := compile(profile)
	if err != nil {
		return Filter{}, nil, err
	}
	if c != nil {
		if err := c.put(key, e); err != nil {
			warnings = append(warnings, err)
		}
	}
	return e.filter, append(warnings, e.warningErrors()...), nil
}

// entry is what the cache holds for a profile.
type entry struct {
	filter   Filter
	warnings []string
}

func (e *entry) warningErrors() []error {
	var list []error
	for _, w := range e.warnings {
		list = append(list, fmt.Errorf("%s", w))
	}
	return list
}

// compiler builds one filter.
type compiler struct {
	profile *specs.LinuxSeccomp
	scmp    *libseccomp.ScmpFilter
	action  libseccomp.ScmpAction // the default
	tops    []top                 // one for each architecture
	rules   int
	said    map[libseccomp.ScmpSyscall][]said
	entry   entry
}

func compile(profile *specs.LinuxSeccomp) (entry, error) {
	c := compiler{profile: profile}
	if err := c.start(); err != nil {
		return entry{}, err
	}
	defer c.scmp.Release()
	if err := c.flags(); err != nil {
		return entry{}, err
	}
	for i := range profile.Syscalls {
		if err := c.syscalls(i); err != nil {
			return entry{}, err
		}
	}
	if err := c.finish(); err != nil {
		return entry{}, err
	}
	return c.entry, nil
}

// start makes the libseccomp filter with its default action and architectures.
func (c *compiler) start() (err error) {
	c.action, err = action(c.profile.DefaultAction, c.profile.DefaultErrnoRet,
		"linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet")
	if err != nil {
		return err
	}
	native, err := nativeArch()
	if err != nil {
		return err
	}
	c.listens(c.action)
	c.tops = append(c.tops, top{arch: native})
	if c.scmp, err = libseccomp.NewFilter(c.action); err != nil {
		return fmt.Errorf("linux.seccomp.defaultAction: %s: %w", c.profile.DefaultAction, err)
	}
	for i, name := range c.profile.Architectures {
		if err := c.addArch(name); err != nil {
			c.scmp.Release()
			return fmt.Errorf("linux.seccomp.architectures[%d]: %w", i, err)
		}
	}
	return nil
}

func (c *compiler) addArch(name specs.Arch) error {
	a, ok := architecture(name)
	if !ok {
		return fmt.Errorf("unknown architecture %q", name)
	}
	for _, t := range c.tops {
		if t.arch == a {
			return nil
		}
	}
	switch err := c.scmp.AddArch(a.scmp); err {
	case nil:
	case syscall.EDOM:
		return fmt.Errorf("%s: not the byte order of this machine", name)
	default:
		return fmt.Errorf("%s: %w", name, err)
	}
	c.tops = append(c.tops, top{arch: a})
	return nil
}

// flags translates linux.seccomp.flags. Without the field, not with an empty one, SPEC_ALLOW is set, as runc
// and crun do: before Linux 5.16 a filter otherwise turns on the slow mitigation of Speculative Store Bypass.
func (c *compiler) flags() error {
	if c.profile.Flags == nil {
		c.entry.filter.Flags |= sys.SeccompFilterSpecAllow
	}
	for i, name := range c.profile.Flags {
		bits, ok := flag(name)
		if !ok {
			return fmt.Errorf("linux.seccomp.flags[%d]: unknown flag %q", i, name)
		}
		c.entry.filter.Flags |= bits
	}
	return nil
}

func (c *compiler) listens(a libseccomp.ScmpAction) {
	if a == libseccomp.ActNotify {
		c.entry.filter.Listener = true
	}
}

// syscalls adds the rules of entry i of linux.seccomp.syscalls.
func (c *compiler) syscalls(i int) error {
	rule := &c.profile.Syscalls[i]
	where := "linux.seccomp.syscalls[" + strconv.Itoa(i) + "]"
	act, err := action(rule.Action, rule.ErrnoRet, where+".action", where+".errnoRet")
	if err != nil {
		return err
	}
	conds, err := conditions(rule.Args, where)
	if err != nil {
		return err
	}
	for j, name := range rule.Names {
		if name == "" {
			return fmt.Errorf("%s.names[%d]: empty name", where, j)
		}
		nr, known, here := c.resolve(name)
		if !known && freedom(act) < freedom(c.action) {
			c.entry.warnings = append(c.entry.warnings,
				fmt.Sprintf("%s.names[%d]: %s: not known, so not restricted", where, j, name))
		}
		// A rule for the default action says nothing, and libseccomp refuses it.
		if !here || act == c.action {
			continue
		}
		at := where + ".names[" + strconv.Itoa(j) + "]"
		c.conflicts(nr, said{act, conds == nil, at, rule.Action}, name)
		err := c.add(nr, act, conds)
		if err == syscall.EEXIST {
			err = fmt.Errorf("another action than an earlier rule for the same arguments: %w", err)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", at, name, err)
		}
	}
	return nil
}

// said is what a rule says about a system call.
type said struct {
	act  libseccomp.ScmpAction
	all  bool // whatever the arguments
	at   string
	name specs.LinuxSeccompAction
}

// conflicts warns of a rule that has no effect beside another one for system call nr: libseccomp keeps the first one that
// is for all arguments, and that alone.
func (c *compiler) conflicts(nr libseccomp.ScmpSyscall, s said, name string) {
	for _, e := range c.said[nr] {
		if e.act == s.act || !e.all && !s.all {
			continue
		}
		lost, kept := s, e
		if !e.all {
			lost, kept = e, s
		}
		c.entry.warnings = append(c.entry.warnings,
			fmt.Sprintf("%s: %s: %s without effect, as %s has %s", lost.at, name, lost.name, kept.at, kept.name))
	}
	if c.said == nil {
		c.said = map[libseccomp.ScmpSyscall][]said{}
	}
	c.said[nr] = append(c.said[nr], s)
}

// resolve finds the number of a system call, for libseccomp that of the native architecture, and notes its
// numbers on all architectures. known is false for a name that libseccomp does not have, here for one that no
// architecture of the filter has.
func (c *compiler) resolve(name string) (nr libseccomp.ScmpSyscall, known, here bool) {
	for i := range c.tops {
		n, err := libseccomp.GetSyscallFromNameByArch(name, c.tops[i].arch.scmp)
		if err != nil {
			return 0, false, false
		}
		if i == 0 {
			nr = n
		}
		here = c.tops[i].note(n) || here
	}
	return nr, true, here
}

// add adds one rule, or one for each condition where two conditions are on the same argument: libseccomp
// cannot say "and" of these, and profiles mean "or" (runc does the same).
func (c *compiler) add(nr libseccomp.ScmpSyscall, act libseccomp.ScmpAction, conds []libseccomp.ScmpCondition) error {
	c.listens(act)
	if len(conds) == 0 {
		c.rules++
		return c.scmp.AddRule(nr, act)
	}
	if !sameArgument(conds) {
		c.rules++
		return c.scmp.AddRuleConditional(nr, act, conds)
	}
	for i := range conds {
		c.rules++
		if err := c.scmp.AddRuleConditional(nr, act, conds[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func sameArgument(conds []libseccomp.ScmpCondition) bool {
	var seen [6]bool
	for _, c := range conds {
		if seen[c.Argument] {
			return true
		}
		seen[c.Argument] = true
	}
	return false
}

func conditions(args []specs.LinuxSeccompArg, where string) ([]libseccomp.ScmpCondition, error) {
	var conds []libseccomp.ScmpCondition
	for i, a := range args {
		op, ok := operator(a.Op)
		if !ok {
			return nil, fmt.Errorf("%s.args[%d].op: unknown operator %q", where, i, a.Op)
		}
		cond, err := libseccomp.MakeCondition(a.Index, op, a.Value, a.ValueTwo)
		if err != nil {
			return nil, fmt.Errorf("%s.args[%d].index: %w", where, i, err)
		}
		conds = append(conds, cond)
	}
	return conds, nil
}

// finish generates the program and settles the flags that depend on the rules.
func (c *compiler) finish() error {
	// Sorting nothing makes libseccomp 2.5 write a wrong filter; it starts at manyRules anyhow.
	if c.rules > manyRules {
		if err := c.scmp.SetOptimize(2); err != nil {
			return fmt.Errorf("linux.seccomp: sort system calls: %w", err)
		}
	}
	code, err := export(c.scmp)
	if err != nil {
		return fmt.Errorf("linux.seccomp: generate filter: %w", err)
	}
	f := &c.entry.filter
	f.BPF = append(c.stub(), code...)
	if n := len(f.BPF) / sys.SockFilterSize; n > sys.BPFMaxInsns {
		return fmt.Errorf("linux.seccomp: filter of %d instructions: the kernel takes %d", n, sys.BPFMaxInsns)
	}
	if f.Listener {
		f.Flags |= sys.SeccompFilterNewListener
	} else {
		// The kernel takes the flag with a listener only.
		f.Flags &^= sys.SeccompFilterWaitKillableRecv
	}
	return nil
}

// stub is the ENOSYS stub where calls that the profile does not name fail with another errno. Where they kill,
// trap or run the profile gets what it says.
func (c *compiler) stub() []byte {
	if c.action&0xffff != libseccomp.ActErrno || syscall.Errno(c.action.GetReturnCode()) == syscall.ENOSYS {
		return nil
	}
	return enosysStub(c.tops)
}

// export reads the program out of libseccomp, which writes it to a file.
func export(f *libseccomp.ScmpFilter) ([]byte, error) {
	fd, err := sys.Memfd("seccomp", 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "seccomp")
	defer file.Close()
	if err := f.ExportBPF(file); err != nil {
		return nil, err
	}
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, err
	}
	code := make([]byte, st.Size)
	n, err := sys.Pread(fd, code, 0)
	if err == nil && (n != len(code) || n == 0 || n%sys.SockFilterSize != 0) {
		err = syscall.EIO
	}
	return code, err
}
