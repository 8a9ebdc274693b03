package caller

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// runChecks are of what a container is started with.
var runChecks = []Check[Engine]{
	{Name: "stdin", Do: func(e Engine) {
		data := make([]byte, 3<<20)
		rand.NewChaCha8([32]byte{1}).Read(data)
		sum := sha256.Sum256(data)
		o := e.Do(e.T, bytes.NewReader(data), e.Container("--rm", "--interactive", Image, "sha256sum")...)
		if o.Code != 0 || !strings.HasPrefix(o.Out, hex.EncodeToString(sum[:])) {
			e.Errorf("%v: want exit code 0 and stdout that begins with %x", o, sum)
		}
		if o := e.Do(e.T, strings.NewReader("one\ntwo\n"), e.Container("--rm", "-i", Image, "cat")...); o.Out != "one\ntwo\n" {
			e.Errorf("%v: want stdout %q", o, "one\ntwo\n")
		}
		if o := e.Do(e.T, strings.NewReader("lost"), e.Container("--rm", Image, "cat")...); o.Out != "" || o.Code != 0 {
			e.Errorf("without --interactive: %v: want exit code 0 and nothing on stdout", o)
		}
	}},
	{Name: "output, whole", Do: func(e Engine) {
		const script = "dd if=/dev/zero bs=1024 count=4096 2>/dev/null | tr '\\0' x; dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\\0' y >&2"
		o := e.Try(e.Container("--rm", Image, "sh", "-c", script)...)
		if len(o.Out) != 4<<20 || len(o.Err) != 64<<10 || o.Code != 0 {
			e.Errorf("whole output: got exit code %d, %d bytes of output and %d of errors; want 0, %d and %d", o.Code, len(o.Out), len(o.Err), 4<<20, 64<<10)
		}
		id := e.Up("dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x")
		e.Becomes(id, ".State.Status", "exited")
		if text := e.OK("logs", id); len(text) != 1<<20 {
			e.Errorf("log: got %d bytes, want %d", len(text), 1<<20)
		}
	}},
	{Name: "standard error", Do: Engine.Apart},
	{Name: "terminal", Do: func(e Engine) {
		term := e.OnTerminal(e.T, e.Container("--rm", "-it", Image, "sh", "-c", "tty; "+Sized+"; "+Resized)...)
		term.Expect("/dev/pts/0\nsized\nready")
		term.Resize(44, 111)
		if code := term.End(); code != 5 || !strings.Contains(term.Screen(), "44 111") {
			e.Errorf("resized terminal: got exit code %d and %q, want 5 and 44 111", code, term.Screen())
		}
		term = e.OnTerminal(e.T, e.Container("--rm", "-it", Image)...)
		term.Expect("/ # ")
		term.Type("echo a$((40+2))\n")
		term.Expect("a42")
		term.Type("sh -c 'trap \"exit 9\" INT; echo r\"\"eady; while :; do sleep 0.05; done'; echo code$?\n")
		term.Expect("\nready")
		term.Type("\x03") // reaches what runs in front, not the shell
		term.Expect("code9")
		term.Type("exit 3\n")
		if code := term.End(); code != 3 {
			e.Errorf("shell on a terminal: got exit code %d, want 3: %q", code, term.Screen())
		}
	}},
	{Name: "eight in parallel", Do: func(e Engine) {
		for _, o := range e.Parallel(8, e.Container("--rm", Image, "sh", "-c", "echo out; exit 6")...) {
			if o.Code != 6 || o.Out != "out\n" {
				e.Errorf("%v: want exit code 6 and stdout %q", o, "out\n")
			}
		}
	}},
	{Name: "no new privileges", Do: func(e Engine) {
		e.Run("NoNewPrivs:\t1", "grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges")
		e.Run("NoNewPrivs:\t0", "grep NoNewPrivs /proc/self/status")
	}},
	{Name: "ulimit above the hard one", Known: "CAP_SYS_RESOURCE is missing here", Do: func(e Engine) {
		e.Run("99999999", "ulimit -Hn", "--ulimit", "nofile=99999999:99999999")
	}},
}

// Apart wants what a container and an exec in it write to be all that is on their streams, when the runtime has something to warn of.
func (e Engine) Apart() {
	const script = "echo out; echo err >&2"
	profile := "seccomp=" + e.File("twice.json", Twice, 0o644)
	want := func(o Outcome) {
		if o.Code != 0 || o.Out != "out\n" || o.Err != "err\n" {
			e.Errorf("%v: want exit code 0, stdout %q and stderr %q", o, "out\n", "err\n")
		}
	}
	want(e.Try(e.Container("--rm", "--security-opt", profile, Image, "sh", "-c", script)...))
	id := e.Up(script+"; "+Sleeper, "--security-opt", profile)
	want(e.Try("exec", id, "sh", "-c", script))
	e.Logged(id, "out")
	e.Logged(id, "err")
	want(e.Try("logs", id))
}
