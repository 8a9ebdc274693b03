package kit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// MountFreeController mounts the hugetlb controller as a v1 hierarchy if it is the one controller a hybrid host left to v2. crun
// 1.8 refuses such hosts otherwise. It returns what undoes it: nil if there was nothing to do, or a v2 cgroup has it.
func MountFreeController() (undo func() error, err error) {
	const dir = "/sys/fs/cgroup/hugetlb"
	free, err := os.ReadFile("/sys/fs/cgroup/unified/cgroup.controllers")
	if err != nil || strings.TrimSpace(string(free)) != "hugetlb" {
		return nil, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	err = syscall.Mount("cgroup", dir, "cgroup", 0, "hugetlb")
	if errors.Is(err, syscall.EBUSY) {
		fmt.Fprintln(os.Stderr, "cgroups of v2 use the hugetlb controller: crun may not work")
		return nil, os.Remove(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mount hugetlb: %w", err), os.Remove(dir))
	}
	return func() error { return errors.Join(unmountController(dir), os.Remove(dir)) }, nil
}

// unmountController takes a hierarchy away. One that has a cgroup when it is unmounted stays (cgroup_kill_sb), and so does the
// controller, and a cgroup that was removed goes a while later.
func unmountController(dir string) error {
	const tries = 100
	for range tries {
		if err := syscall.Unmount(dir, 0); err != nil {
			return fmt.Errorf("umount %s: %w", dir, err)
		}
		time.Sleep(200 * time.Millisecond)
		text, err := os.ReadFile("/proc/self/cgroup")
		if err != nil || !strings.Contains(string(text), ":hugetlb:") {
			return err
		}
		if err := syscall.Mount("cgroup", dir, "cgroup", 0, "hugetlb"); err != nil {
			return fmt.Errorf("mount hugetlb: %w", err)
		}
	}
	return errors.Join(errors.New("the hugetlb hierarchy stays: it has a cgroup"), syscall.Unmount(dir, 0))
}
