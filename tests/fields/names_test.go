package fields

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestNames(t *testing.T) {
	t.Parallel()
	kit.Covers(t, "hostname", "domainname")
	b := kit.New(t, kit.Args("cat", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname"), func(s *specs.Spec) {
		s.Hostname, s.Domainname = "box", "example.org"
	})
	if out := b.Run().Stdout; out != "box\nexample.org\n" {
		t.Errorf("names in the container: got %q, want %q", out, "box\nexample.org\n")
	}
	host, err := os.ReadFile("/proc/sys/kernel/hostname")
	check(t, err)
	if strings.TrimSpace(string(host)) == "box" {
		t.Error("name of the host: got box, the container's, want its own")
	}
}
