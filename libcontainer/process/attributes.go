package process

import (
	"fmt"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/libcontainer/spec"
	"teu/libcontainer/spec/names"
	"teu/nsenter/program"
)

// sessionKeyringPerm is what may be done with the session keyring (keyctl_setperm(3)): what the kernel gives a new one, which
// is all to its possessor and view, read, link to processes of its user, and search to those too, without which exec could
// not join it by its name.
const sessionKeyringPerm = 0x3f<<24 | (0x01|0x02|0x08|0x10)<<16

// keyring gives the process the session keyring of the container, which the first process makes: the one it has is that of
// whoever started teu, keys and all. With an SELinux label the keyring gets that; keys that the workload makes are labelled
// by the policy again.
func (c *Config) keyring(b *program.Builder) {
	if c.NewKeyring == "" {
		return
	}
	if label := c.Process.SelinuxLabel; label != "" {
		c.attr(b, "process.selinuxLabel", "label keys "+label, label, "self/attr/keycreate")
	}
	noKeys := b.Label()
	b.At("", "join session keyring "+c.NewKeyring)
	b.JoinSessionKeyring(c.NewKeyring)
	b.On(noKeys, syscall.ENOSYS) // a kernel without keys
	if !c.Joins {
		b.SetSessionKeyringPerm(sessionKeyringPerm)
	}
	b.Here(noKeys)
	if c.Process.SelinuxLabel != "" {
		c.attr(b, "process.selinuxLabel", "label keys by the policy again", "\n", "self/attr/keycreate")
	}
}

// labelled: a security module is told about the workload.
func (c *Config) labelled() bool {
	return c.Process.SelinuxLabel != "" || c.Process.ApparmorProfile != ""
}

// OpenProc mounts the procfs that labels are written through, before the process joins namespaces: a user namespace in
// which /proc is masked could not mount one (mount_too_revealing in fs/namespace.c), and the container's own is not to be
// trusted with it (CVE-2019-16884, CVE-2025-52881). "self" is the process there too, whatever pid namespace it goes to.
func (c *Config) OpenProc(b *program.Builder) {
	c.attrs = program.None
	if !c.labelled() {
		return
	}
	b.At("process", "mount a private proc for labels")
	var fs program.Slot
	fs, c.attrs = PrivateProc(b)
	b.Close(fs)
}

// PrivateProc mounts a procfs on a descriptor of its own, where nobody can have mounted anything over it (CVE-2019-16884,
// CVE-2025-52881). fs is its filesystem context.
func PrivateProc(b *program.Builder) (fs, proc program.Slot) {
	fs = b.Fsopen("proc")
	b.FsCreate(fs)
	proc = b.Fsmount(fs, sys.MountAttrNosuid|sys.MountAttrNodev|sys.MountAttrNoexec)
	b.CheckFs(proc, sys.ProcSuperMagic)
	return fs, proc
}

// attr writes text to the first of the files that is there (proc_pid_attr(5)).
func (c *Config) attr(b *program.Builder, where, what, text string, files ...string) {
	b.At(where, what)
	done := b.Label()
	for i, file := range files {
		next := b.Label()
		f := b.Openat2(c.attrs, file, program.How{Flags: sys.OWronly, Resolve: program.OwnProc})
		if i+1 < len(files) {
			b.On(next, syscall.ENOENT)
		}
		b.Write(f, text)
		b.Close(f)
		if i+1 < len(files) {
			b.Jump(done)
		}
		b.Here(next)
	}
	b.Here(done)
}

// LateRlimit reports whether a type of process.rlimits is set by the process itself, last of all, since it could be the end of the
// interpreter: descriptors are made at the gate, for a listener and for hooks, and the kernel kills at the limit of time, which
// with 0 is the next tick. The rest take away what the interpreter has no more need of, or are checked by execve(2) only.
func LateRlimit(kind string) bool {
	return kind == "RLIMIT_NOFILE" || kind == "RLIMIT_CPU" || kind == "RLIMIT_RTTIME"
}

// lateRlimits needs no privilege: the parent has raised the hard limits.
func (c *Config) lateRlimits(b *program.Builder) {
	for i := range c.Process.Rlimits {
		l := &c.Process.Rlimits[i]
		n, ok := names.Find(names.Rlimits, l.Type)
		if !ok || !LateRlimit(l.Type) {
			continue
		}
		b.At(fmt.Sprintf("process.rlimits[%d]", i), RlimitText(l))
		b.Setrlimit(int(n), l.Soft, l.Hard)
	}
}

// RlimitText is a limit as messages have it.
func RlimitText(l *specs.POSIXRlimit) string {
	return fmt.Sprintf("%s soft %d hard %d", l.Type, l.Soft, l.Hard)
}

// Attributes sets what the workload has beside its identity: personality, memory policy, and the labels that the exec
// brings into force. AppArmor has a directory of its own since Linux 5.1 (commit 6413f852ce08), for kernels in which
// another module answers at attr/exec.
func (c *Config) Attributes(b *program.Builder) {
	if p := c.Personality; p != nil && p.Domain != "" {
		persona, _ := spec.Personality(p)
		b.At("linux.personality", "become "+string(p.Domain))
		b.Personality(persona)
	}
	if p := c.MemoryPolicy; p != nil && p.Mode != "" {
		mode, nodes, _ := spec.MemoryPolicy(p)
		b.At("linux.memoryPolicy", "allocate by "+string(p.Mode)+" "+p.Nodes)
		b.SetMempolicy(mode, nodes)
	}
	if p := c.Process.ApparmorProfile; p != "" {
		c.attr(b, "process.apparmorProfile", "confine by "+p, "exec "+p, "self/attr/apparmor/exec", "self/attr/exec")
	}
	if l := c.Process.SelinuxLabel; l != "" {
		c.attr(b, "process.selinuxLabel", "label "+l, l, "self/attr/exec")
	}
	if c.attrs != program.None {
		b.At("process", "let go of the proc for labels")
		b.Close(c.attrs)
	}
}
