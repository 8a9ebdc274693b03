package fault

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// victim is a command that is killed at one system call after the other.
type victim struct {
	name    string
	prepare func(r *rig) // what comes before it, each time
	args    func(r *rig) []string
	check   func(r *rig, k *killed, when string) // what has to hold afterwards, beside what always has to
}

// TestKill kills teu before each of its system calls.
func TestKill(t *testing.T) {
	create := func(r *rig) []string { return r.create() }
	for _, b := range []struct {
		name    string
		edit    func(*kit.Bundle) func(*specs.Spec)
		victims []victim
	}{
		{"full", full, []victim{
			{"create", coldCache, create, nil},
			{"start", created, func(r *rig) []string { return []string{"start", r.ID} }, nil},
			{"run", nothing, func(r *rig) []string { return r.run() }, nil},
			{"delete", stopped, func(r *rig) []string { return []string{"delete", r.ID} }, nil},
			{"delete --force of a created one", created, func(r *rig) []string { return []string{"delete", "--force", r.ID} }, nil},
		}},
		{"user", user, []victim{
			{"create and create again", nothing, create, createdAgain},
			{"run --detach", nothing, func(r *rig) []string { return r.run("--detach") }, nil},
		}},
		{"full and running", sleeping(full), []victim{
			{"delete --force", running, func(r *rig) []string { return []string{"delete", "--force", r.ID} }, nil},
			{"kill", running, func(r *rig) []string { return []string{"kill", r.ID, "KILL"} }, nil},
			{"update", running, func(r *rig) []string { return []string{"update", "--pids-limit", "100", r.ID} }, updatedAgain},
			{"exec", running, func(r *rig) []string {
				return []string{"exec", "--tty", "--console-socket", r.sock, "--pid-file", r.pidFile, "--detach", r.ID, kit.PayloadPath, "true"}
			}, runningStill},
		}},
	} {
		t.Run(b.name, func(t *testing.T) {
			r := newRig(t, b.edit)
			for _, v := range b.victims {
				r.sub(v.name, func() { r.killEach(&v) })
			}
		})
	}
}

// killEach kills the victim before its first system call, before its second and so on, until it comes to its end.
func (r *rig) killEach(v *victim) {
	var calls []string
	for n := 1; ; n++ {
		if !sampled(n) {
			continue
		}
		v.prepare(r)
		k := r.kill(n, v.args(r)...)
		when := k.String() + ", killed before call " + strconv.Itoa(n) + ", " + k.call
		if !k.reached {
			when = k.String()
			if k.code != 0 {
				r.t.Fatalf("%s: want exit code 0 of what is not killed", when)
			}
		}
		r.succeed(when, "list")
		if v.check != nil {
			v.check(r, k, when)
		}
		r.succeed(when, "delete", "--force", r.ID)
		r.clean(when)
		r.forget()
		if !k.reached {
			break
		}
		calls = append(calls, k.call)
	}
	if len(calls) < 40 / *every {
		r.t.Errorf("got %d system calls to be killed before, want 40 of all and %d of the sample at least", len(calls), 40 / *every)
	}
	r.t.Logf("killed before each of %d system calls: %s", len(calls), tally(calls))
}

// tally counts the names: "2 openat, 1 read".
func tally(names []string) string {
	count := map[string]int{}
	for _, n := range names {
		count[n]++
	}
	keys := make([]string, 0, len(count))
	for n := range count {
		keys = append(keys, n)
	}
	slices.SortFunc(keys, func(a, b string) int { return count[b] - count[a] })
	for i, n := range keys {
		keys[i] = n + " " + strconv.Itoa(count[n])
	}
	return strings.Join(keys, ", ")
}

func nothing(*rig) {}

// coldCache has the seccomp filter compiled, and kept, anew.
func coldCache(r *rig) { r.must(os.RemoveAll(r.Cache)) }

func created(r *rig) { r.succeed("prepare", r.create()...) }

func running(r *rig) {
	created(r)
	r.succeed("prepare", "start", r.ID)
}

// stopped leaves a container that ran and ended by itself.
func stopped(r *rig) {
	running(r)
	r.Until("the container has stopped", func() bool { return r.state() == specs.StateStopped })
}

// sleeping is edit with a process that does not end.
func sleeping(edit func(*kit.Bundle) func(*specs.Spec)) func(*kit.Bundle) func(*specs.Spec) {
	return func(b *kit.Bundle) func(*specs.Spec) {
		return func(s *specs.Spec) {
			edit(b)(s)
			kit.Args("sleep", "forever")(s)
		}
	}
}

// createdAgain checks that the next create finishes what the killed one began, unless that had come so far as to record the
// container as created.
func createdAgain(r *rig, k *killed, when string) {
	r.t.Helper()
	_, err := os.Stat(r.Root + "/" + r.ID + "/state.json")
	done := err == nil
	state := r.state()
	when += ", found " + string(state)
	r.forget()
	again := r.teu("", r.create()...)
	switch {
	case done && (again.code != 1 || !strings.Contains(again.err, "already exists")):
		r.t.Fatalf("%s: want that it exists: %v", when, again)
	case done && state != specs.StateCreated && (state != specs.StateStopped || !k.reached):
		r.t.Fatalf("%s: want %s, or %s after all calls", when, specs.StateCreated, specs.StateStopped)
	case !done && again.code != 0:
		r.t.Fatalf("%s: create again: %v: want exit code 0", when, again)
	}
}

// updatedAgain checks that the next update finds a record to go by.
func updatedAgain(r *rig, k *killed, when string) {
	r.t.Helper()
	runningStill(r, k, when)
	r.succeed(when, "update", "--pids-limit", "200", r.ID)
}

func runningStill(r *rig, _ *killed, when string) {
	r.t.Helper()
	if s := r.state(); s != specs.StateRunning {
		r.t.Fatalf("%s: the container is %q, want running", when, s)
	}
}
