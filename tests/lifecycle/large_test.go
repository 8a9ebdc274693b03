package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// TestLarge: what the kernel takes, teu takes.
func TestLarge(t *testing.T) {
	t.Parallel()
	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args("env"), process(func(p *specs.Process) {
			p.Env = nil
			for i := range 1000 {
				p.Env = append(p.Env, fmt.Sprintf("NAME%d=%s", i, strings.Repeat("x", 1000)))
			}
			p.Env = append(p.Env, "LONG="+strings.Repeat("y", 100000))
		}))
		if got := lines(b.Run()); len(got) != 1002 || len(got[1000]) != 100005 { // and HOME
			t.Errorf("variables: got %d, want 1002 and the one of 100005 bytes", len(got))
		}
		b.Edit(kit.Args("sleep", "forever"))
		b.Start()
		if got := lines(b.OK("exec", b.ID, kit.PayloadPath, "env")); len(got) != 1002 {
			t.Errorf("variables of an exec: got %d, want 1002", len(got))
		}
	})
	t.Run("arguments", func(t *testing.T) {
		t.Parallel()
		args := []string{"echo", strings.Repeat("z", 120000)}
		for range 500 {
			args = append(args, "argument")
		}
		b := kit.New(t, kit.Args(args...))
		if got, want := b.Run().Stdout, strings.Join(args[1:], " ")+"\n"; got != want {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
		// More than the kernel takes is its error.
		b.Edit(kit.Args("echo", strings.Repeat("z", 140000)))
		b.Fails([]string{"run", b.ID}, "process.args", "argument list too long")
	})
	t.Run("mounts", func(t *testing.T) {
		t.Parallel()
		const n = 300
		b := kit.New(t, kit.Args("mountinfo"))
		for i := range n {
			b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{
				Destination: fmt.Sprintf("/many/%d/%s", i, strings.Repeat("d", 200)), Type: "tmpfs", Source: "tmpfs",
				Options: []string{"nosuid", "nodev", "size=4k"},
			})
			b.Spec.Linux.MaskedPaths = append(b.Spec.Linux.MaskedPaths, fmt.Sprintf("/many/%d", i))
		}
		b.Edit()
		mounts := kit.JSON[[]kit.Mount](b, b.Run().Stdout)
		if len(mounts) < 2*n {
			t.Errorf("mounts: got %d, want more than %d", len(mounts), 2*n)
		}
	})
	t.Run("groups", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, process(func(p *specs.Process) {
			for i := range 5000 {
				p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(i+10))
			}
		}))
		if got := b.Inspect().ID.Groups; len(got) != 5000 {
			t.Errorf("groups: got %d, want 5000", len(got))
		}
	})
	t.Run("annotations", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, func(s *specs.Spec) {
			s.Annotations = map[string]string{}
			for i := range 1000 {
				s.Annotations[fmt.Sprintf("org.example.%d", i)] = strings.Repeat("v", 500)
			}
		})
		b.OK("create", b.ID)
		if got := len(b.State().Annotations); got != 1000 {
			t.Errorf("annotations: got %d, want 1000", got)
		}
	})
	t.Run("id and paths", func(t *testing.T) {
		t.Parallel()
		b := kit.New(t, kit.Args("sleep", "forever"))
		most := 255
		if kit.Systemd() {
			most -= len("teu-.scope") // the name of the unit
		}
		id := b.ID + strings.Repeat("x", most-len(b.ID))
		b.OK("create", id)
		b.OK("start", id)
		b.OK("exec", id, kit.PayloadPath, "true")
		b.OK("delete", "--force", id)
		// A state directory whose sockets have longer names than fit an address.
		deep := b.Dir + "/" + strings.Repeat("d", 200)
		for _, args := range [][]string{{"create", b.ID}, {"start", b.ID}, {"delete", "--force", b.ID}} {
			cmd := b.Command(args...)
			cmd.Args = append([]string{"teu", "--root", deep}, args...)
			if res := b.Do(cmd); res.Code != 0 {
				t.Errorf("%v, want exit code 0", res)
			}
		}
	})
}
