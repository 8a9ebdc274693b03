// Package fields asks the kernel, for each field of config.json, whether it was done: a file for each area, and in
// each test the fields that it covers by name (kit.Covers).
package fields

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

type edit = func(*specs.Spec)

func process(f func(p *specs.Process)) edit { return func(s *specs.Spec) { f(s.Process) } }
func linux(f func(l *specs.Linux)) edit     { return func(s *specs.Spec) { f(s.Linux) } }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }
