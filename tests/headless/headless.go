// Package headless makes processes whose first thread has ended while another goes on: /proc/PID/stat shows a zombie.
package headless

import (
	"runtime"
	"syscall"
)

// Become ends the first thread of this process, and has another call on. It is to be called by the first thread, as init
// functions are, and does not return.
func Become(on func()) {
	runtime.LockOSThread()
	go on()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
}
