package sys

import "golang.org/x/sys/unix"

// Flock takes an exclusive flock(2) lock on the open file description behind
// fd and waits for it as long as it takes. The lock goes with the description:
// it lives until the last copy of fd, in any process, is closed.
func Flock(fd int) error {
	for {
		if err := unix.Flock(fd, unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

// TryFlock is Flock without waiting: EWOULDBLOCK when another open file
// description holds the lock.
func TryFlock(fd int) error {
	return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
}

// Unflock gives up the lock of the open file description behind fd.
func Unflock(fd int) error { return unix.Flock(fd, unix.LOCK_UN) }
