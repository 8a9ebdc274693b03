package podman

var processChecks = checks{
	{Name: "users", Do: func(p podman) {
		p.Run("uid=1000(user) gid=100(users)", "id | sed 's/ groups.*//'", "--user", "1000")
		p.Run("uid=1000(user) gid=100(users) groups=29(audio),5000", "id | sed 's/,100(users)//;s/100(users),//'", "--user", "user", "--group-add", "audio", "--group-add", "5000")
		p.Run("uid=7(7) gid=8(8)", "id | sed 's/ groups.*//'", "--user", "7:8")
		p.Run("/home/user", "echo $HOME", "--user", "user")
	}},
	{Name: "capabilities", Do: func(p podman) {
		p.Run("CapEff:\t00000000800405fb", "grep CapEff /proc/self/status | sed s/a80425fb/800405fb/") // Debian's list, or Podman's
		p.Run("CapEff:\t0000000000000000", "grep CapEff /proc/self/status", "--cap-drop", "ALL")
		p.Run("CapEff:\t0000000000000400", "grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE")
		p.Run("CapEff:\t0000000000080001", "grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "SYS_PTRACE,CHOWN")
		p.Run("CapPrm:\t0000000000000000\nCapEff:\t0000000000000000", "grep -E 'CapPrm|CapEff' /proc/self/status", "--user", "1000")
		p.Run("CapPrm:\t0000000000000400\nCapAmb:\t0000000000000400", "grep -E 'CapPrm|CapAmb' /proc/self/status", "--user", "1000", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE")
	}},
	{Name: "privileged", Do: func(p podman) {
		p.Run("mounted\nrw\nSeccomp:\t0\nnull", "mount -t tmpfs t /mnt && echo mounted; grep ' /sys ' /proc/mounts | grep -o rw; grep Seccomp: /proc/self/status; ls /dev | grep '^null$'", "--privileged")
		p.Run("written", "{ echo 1000 >/proc/sys/net/ipv4/neigh/default/gc_thresh1; } 2>/dev/null || echo 0 >/proc/sys/net/ipv4/ip_forward && echo written", "--privileged")
	}},
	{Name: "seccomp", Do: func(p podman) {
		p.Run("Seccomp:\t2", "grep Seccomp: /proc/self/status")
		p.Run("Seccomp:\t0", "grep Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined")
		profile := p.File("profile.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`, 0o644)
		p.Run("mkdir: can't create directory '/x': Operation not supported", "mkdir /x 2>&1; true", "--security-opt", "seccomp="+profile)
		p.Run("unshare: unshare(0x8000000): Operation not permitted", "unshare -i true 2>&1; true")
	}},
	{Name: "masked and read-only paths", Do: func(p podman) {
		p.Run("0\nno", "cat /proc/kcore 2>/dev/null | wc -c; (echo 1 >/proc/sys/kernel/sysrq) 2>/dev/null || echo no")
		p.Run("0", "grep -c ' /proc/keys ' /proc/mounts; true", "--security-opt", "unmask=ALL")
		p.Run("0", "ls /proc/tty | wc -l", "--security-opt", "mask=/proc/tty")
	}},
	{Name: "init", Do: func(p podman) {
		p.Run("/run/podman-init", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1", "--init")
		p.Run("sh", "tr '\\0' '\\n' </proc/1/cmdline | head -n 1")
	}},
	// Podman raises nproc when it is not given, which takes CAP_SYS_RESOURCE.
	{Name: "ulimits", Do: func(p podman) {
		p.Run("100\n200\n0", "ulimit -Sn; ulimit -Hn; ulimit -c", "--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "nproc=1000")
	}},
	{Name: "sysctls", Do: func(p podman) {
		p.Run("1\n77", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmni", "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmni=77")
		p.ends(125, "kernel.pid_max", "--sysctl", "kernel.pid_max=1000", "bb", "true")
	}},
	{Name: "oom_score_adj and umask", Do: func(p podman) {
		p.Run("500", "cat /proc/self/oom_score_adj", "--oom-score-adj", "500")
		p.Run("0027", "umask", "--umask", "0027")
	}},
	{Name: "time zone and secret", Do: func(p podman) {
		p.OK("secret", "create", "mine", p.File("secret", "hidden", 0o600))
		p.Cleanup(func() { p.OK("secret", "rm", "mine") })
		p.Run("hidden", "cat /run/secrets/mine", "--secret", "mine")
		p.Run("hidden", "echo $S", "--secret", "mine,type=env,target=S")
	}},
}
