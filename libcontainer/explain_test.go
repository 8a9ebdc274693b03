package libcontainer

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"teu/internal/sys"
	"teu/nsenter/program"
)

// TestKeyQuota: a host with some hundred containers comes to the quota of keys, and EDQUOT alone leads to disks.
func TestKeyQuota(t *testing.T) {
	failed := func(errno syscall.Errno) error {
		return explainCall(&program.Error{
			Report: program.Report{Status: program.Failed, Errno: errno},
			Notes:  []program.Note{{Op: program.OpSyscall, Nr: sys.SysKeyctl, What: "join session keyring _ses.x"}},
		})
	}
	err := failed(syscall.EDQUOT)
	if !errors.Is(err, syscall.EDQUOT) || !strings.Contains(err.Error(), "quota of keys") || !strings.Contains(err.Error(), "--no-new-keyring") {
		t.Error(err)
	}
	if err := failed(syscall.EPERM); strings.Contains(err.Error(), "quota") {
		t.Error(err)
	}
}
