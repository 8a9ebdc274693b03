package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	toolsModule = "github.com/opencontainers/runtime-tools"
	programs    = toolsModule + "/validation/"
)

// kit is a directory with what the validation programs need.
type kit struct {
	Dir      string // cwd of the programs: runtimetest and the rootfs archive
	Bin      string // the programs
	Programs []string
}

// buildKit builds the programs, and runtimetest, statically into dir. The
// go command leaves a program alone that is up to date: a second run takes
// 0.2 s where the first takes 40.
func buildKit(dir string) (*kit, error) {
	k := &kit{Dir: dir, Bin: filepath.Join(dir, "bin")}
	var err error
	if k.Programs, err = listPrograms(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(k.Bin, 0o755); err != nil {
		return nil, err
	}
	if _, err := goCommand("build", "-trimpath", "-ldflags=-s -w", "-o", k.Bin+"/", "tool"); err != nil {
		return nil, err
	}
	source, err := goCommand("list", "-m", "-f", "{{.Dir}}", toolsModule)
	if err != nil {
		return nil, err
	}
	// util.PrepareBundle unpacks the archive of this name from its cwd, and
	// copies runtimetest from there.
	archive := "rootfs-" + runtime.GOARCH + ".tar.gz"
	for name, from := range map[string]string{archive: source, "runtimetest": k.Bin} {
		if err := copyFile(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// listPrograms names the validation programs, and fails when the tools of this
// module are not all there are.
func listPrograms() ([]string, error) {
	tools, err := goCommand("list", "tool")
	if err != nil {
		return nil, err
	}
	all, err := goCommand("list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, programs+"...")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(tools) {
		if strings.HasPrefix(line, programs) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	slices.Sort(names)
	want := strings.Fields(all)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		return nil, fmt.Errorf("go.mod: the tool block has %d validation programs, %s has %d", len(names), toolsModule, len(want))
	}
	for i := range names {
		names[i] = path.Base(names[i])
	}
	return names, nil
}

func goCommand(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
