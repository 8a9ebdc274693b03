package fault

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
	"teu/nsenter/program"
	"teu/tests/kit"
)

// TestCreateAndStart has each instruction of the program that create starts fail, and then die: before the gate it is an
// error of create, which leaves nothing; behind it one of start.
func TestCreateAndStart(t *testing.T) {
	each(t, false, func(r *rig) {
		listing := r.listing()
		r.t.Logf("%d instructions, %d of them reached", len(listing), reached(listing))
		for _, kind := range []string{"fail", "die"} {
			for n := range listing {
				if sampled(n) {
					r.faultCreate(kind, n, &listing[n])
				}
			}
		}
	})
}

// TestRun does the same with run, which has no gate, and here brings the terminal itself.
func TestRun(t *testing.T) {
	r := newRig(t, full)
	listing := slices.DeleteFunc(r.listing(), func(s step) bool { return s.Op == program.OpGate })
	want := 0
	for n := range listing {
		if listing[n].reached && sampled(n) {
			want++
		}
	}
	for _, kind := range []string{"fail", "die"} {
		failed := r.faults(kind, r.run(), 1, func(when string) {
			r.clean(when)
			r.succeed(when, "delete", "--force", r.ID)
			r.forget()
		})
		if failed != want {
			r.t.Errorf("%s: %d instructions were reached, want %d", kind, failed, want)
		}
	}
}

// TestExec does the same with exec, after which the container runs as before.
func TestExec(t *testing.T) {
	each(t, true, func(r *rig) {
		running(r)
		before, files := r.before, r.files
		r.before, r.files, r.stays = kit.Snapshot(), r.list(), r.ID
		defer func() {
			r.succeed("end", "delete", "--force", r.ID)
			r.before, r.files, r.stays = before, files, ""
			r.clean("end")
			r.forget()
		}()
		for name, flags := range map[string][]string{
			"plain":    {"--user", "1000:1000", "--cap", "CAP_KILL", "--additional-gids", "7"},
			"terminal": {"--tty", "--console-socket", r.sock, "--pid-file", r.Dir + "/run/exec-pid"},
		} {
			args := append(append([]string{"exec"}, flags...), r.ID, kit.PayloadPath, "true")
			for _, kind := range []string{"fail", "die"} {
				failed := r.faults(kind, args, 255, func(when string) {
					if err := os.Remove(r.Dir + "/run/exec-pid"); err != nil && !os.IsNotExist(err) {
						r.t.Fatalf("%s: remove the pid file: %v", when, err)
					}
					r.clean(when)
					runningStill(r, nil, when)
				})
				// All but the ways around what does not go wrong here.
				if failed < 20 / *every {
					r.t.Errorf("%s, %s: got %d instructions reached, want 20 of all and %d of the sample at least", name, kind, failed, 20 / *every)
				}
			}
		}
	})
}

// each runs f over every bundle: alive asks for a process that does not end.
func each(t *testing.T, alive bool, f func(r *rig)) {
	with := func(edit func(*kit.Bundle) func(*specs.Spec)) func(*kit.Bundle) func(*specs.Spec) {
		if alive {
			return sleeping(edit)
		}
		return edit
	}
	t.Run("full", func(t *testing.T) { f(newRig(t, with(full))) })
	t.Run("user", func(t *testing.T) { f(newRig(t, with(user))) })
	t.Run("joined", func(t *testing.T) {
		donor := newRig(t, sleeping(user))
		running(donor)
		pid := donor.State().Pid
		f(newRig(t, with(func(b *kit.Bundle) func(*specs.Spec) { return joined(b, pid) })))
	})
}

// step is an instruction of a program.
type step struct {
	program.Note
	reached bool
}

func reached(listing []step) (n int) {
	for i := range listing {
		if listing[i].reached {
			n++
		}
	}
	return n
}

// listing is the program of the container: it goes to the gate, as start does, for the program and the report, and lets a
// real start do the rest, to see which instructions were reached.
func (r *rig) listing() []step {
	r.t.Helper()
	timeline := r.Dir + "/timeline"
	attr := r.attr("")
	attr.Env = append(attr.Env, "_TEU_TIMELINE="+timeline)
	p, err := os.StartProcess(kit.Teu(), r.argv(r.create()), attr)
	r.must(err)
	if st, err := p.Wait(); err != nil || !st.Success() {
		r.t.Fatalf("create with a timeline: %v, wait: %v, stderr %q; want exit code 0", st, err, r.text(r.err))
	}
	sock, err := sys.UnixStream()
	r.must(err)
	r.must(sys.ConnectUnix(sock, r.Root+"/"+r.ID+"/gate"))
	var hello [1]byte
	_, fds, err := sys.RecvFDs(sock, hello[:], 2)
	r.must(err)
	sys.Close(sock)
	defer sys.Close(fds[0])
	defer sys.Close(fds[1])
	r.succeed("listing", "start", r.ID)
	r.succeed("listing", "delete", "--force", r.ID)
	r.must(os.Remove(timeline))
	r.forget()

	notes, err := program.Notes(r.readFD(fds[1]))
	r.must(err)
	report, err := program.DecodeReport(r.readFD(fds[0]), len(notes))
	r.must(err)
	listing := make([]step, len(notes))
	for i := range notes {
		listing[i] = step{notes[i], report.Stamps[i] != 0}
	}
	return listing
}

func (r *rig) readFD(fd int) []byte {
	st, err := sys.Fstat(fd)
	r.must(err)
	data := make([]byte, st.Size)
	_, err = sys.Pread(fd, data, 0)
	r.must(err)
	return data
}

// faultCreate creates and starts the container with a fault at instruction n.
func (r *rig) faultCreate(kind string, n int, s *step) {
	r.t.Helper()
	when := fmt.Sprintf("%s at %d (%s: %s)", kind, n, s.Where, s.What)
	res := r.teu(kind+":"+strconv.Itoa(n), r.create()...)
	started := res.code == 0
	if started {
		res = r.teu("", "start", r.ID)
	} else if _, err := os.Stat(r.pidFile); err == nil {
		r.t.Errorf("%s: create failed and left a pid file, want none", when)
	}
	switch failed := res.code != 0; {
	case failed != s.reached:
		r.t.Errorf("%s: %v: want a failure: %v", when, res, s.reached)
	case failed && s.Op == program.OpGate:
		// create was done by then: start finds a container that has stopped, or that stops right now.
		if _, one := oneError(res.err); !one {
			r.t.Errorf("%s: %v: want one error", when, res)
		}
	case failed:
		r.message(when, kind, res, s.Where, s.What)
	}
	if started {
		r.succeed(when, "list")
	} else {
		r.clean(when)
	}
	r.succeed(when, "delete", "--force", r.ID)
	if started {
		r.clean(when)
	}
	r.forget()
}

// faults runs a command with a fault at each of its instructions, and returns how many made it fail, with the exit code
// given. check is called after each.
func (r *rig) faults(kind string, args []string, code int, check func(when string)) (failed int) {
	r.t.Helper()
	for n := range r.instructions(args) {
		if !sampled(n) {
			continue
		}
		when := fmt.Sprintf("%s at %d", kind, n)
		res := r.teu(kind+":"+strconv.Itoa(n), args...)
		if res.code != 0 {
			failed++
			r.message(when, kind, res)
			if res.code != code {
				r.t.Errorf("%s: want exit code %d: %v", when, code, res)
			}
		}
		check(when)
	}
	return failed
}

var instructions = regexp.MustCompile(`the program has (\d+) instructions`)

// instructions is the number of instructions of what a command starts. The command is asked for a fault behind the last.
func (r *rig) instructions(args []string) int {
	r.t.Helper()
	res := r.teu("fail:1000000", args...)
	found := instructions.FindStringSubmatch(res.err)
	if res.code == 0 || found == nil {
		r.t.Fatalf("ask for a fault behind the last instruction: %v: want an error with the number of instructions", res)
	}
	n, err := strconv.Atoi(found[1])
	r.must(err)
	return n
}

// message checks the error of a command: one line that tells the place in config.json, the step and the cause.
func (r *rig) message(when, kind string, res *result, want ...string) {
	r.t.Helper()
	cause := "init died"
	if kind == "fail" {
		cause = syscall.EUCLEAN.Error()
	}
	msg, ok := oneError(res.err)
	for _, w := range append(want, cause) {
		if strings.HasPrefix(w, "join session keyring ") {
			w = w[:strings.LastIndexByte(w, '.')+1] // what follows is another in every create
		}
		ok = ok && strings.Contains(msg, w)
	}
	if !ok || strings.Count(msg, ": ") == 0 {
		r.t.Errorf("%s: want one line that names %q and %q: %v", when, want, cause, res)
	}
}

// oneError takes the message out of a log that is a single error.
func oneError(text string) (msg string, ok bool) {
	line, rest, _ := strings.Cut(text, "\n")
	_, quoted, found := strings.Cut(line, " level=error msg=")
	msg, err := strconv.Unquote(quoted)
	return msg, found && rest == "" && err == nil
}
