// Package lsm asks about the security modules whose labels config.json may give: AppArmor and SELinux. The labels are
// set by the program that becomes the process, as only a process itself can (proc_pid_attr(5)).
package lsm

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/opencontainers/selinux/go-selinux"

	"teu/internal/sys"
)

// Apparmor reports whether the kernel has AppArmor enabled. Where it cannot be found out it is taken to be.
func Apparmor() bool {
	text, err := sys.ReadFileAt(sys.AtFdcwd, "/sys/module/apparmor/parameters/enabled")
	if errors.Is(err, syscall.ENOENT) {
		return false
	}
	return err != nil || len(text) > 0 && text[0] == 'Y'
}

// Selinux reports whether SELinux is enabled.
func Selinux() bool { return selinux.GetEnabled() }

// CheckLabel asks the loaded policy whether it knows label; where is its place in config.json.
func CheckLabel(where, label string) error {
	if label == "" {
		return nil
	}
	if err := selinux.SecurityCheckContext(label); err != nil {
		return fmt.Errorf("%s: %q: %w", where, label, err)
	}
	return nil
}
