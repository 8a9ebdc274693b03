package host

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// InnerPid is the pid that process pid has in its own pid namespace (NSpid of /proc/PID/status, proc_pid_status(5)).
func InnerPid(pid int) (int, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/status"
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return parseNSpid(path, data)
}

func parseNSpid(path string, data []byte) (int, error) {
	for line := range bytes.Lines(data) {
		list, found := bytes.CutPrefix(line, []byte("NSpid:"))
		if f := bytes.Fields(list); found && len(f) > 0 {
			return strconv.Atoi(string(f[len(f)-1]))
		}
	}
	return 0, fmt.Errorf("read %s: no NSpid: %w", path, syscall.EBADMSG)
}
