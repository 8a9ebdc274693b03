package lifecycle

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func annotation(key, value string) edit {
	return func(s *specs.Spec) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		s.Annotations[key] = value
	}
}

// escaped is a message as the text log has it.
func escaped(msg string) string { return strings.ReplaceAll(msg, `"`, `\"`) }

// The annotations name files that the output of hooks is appended to. What hooks in the container write to either stream goes to the first of
// the two.
func TestHooksWriteToFiles(t *testing.T) {
	t.Parallel()
	for _, detached := range []bool{false, true} {
		b := withHooks(t)
		for _, kind := range hookKinds {
			b.add(kind, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo " + kind + "; echo error of " + kind + " >&2"}})
			l := hookList(b.Spec, kind)
			if kind == "createContainer" {
				(*l)[0] = specs.Hook{Path: kit.Payload(), Args: []string{"x", "echo", kind}}
			}
			if kind == "startContainer" {
				(*l)[0] = specs.Hook{Path: kit.PayloadPath, Args: []string{"x", "echo", kind}}
			}
		}
		out, errs := b.Dir+"/out", b.Dir+"/errors"
		check(t, os.WriteFile(out, []byte("of before\n"), 0o600))
		b.Edit(annotation("run.oci.hooks.stdout", out), annotation("run.oci.hooks.stderr", errs), kit.Args("true"))
		if detached {
			b.OK("create", b.ID)
			b.OK("start", b.ID)
			b.Ended()
			b.OK("delete", b.ID)
		} else {
			b.OK("run", b.ID)
		}
		text, err := os.ReadFile(out)
		if want := "of before\n" + strings.Join(hookKinds, "\n") + "\n"; err != nil || string(text) != want {
			t.Errorf("standard output of hooks, by create %v: got %q, %v, want %q", detached, text, err, want)
		}
		text, err = os.ReadFile(errs)
		const want = "error of prestart\nerror of createRuntime\nerror of poststart\nerror of poststop\n"
		if err != nil || string(text) != want {
			t.Errorf("standard error of hooks, by create %v: got %q, %v, want %q", detached, text, err, want)
		}
		if st, err := os.Stat(errs); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("mode of a file that was made: got %v, %v, want 0600", st, err)
		}
	}
}

func TestHooksFilesRefused(t *testing.T) {
	t.Parallel()
	b := withHooks(t)
	b.add("createRuntime", specs.Hook{Path: kit.Payload(), Args: []string{"x", "true"}})
	fifo := b.Dir + "/fifo"
	check(t, syscall.Mkfifo(fifo, 0o600))
	for value, want := range map[string]string{
		"relative/path":   `annotations["run.oci.hooks.stdout"]: got "relative/path", want the absolute path of a file`,
		"":                `annotations["run.oci.hooks.stdout"]: got nothing`,
		b.Dir:             `annotations["run.oci.hooks.stdout"]: open ` + b.Dir + ": is a directory",
		b.Dir + "/none/x": `annotations["run.oci.hooks.stdout"]: open ` + b.Dir + "/none/x: no such file",
		fifo:              `annotations["run.oci.hooks.stdout"]: open ` + fifo,
	} {
		b.Edit(annotation("run.oci.hooks.stdout", value))
		b.Fails([]string{"create", b.ID}, escaped(want))
	}
}

func TestKeepOriginalGroups(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("id"))
	groups := func(args ...string) string {
		t.Helper()
		c := b.Command(args...)
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{7, 4242}}}
		res := b.Do(c)
		if res.Code != 0 {
			t.Fatalf("%v, want exit code 0", res)
		}
		list := kit.JSON[struct{ Groups []int }](b, res.Stdout).Groups
		slices.Sort(list)
		return fmt.Sprint(list)
	}
	if got := groups("run", b.ID); got != "[]" {
		t.Errorf("groups without the annotation: got %s, want none", got)
	}
	b.Edit(annotation("run.oci.keep_original_groups", "0"))
	if got := groups("run", b.ID); got != "[]" {
		t.Errorf("groups with 0 in the annotation: got %s, want none", got)
	}
	b.Edit(annotation("run.oci.keep_original_groups", "1"))
	if got := groups("run", b.ID); got != "[7 4242]" {
		t.Errorf("groups with the annotation: got %s, want the caller's, [7 4242]", got)
	}
	b.Start("sleep", "forever")
	if got := groups("exec", b.ID, kit.PayloadPath, "id"); got != "[7 4242]" {
		t.Errorf("groups of an exec: got %s, want its caller's, [7 4242]", got)
	}
	b.OK("delete", "--force", b.ID)
	for value, got := range map[string]string{"2": `"2"`, "true": `"true"`, "": "nothing"} {
		b.Edit(annotation("run.oci.keep_original_groups", value))
		b.Fails([]string{"create", b.ID}, escaped(`annotations["run.oci.keep_original_groups"]: got `+got+`, want "0" or "1"`))
	}
}

func TestUnknownSyscallFails(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("true"), filter(errnoRule(1, "umask"), specs.LinuxSyscall{
		Action: specs.ActErrno, Names: []string{"getpid_no", "umask2"},
	}))
	b.OK("run", b.ID)
	b.Edit(annotation("run.oci.seccomp_fail_unknown_syscall", "1"))
	const want = "linux.seccomp.syscalls[1].names[0]: getpid_no: not known"
	b.Fails([]string{"create", b.ID}, want)
	if res := b.Teu("validate", b.Dir); res.Code != 1 || !strings.Contains(res.Stdout, "/linux/seccomp/syscalls/1/names/0") {
		t.Errorf("%v: want exit code 1 and the place of the unknown name", res)
	}
	b.Edit(annotation("run.oci.seccomp_fail_unknown_syscall", "yes"))
	b.Fails([]string{"create", b.ID}, escaped(`annotations["run.oci.seccomp_fail_unknown_syscall"]: got "yes", want "0" or "1"`))
}

// --config takes another file, from the working directory; paths in it are the bundle's. It need not be there any longer.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("echo", "of the other file"))
	check(t, os.Rename(b.Dir+"/config.json", b.Dir+"/other.json"))
	b.Fails([]string{"run", b.ID}, "config.json: no such file")
	for _, flag := range []string{"--config=" + b.Dir + "/other.json", "--config=other.json", "-f=other.json"} {
		c := b.Command("run", "--bundle", b.Dir, flag, b.ID)
		if res := b.Do(c); res.Stdout != "of the other file\n" {
			t.Errorf("%v: want the output of what the other file says", res)
		}
	}
	b.Edit(func(s *specs.Spec) { s.Process.Args = []string{""} })
	check(t, os.Rename(b.Dir+"/config.json", b.Dir+"/wrong.json"))
	b.Fails([]string{"create", "--config", "wrong.json", b.ID}, b.Dir+"/wrong.json: process.args")
	b.OK("create", "--config", "other.json", b.ID)
	check(t, os.Remove(b.Dir+"/other.json"))
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "echo", "x"); res.Stdout != "x\n" {
		t.Errorf("%v: want stdout x", res)
	}
	b.OK("start", b.ID)
	b.Ended()
	b.OK("delete", b.ID)
}

func TestRegex(t *testing.T) {
	t.Parallel()
	b := kit.New(t, kit.Args("sleep", "forever"))
	ids := []string{b.ID + "-a1", b.ID + "-a2", b.ID + "-b1"}
	list := func() string {
		t.Helper()
		return strings.Join(strings.Fields(b.OK("list", "-q").Stdout), " ")
	}
	for _, id := range ids {
		b.OK("create", id)
	}
	check(t, os.Mkdir(b.Root+"/"+b.ID+"-a3", 0o700)) // half-made
	if res := b.Teu("delete", "--regex", "a[12]$"); res.Code != 1 || strings.Count(res.Stderr, "not stopped") != 2 {
		t.Errorf("%v: want exit code 1, and both containers named", res)
	}
	b.OK("kill", "--regex", b.ID+"-[ab]1", "KILL")
	for i, want := range []specs.ContainerState{specs.StateStopped, specs.StateCreated, specs.StateStopped} {
		b.Until("state "+string(want)+" of "+ids[i], func() bool {
			return kit.JSON[specs.State](b, b.OK("state", ids[i]).Stdout).Status == want
		})
	}
	b.OK("delete", "--regex", "--force", "a[0-9]$")
	if got := list(); got != ids[2] {
		t.Errorf("containers after delete --regex: got %q, want %q", got, ids[2])
	}
	b.OK("delete", "--regex", "no such id")
	b.Fails([]string{"delete", "--regex", "("}, "--regex")
	b.OK("delete", ids[2])
}
