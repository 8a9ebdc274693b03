package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// devices watches over the device list of its cgroup. A device that has no driver cannot be opened either, for another
// reason (ENXIO).
func devices(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	try := func(path string) error {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err == nil {
			syscall.Close(fd)
		}
		return err
	}
	for n := 1; ; n++ {
		if err := try(args[0]); err == syscall.EPERM {
			fmt.Println("open:", err, "in round", n)
		}
		if err := try(args[1]); err != syscall.EPERM {
			fmt.Println("shut:", err, "in round", n)
		}
		if n == 1 {
			fmt.Println("ready")
		}
		select {
		case <-end:
			fmt.Println("rounds", n)
			return nil
		default:
		}
	}
}
