package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"teu/tests/vm/guests"
)

// furnish fills the directory that the guests share with what they need: it looks like the top of the module, so that
// suites find their test data, with binaries in it instead of sources.
func furnish(share string, list []guests.Guest) error {
	if err := os.Chmod(share, 0o755); err != nil { // an ordinary user reads it too
		return err
	}
	if err := os.Mkdir(filepath.Join(share, "log"), 0o755); err != nil {
		return err
	}
	for _, file := range []string{"teu", "go.mod"} {
		if err := copyFile(file, filepath.Join(share, file)); err != nil {
			return err
		}
	}
	if err := copyTree("tests/testdata", filepath.Join(share, "tests/testdata")); err != nil {
		return err
	}
	for dir := range dirs(list) {
		if err := os.MkdirAll(filepath.Join(share, dir), 0o755); err != nil {
			return err
		}
		if err := goTool("1", "test", "-c", "-o", filepath.Join(share, binary(dir)), "./"+dir); err != nil {
			return err
		}
	}
	for program, cgo := range map[string]string{"tests/payload": "0", "tests/security/attacker": "1"} {
		to := filepath.Join(share, "programs", filepath.Base(program))
		if err := goTool(cgo, "build", "-o", to, "./"+program); err != nil {
			return err
		}
	}
	return nil
}

func goTool(cgo string, args ...string) error {
	cmd := exec.Command("go", args...)
	// The bare guest has no C library: what needs C is linked with it.
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if cgo == "1" {
		cmd.Args = append(cmd.Args[:2:2], append([]string{"-ldflags", "-linkmode external -extldflags -static"}, cmd.Args[2:]...)...)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}

func dirs(list []guests.Guest) map[string]bool {
	set := map[string]bool{}
	for _, g := range list {
		for _, e := range g.Environments {
			for _, s := range e.Suites {
				set[s.Dir] = true
			}
		}
	}
	return set
}

func binary(dir string) string { return filepath.Join(dir, filepath.Base(dir)+".test") }

// name is the name of a suite's log.
func name(g guests.Guest, e guests.Environment, s guests.Suite) string {
	return strings.NewReplacer(", ", "-", " ", "-", "/", "-", "'", "").Replace(g.Name + " " + e.Name + " " + s.Dir)
}

// script runs the suites of a guest. The log of each has the events of its tests in the form that test2json reads, and in the
// end the exit code.
func script(g guests.Guest, o options) string {
	var b strings.Builder
	// Nothing is executed from the share: its pages are written by another process than the emulator, which then goes on with
	// the code that was there before.
	b.WriteString(`bin=/scratch/bin
mkdir $bin && cp /share/teu /share/programs/* $bin || exit
export TEU=$bin/teu TEU_PAYLOAD=$bin/payload TEU_ATTACKER=$bin/attacker TEU_TESTDIR=/scratch TEU_TEST_SLOW=5
! command -v systemctl >/dev/null || { systemctl is-system-running --wait >/dev/null; systemctl start user@0.service; }
suite() { # LOG DIRECTORY BINARY COMMAND...
	log=/share/log/$1 begin=$(date +%s)
	cd "/share/$2" && cp "$3" $bin/suite || exit
	shift 3
	"$@" >"$log" 2>&1
	code=$?
	echo "$code $(($(date +%s) - begin))" >"$log.end"
	echo "vm: ${log##*/}: exit code $code after $(($(date +%s) - begin)) s"
}
`)
	for _, e := range g.Environments {
		for _, s := range e.Suites {
			args := append([]string{name(g, e, s), s.Dir, filepath.Base(s.Dir) + ".test", "env"}, s.Env...)
			args = append(args, "/scratch/bin/suite", "-test.v=test2json", "-test.timeout=30m")
			run := cmp.Or(o.test, s.Run)
			if run == "" && !o.whole {
				run = s.Sample
			}
			if run != "" {
				args = append(args, "-test.run="+run)
			}
			b.WriteString("suite")
			for _, a := range args {
				fmt.Fprintf(&b, " '%s'", strings.ReplaceAll(a, "'", `'\''`))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
