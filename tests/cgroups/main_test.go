// Package cgroups asks the kernel about resource control: a file for each verb and each area. The tests drive the built
// teu and look at the control files of the container's cgroups, wherever the host has them: on cgroup v2, v1 or both.
package cgroups

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

type edit = func(*specs.Spec)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }
