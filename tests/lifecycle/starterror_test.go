package lifecycle

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// elf is an ELF file of nothing but headers, with an interpreter.
func elf(machine uint16, interpreter string) string {
	const header, segment = 64, 56
	le := binary.LittleEndian
	b := make([]byte, header+segment)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 3) // ET_DYN
	le.PutUint16(b[18:], machine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], header)
	le.PutUint16(b[52:], header)
	le.PutUint16(b[54:], segment)
	le.PutUint16(b[56:], 1)
	le.PutUint32(b[header:], 3) // PT_INTERP
	le.PutUint64(b[header+8:], header+segment)
	le.PutUint64(b[header+32:], uint64(len(interpreter)+1))
	return string(b) + interpreter + "\x00"
}

const amd64, s390 = 62, 22

// TestStartErrors: whoever starts what cannot be executed is told why, in words that Docker and Podman look for.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file string // what /x holds; "-" is no file
		mode os.FileMode
		args []string
		want []string // with a "" in front create fails: it looks whether there is anything to execute
	}{
		{"missing", "-", 0, []string{"/x"}, []string{"", "process.args", "/x", "no such file or directory"}},
		{"missing directory", "-", 0, []string{"/nowhere/x"}, []string{"", "/nowhere/x", "no such file or directory"}},
		{"not in PATH", "-", 0, []string{"wonder"}, []string{"", "wonder", "executable file not found in $PATH"}},
		{"not executable", "#!/bin/payload\n", 0o644, []string{"/x"}, []string{"", "/x", "permission denied", "not executable"}},
		{"not executable in PATH", "#!/bin/payload\n", 0o644, []string{"x"}, []string{"", "x", "permission denied", "/x is not executable (mode 0644)"}},
		{"directory", "-", 0, []string{"/bin"}, []string{"", "/bin", "permission denied", "is a directory"}},
		{"below a file", "", 0o755, []string{"/x/y"}, []string{"", "/x/y", "not a directory"}},
		{"script without its interpreter", "#!/bin/wonder -e\n", 0o755, []string{"/x"}, []string{"/x", "interpreter /bin/wonder", "no such file or directory"}},
		{"script with CR LF", "#!/bin/payload\r\n", 0o755, []string{"/x"}, []string{"/x", "CR LF", "no such file or directory"}},
		{"script whose interpreter is not executable", "#!/etc/plain\n", 0o755, []string{"/x"}, []string{"/x", "/etc/plain", "permission denied"}},
		{"no ELF loader", elf(amd64, "/lib/ld-wonder.so"), 0o755, []string{"/x"}, []string{"/x", "ELF loader /lib/ld-wonder.so", "no such file or directory"}},
		{"another architecture", elf(s390, "/lib/ld64.so.1"), 0o755, []string{"/x"}, []string{"/x", "exec format error", "another machine"}},
		{"empty file", "", 0o755, []string{"/x"}, []string{"/x", "exec format error", "is empty"}},
		{"text", "echo hello\n", 0o755, []string{"/x"}, []string{"/x", "exec format error", "#!"}},
		{"on a noexec mount", "-", 0, []string{"/noexec/payload"}, []string{"/noexec/payload", "permission denied", "noexec"}},
		{"script on a mount", "-", 0, []string{"/mounted/script"}, []string{"/mounted/script", "interpreter /bin/wonder", "no such file or directory"}},
		{"script mounted over a file", "-", 0, []string{"/placeholder"}, []string{"/placeholder", "interpreter /bin/wonder", "no such file or directory"}},
		{"text mounted over a file", "-", 0, []string{"/text"}, []string{"/text", "exec format error", "#! line"}},
		{"the one of several that was executed", "-", 0, []string{"several"}, []string{"several", "exec format error", "/mounted/several is neither"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := kit.New(t, process(func(p *specs.Process) { p.Args, p.Env = c.args, []string{"PATH=/:/bin:/mounted"} }))
			if c.file != "-" {
				b.File("/x", c.file, c.mode)
			}
			b.File("/etc/plain", "", 0o644)
			check(t, os.Mkdir(b.Dir+"/mounted", 0o755))
			check(t, os.WriteFile(b.Dir+"/mounted/script", []byte("#!/bin/wonder\n"), 0o755))
			check(t, os.WriteFile(b.Dir+"/mounted/text", []byte("echo hello\n"), 0o755))
			check(t, os.WriteFile(b.Dir+"/mounted/several", []byte("echo hello\n"), 0o755))
			b.File("/several", "#!/bin/wonder\n", 0o755)
			b.File("/placeholder", "", 0o755)
			b.File("/text", "#!/bin/wonder\n", 0o755)
			b.Edit(bind("rootfs/bin", "/noexec", "bind", "noexec"), bind("mounted", "/mounted", "bind"),
				bind("mounted/script", "/placeholder", "bind"), bind("mounted/text", "/text", "bind"))
			if c.want[0] == "" {
				b.Fails([]string{"create", b.ID}, c.want...)
			} else {
				b.OK("create", b.ID)
				b.Fails([]string{"start", b.ID}, c.want...)
				// runtime.md, "Start", says nothing of it: as with runc, the container is stopped then.
				if st := b.State(); st.Status != specs.StateStopped {
					t.Errorf("state after a failed start: got %s, want stopped", st.Status)
				}
				b.OK("delete", b.ID)
			}

			if res := b.Fails([]string{"run", b.ID}, c.want...); res.Code != 1 {
				t.Errorf("%v, want exit code 1", res)
			}
			if res := b.Teu("state", b.ID); res.Code == 0 {
				t.Errorf("after a failed run: got %v, want no container", res)
			}
			b.Edit(kit.Args("sleep", "forever"))
			b.Start()
			if res := b.Fails(append([]string{"exec", b.ID}, c.args...), c.want[len(c.want)-1]); res.Code != 255 {
				t.Errorf("%v, want exit code 255", res)
			}
		})
	}
}

// TestStartFinds: what create looks for may be relative, and what hooks may make yet is not missed.
func TestStartFinds(t *testing.T) {
	t.Parallel()
	b := kit.New(t, process(func(p *specs.Process) { p.Args, p.Cwd = []string{"./payload", "true"}, "/bin" }))
	b.OK("create", b.ID)
	b.OK("start", b.ID)
	b.Ended()
	b.OK("delete", b.ID)
	b.Edit(process(func(p *specs.Process) { p.Cwd = "/tmp" }))
	b.Fails([]string{"create", b.ID}, "process.args", "./payload", "no such file or directory")
	b.Edit(process(func(p *specs.Process) { p.Args, p.Env = []string{"payload"}, []string{"PATH=:/etc"} }))
	b.Fails([]string{"create", b.ID}, "process.args", "executable file not found in $PATH")

	// What is wrong is said of the file there, not of one of the same name at the root.
	b.File("/tmp/text", "echo hello\n", 0o755)
	b.Edit(process(func(p *specs.Process) { p.Args, p.Cwd = []string{"./text"}, "/tmp" }))
	b.Fails([]string{"run", b.ID}, "./text is neither a program nor a script")

	const made = "/dev/shm/made"
	b.Edit(process(func(p *specs.Process) { p.Args = []string{made} }), func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "write", made, "text"}}}}
	})
	b.OK("create", b.ID)
	b.Fails([]string{"start", b.ID}, made, "permission denied")
}

// TestStartWrongState: only what was created, and not yet started, can be.
func TestStartWrongState(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Fails([]string{"start", b.ID}, "does not exist")
	b.Start()
	b.Fails([]string{"start", b.ID}, "running")
	b.OK("kill", b.ID, "KILL")
	b.Ended()
	b.Fails([]string{"start", b.ID}, "stopped")
}

// TestStartDetached: the container stays when whoever has created and started it is gone, and needs nobody for it.
func TestStartDetached(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	pid := b.State().Pid
	if parent := strings.Fields(procFile(t, pid, "stat"))[3]; parent != kit.Reaper() {
		t.Errorf("parent of the container's process: got %s, want %s", parent, kit.Reaper())
	}
	if procFile(t, pid, "comm") != "payload" {
		t.Errorf("comm of the container's process: got %s, want payload", procFile(t, pid, "comm"))
	}
}
