package intelrdt

import (
	"errors"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// A test can name a directory in place of resctrl. In it mkdir makes no files, and rmdir removes none: that is done here, in
// the kernel's place. It cannot show that the kernel takes a value, nor what comes of it.

// furnish makes the files of a class or of a monitoring group. schemata is empty, and afterwards has what was written.
func furnish(root int, dir string, class bool) error {
	files := []string{"/tasks"}
	if class {
		files = append(files, "/schemata")
		if err := sys.Mkdirat(root, dir+"/mon_groups", 0o755); err != nil {
			return err
		}
	}
	for _, f := range files {
		fd, err := sys.Openat(root, dir+f, sys.OWronly|sys.OCreat, 0o644)
		if err != nil {
			return err
		}
		sys.Close(fd)
	}
	return nil
}

// strip removes them. What is not to be removed makes rmdir fail.
func strip(root int, dir string) {
	for _, err := range [...]error{
		sys.Unlinkat(root, dir+"/tasks"), sys.Unlinkat(root, dir+"/schemata"), sys.Rmdirat(root, dir+"/mon_groups"),
	} {
		if err != nil && !errors.Is(err, syscall.ENOENT) {
			return
		}
	}
}

// leave empties a tasks file of a process that has ended.
func leave(root int, dir string) {
	text, err := sys.ReadFileAt(root, dir+"/tasks")
	if err != nil {
		return
	}
	// One that nobody has waited for yet has ended too: it has no command line any more.
	if line, err := sys.ReadFileAt(sys.AtFdcwd, "/proc/"+strings.TrimSpace(string(text))+"/cmdline"); err == nil && len(line) > 0 {
		return
	}
	if sys.Unlinkat(root, dir+"/tasks") == nil {
		if fd, err := sys.Openat(root, dir+"/tasks", sys.OWronly|sys.OCreat, 0o644); err == nil {
			sys.Close(fd)
		}
	}
}
