package badinput

import (
	"os/exec"
	"syscall"

	"teu/tests/kit"
)

// process is a teu about to be started.
type process struct {
	b *kit.Bundle
	c *exec.Cmd
}

// nobody has it run as a user without privileges.
func (p *process) nobody() {
	p.c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}
