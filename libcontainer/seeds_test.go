package libcontainer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teu/nsenter/program"
)

// TestWriteFuzzSeeds writes encoded programs for the fuzzer of the interpreter into the directory TEU_FUZZ_SEEDS names.
func TestWriteFuzzSeeds(t *testing.T) {
	dir := os.Getenv("TEU_FUZZ_SEEDS")
	if dir == "" {
		t.Skip("TEU_FUZZ_SEEDS names no directory")
	}
	write := func(name string, p *program.Program) {
		enc, err := p.Encode(program.Options{Stamp: true})
		if err != nil {
			t.Fatalf("encode the program %s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), enc, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, w := range allEntries() {
		s := smallSpec()
		f := factsFor(s)
		w.do(s, f)
		write(strings.ReplaceAll(name, "/", "-"), compiled(t, s, f))
	}
	for _, w := range execFields {
		s := smallSpec()
		f := factsFor(s)
		if w.do != nil {
			w.do(s.Process, f)
		}
		write("exec-"+w.name, compileExec(s.Process, f, wayOf(w.joined)))
	}
	s := bundle(t, "docker")
	write("docker", compiled(t, s, bundleFacts(s, "docker")))
}
