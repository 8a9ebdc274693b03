package docker

import (
	"os"
	"strings"

	"teu/tests/clients/caller"
)

var fileChecks = checks{
	{Name: "read-only", Do: func(d docker) {
		d.Run("touch: /x: Read-only file system\nmade", "touch /x 2>&1; touch /dev/shm/x /scratch/x && echo made", "--read-only", "--tmpfs", "/scratch")
	}},
	{Name: "tmpfs", Do: func(d docker) {
		d.Run("64k noexec", "grep ' /scratch ' /proc/mounts | grep -q size=64k && echo 64k $(grep ' /scratch ' /proc/mounts | grep -o noexec)", "--tmpfs", "/scratch:size=64k")
		d.Run("1770", "stat -c %a /b", "--mount", "type=tmpfs,dst=/b,tmpfs-size=65536,tmpfs-mode=1770")
		d.Run("1024", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2", "--shm-size", "1m")
	}},
	{Name: "volumes", Do: func(d docker) {
		file := d.File("volume/file", "of the host", 0o644)
		dir := file[:strings.LastIndexByte(file, '/')]
		d.Run("of the host", "cat /v/file; echo new >/v/new", "-v", dir+":/v")
		if text, err := os.ReadFile(dir + "/new"); string(text) != "new\n" {
			d.Errorf("file written through the volume: got %q, %v; want %q", text, err, "new\n")
		}
		d.Run("of the hostno", "cat /v/file; touch /v/x 2>/dev/null || echo no", "-v", dir+":/v:ro")
		d.Run("of the host", "cat /one", "-v", file+":/one:ro")
		d.Run("", "echo kept >/data/x", "-v", "named:/data")
		d.Run("kept", "cat /data/x", "--mount", "type=volume,src=named,dst=/data,readonly")
		id := d.Up(caller.Sleeper, "-v", "/anonymous")
		d.Want(0, "", "exec", id, "touch", "/anonymous/x")
		d.Run("", "ls /anonymous/x >/dev/null", "--volumes-from", id)
		d.Run("made", "test -d /v/deep/er && echo made", "-v", dir+"/made/deep:/v/deep/er")
	}},
	{Name: "hooks of a GPU", Do: func(d docker) {
		d.Run(caller.GPUOutput, caller.GPUScript, "--runtime", "gpu")
	}},
	{Name: "masked and read-only paths", Do: func(d docker) {
		d.Run("0\nno", "cat /proc/kcore 2>/dev/null | wc -c; (echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo no")
		d.Run("yes", "[ $(head -c 1 /proc/timer_list 2>/dev/null | wc -c) -ge 0 ] && echo yes", "--security-opt", "systempaths=unconfined")
	}},
}
