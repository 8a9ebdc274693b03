package sys

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ReadonlyOverlay makes a detached read-only overlay mount over the directory lower and returns its descriptor. A
// file opened through it cannot be opened for writing: there is no upper layer to copy it to.
//
//	fsopen overlay; fsconfig lowerdir=lower:lower2; fsconfig create; fsmount
//
// overlay wants two lower layers where there is no upper one; lower2 is any other directory.
func ReadonlyOverlay(lower, lower2 string) (int, error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen overlay", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigSetString(fs, "lowerdir", lower+":"+lower2); err != nil {
		return -1, fmt.Errorf("fsconfig lowerdir=%s:%s: %w", lower, lower2, err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, os.NewSyscallError("fsconfig create overlay", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	return fd, os.NewSyscallError("fsmount overlay", err)
}
