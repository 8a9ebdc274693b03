package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSupervisor shows that what a runtime leaves behind is found, with scripts
// in the place of the program and the runtime.
func TestSupervisor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a mount namespace")
	}
	if limit := noV1("pids"); limit != "" {
		t.Skip(limit)
	}
	id := fmt.Sprintf("conformance-%d", os.Getpid())
	// $1 and $2 are --root and its value.
	const sound = `case $3 in create) mkdir "$2/$4";; delete) rmdir "$2/$5";; esac`
	tests := []struct {
		name, program, runtime string
		exit                   int
		stdout                 string
		left                   []string
	}{
		{
			name: "leaves nothing", runtime: sound, stdout: "hello\n",
			program: "echo hello; $RUNTIME create " + id + "; exit 3", exit: 3,
		},
		{
			name: "container", runtime: `case $3 in create) mkdir "$2/$4";; *) echo no >&2; exit 1;; esac`,
			program: "$RUNTIME create " + id,
			left: []string{
				"container " + id + ": delete --force: exit status 1: no",
				"container " + id + ": still in the state directory after delete --force",
			},
		},
		{
			name: "cgroup", runtime: sound,
			program: "$RUNTIME create " + id + "; mkdir -p " + cgroupRoot + "/pids/" + id + "/below",
			left:    []string{"cgroup " + id + " in pids", "cgroup " + id + "/below in pids"},
		},
		{
			name: "mount", runtime: sound,
			program: `mkdir -p "$TMPDIR/oci123/proc" && mount -t tmpfs x "$TMPDIR/oci123/proc"`,
			left:    []string{"mount BUNDLE/proc"},
		},
		{
			name: "process", runtime: sound,
			program: "setsid sleep 60 </dev/null >/dev/null 2>&1 &",
			left:    []string{"process sleep"},
		},
		{name: "time", runtime: sound, program: "sleep 60", exit: -1},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			dir := scratchDir(t)
			for name, text := range map[string]string{"program": tt.program, "runtime.real": tt.runtime} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
					t.Fatalf("write the script: %v", err)
				}
			}
			got, err := runSupervised(t.Context(), job{
				Program: filepath.Join(dir, "program"), Runtime: filepath.Join(dir, "runtime.real"),
				Kit: dir, Scratch: dir, Limit: 2 * time.Second,
			})
			if err != nil {
				t.Fatalf("run the program supervised: %v", err)
			}
			slices.Sort(got.Left)
			if got.Exit != tt.exit || got.Stdout != tt.stdout || !slices.Equal(got.Left, tt.left) {
				t.Errorf("got exit %d, stdout %q, left %q; want %d, %q, %q", got.Exit, got.Stdout, got.Left, tt.exit, tt.stdout, tt.left)
			}
			if _, err := os.Stat(filepath.Join(cgroupRoot, "pids", id)); err == nil {
				t.Errorf("cgroup %s is left, want it removed", id)
			}
		})
	}
}
