#compdef teu
# zsh completion for teu. Made by `make man` from the flags of the command line.
_teu_containers() { compadd -- ${(f)"$(teu list --quiet 2>/dev/null)"} }
_teu() {
	local state line
	_arguments -C \
			'--debug[log debugging messages too, whatever --log-level says]' \
			'--log[append log messages to FILE instead of writing them to standard error, which gets none of create, run and exec but their error unless --log-level or --debug is given]:FILE:_files' \
			'--log-format[write each log message in this form]:text|json:(text json)' \
			'--log-level[drop log messages below this level]:debug|info|warning|error:(debug info warning error)' \
			'--root[keep the records of containers in DIR, which is best on a tmpfs]:DIR:_files -/' \
			'--systemd-cgroup[have systemd make the cgroup of each container, as one of its units; linux.cgroupsPath is then SLICE\:PREFIX\:NAME]' \
			'--cgroup-manager[choose who makes the cgroups\: teu (the default), systemd, or nobody]:cgroupfs|systemd|disabled:(cgroupfs systemd disabled)' \
			'--rootless[ask the systemd of the user for cgroups rather than the system'\''s; auto does so when teu is not run by root]:true|false|auto:(true false auto)' \
			'--help[show this help and exit]' \
			'--version[show the version of teu and of what it is built from, and exit]' \
			'1:command:->command' '*::argument:->argument'
	case $state in
	command)
		_values command \
			'create[create a container that waits for start]' \
			'delete[remove a stopped container]' \
			'events[report what a container uses, and when memory runs out]' \
			'exec[execute another process in a container]' \
			'features[print what this build of teu supports]' \
			'kill[send a signal to a container]' \
			'list[list containers]' \
			'mounts[attach bind mounts to a running container, or take them off]' \
			'pause[freeze the processes of a container]' \
			'ps[list the processes of a container]' \
			'resume[thaw the processes of a paused container]' \
			'run[create a container, start it and wait for it]' \
			'spec[write an example config.json]' \
			'start[start a created container]' \
			'state[print the state of a container]' \
			'update[change the limits of a container]' \
			'validate[check the configuration of a bundle]' \
			'help[show this help, or that of a command]' ;;
	argument)
		case $line[1] in
		create) _arguments \
			'--bundle[take config.json, and relative paths in it, from DIR; the current directory when not given]:DIR:_files -/' \
			'--config[read the configuration from FILE rather than from config.json in the bundle]:FILE:_files' \
			'--console-socket[send the master of the terminal over this Unix socket]:SOCKET:_files' \
			'--pidfd-socket[send a pidfd of the new process over this Unix socket]:SOCKET:_files' \
			'--pid-file[write the pid of the new process, as the host counts it, to FILE]:FILE:_files' \
			'--no-pivot[enter the root filesystem with chroot(2) rather than pivot_root(2), which an initramfs does not allow; less safe]' \
			'--no-new-keyring[let the container use the session keyring of teu'\''s caller, not one of its own]' \
			'--preserve-fds[leave N descriptors open from 3 on, after those that $LISTEN_FDS counts]:N: ' \
			'--help[show this help and exit]' '*:file:_files' ;;
		delete) _arguments \
			'--force[kill the processes with SIGKILL first; succeed also when there is no such container]' \
			'--regex[take CONTAINER for an extended regular expression, and act on each container whose ID it matches anywhere]' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		events) _arguments \
			'--interval[wait this long between two reports]:TIME: ' \
			'--stats[report once and return]' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		exec) _arguments \
			'--console-socket[send the master of the terminal over this Unix socket]:SOCKET:_files' \
			'--pidfd-socket[send a pidfd of the new process over this Unix socket]:SOCKET:_files' \
			'--cwd[start in this directory of the container]:DIR:_files -/' \
			'--env[add a variable to the environment; repeatable]:NAME=VALUE: ' \
			'--tty[give the process a terminal of its own]' \
			'--user[run as this user, and this group, given as numbers]:UID\[\:GID\]: ' \
			'--additional-gids[add a supplementary group; repeatable]:GID: ' \
			'--process[read all about the process from FILE, which may be a pipe, in the form that process has in config.json; options that describe the process are ignored]:FILE:_files' \
			'--detach[return as soon as the process runs; do not wait for it or relay its signals and terminal]' \
			'--pid-file[write the pid of the new process, as the host counts it, to FILE]:FILE:_files' \
			'--process-label[execute under this SELinux label]:LABEL: ' \
			'--apparmor[confine the process by this AppArmor profile]:PROFILE: ' \
			'--no-new-privs[set no_new_privs, so that executing a file grants no privileges; --no-new-privs=false leaves it out]' \
			'--cap[grant another capability, such as CAP_NET_ADMIN; repeatable]:CAP: ' \
			'--preserve-fds[leave N descriptors open from 3 on, after those that $LISTEN_FDS counts]:N: ' \
			'--cgroup[join the cgroup PATH below the container'\''s, which must exist; with cgroup v1 repeatable, per controller]:\[CONTROLLER,...\:\]PATH: ' \
			'--ignore-paused[start the process even though the container is paused; it runs after resume]' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		features) _arguments \
			'--help[show this help and exit]' '*:file:_files' ;;
		kill) _arguments \
			'--all[signal each process in the container'\''s cgroup, even when the first one is gone]' \
			'--regex[take CONTAINER for an extended regular expression, and act on each container whose ID it matches anywhere]' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		list) _arguments \
			'--format[print in this form]:table|json:(table json)' \
			'--quiet[print the IDs alone, one a line]' \
			'--help[show this help and exit]' '*:file:_files' ;;
		mounts) _arguments \
			'--help[show this help and exit]' '*:file:_files' ;;
		pause) _arguments \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		ps) _arguments \
			'--format[print in this form]:table|json:(table json)' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		resume) _arguments \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		run) _arguments \
			'--bundle[take config.json, and relative paths in it, from DIR; the current directory when not given]:DIR:_files -/' \
			'--config[read the configuration from FILE rather than from config.json in the bundle]:FILE:_files' \
			'--console-socket[send the master of the terminal over this Unix socket]:SOCKET:_files' \
			'--pidfd-socket[send a pidfd of the new process over this Unix socket]:SOCKET:_files' \
			'--pid-file[write the pid of the new process, as the host counts it, to FILE]:FILE:_files' \
			'--no-pivot[enter the root filesystem with chroot(2) rather than pivot_root(2), which an initramfs does not allow; less safe]' \
			'--no-new-keyring[let the container use the session keyring of teu'\''s caller, not one of its own]' \
			'--preserve-fds[leave N descriptors open from 3 on, after those that $LISTEN_FDS counts]:N: ' \
			'--detach[return as soon as the process runs; do not wait for it or relay its signals and terminal]' \
			'--keep[keep the stopped container until it is deleted]' \
			'--no-subreaper[do not adopt orphaned processes of the container while waiting]' \
			'--help[show this help and exit]' '*:file:_files' ;;
		spec) _arguments \
			'--bundle[write the file into DIR; into the current directory when not given]:DIR:_files -/' \
			'--rootless[add a user namespace in which the caller is root, and leave out what only root of the host may do]' \
			'--help[show this help and exit]' '*:file:_files' ;;
		start) _arguments \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		state) _arguments \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		update) _arguments \
			'--resources[read the limits from FILE, which may be a pipe, or from standard input when it is -]:FILE:_files' \
			'--blkio-weight[set the share of block I/O, from 10 to 1000]:WEIGHT: ' \
			'--cpu-period[measure --cpu-quota against periods of this length; 0 for the kernel'\''s]:TIME: ' \
			'--cpu-quota[stop the container for the rest of a period after this much CPU time; -1 for no limit]:TIME: ' \
			'--cpu-burst[let a period use this much of what earlier ones left over]:TIME: ' \
			'--cpu-share[weigh the container against others when CPUs are busy, from 2 to 262144]:SHARES: ' \
			'--cpu-rt-period[measure --cpu-rt-runtime against periods of this length (cgroup v1)]:TIME: ' \
			'--cpu-rt-runtime[grant real-time processes this much of each period (cgroup v1)]:TIME: ' \
			'--cpuset-cpus[run on these CPUs, such as 0-3,6]:LIST: ' \
			'--cpuset-mems[allocate memory from these NUMA nodes, such as 0,1]:LIST: ' \
			'--memory[limit the memory]:SIZE: ' \
			'--cpu-idle[run only on CPUs that nobody else needs when 1 (SCHED_IDLE)]:0|1:(0 1)' \
			'--memory-reservation[reclaim memory above this size first when the machine is short of it]:SIZE: ' \
			'--memory-swap[limit memory and swap together]:SIZE: ' \
			'--pids-limit[limit the number of processes and threads; -1 for no limit]:N: ' \
			'--l3-cache-schema[write this L3 line, such as L3\:0=ff, to the resctrl group of the container]:SCHEMA: ' \
			'--mem-bw-schema[write this MB line, such as MB\:0=50, to the resctrl group of the container]:SCHEMA: ' \
			'--help[show this help and exit]' '*:container:_teu_containers' ;;
		validate) _arguments \
			'--format[print in this form]:text|json:(text json)' \
			'--help[show this help and exit]' '*:file:_files' ;;
		esac ;;
	esac
}
_teu "$@"
