#compdef teu
# zsh completion for teu. Made by `make man` from the flags of the command line.
_teu_containers() { compadd -- ${(f)"$(teu list --quiet 2>/dev/null)"} }
_teu() {
	local state line
	_arguments -C \
			'--debug[enable debug logging]' \
			'--log[set the log file to write teu logs to (default is '\''/dev/stderr'\'')]:value:_files' \
			'--log-format[set the log format ('\''text'\'' (default), or '\''json'\'')]:value:_files' \
			'--log-level[set the log level ('\''debug'\'', '\''info'\'', '\''warning'\'', or '\''error'\'')]:value:_files' \
			'--root[root directory for storage of container state (this should be located in tmpfs)]:value:_files' \
			'--systemd-cgroup[enable systemd cgroup support, expects cgroupsPath to be of form "slice\:prefix\:name" for e.g. "system.slice\:teu\:434234"]' \
			'--cgroup-manager[who makes the cgroups of containers ('\''cgroupfs'\'' (default), '\''systemd'\'', or '\''disabled'\'')]:value:_files' \
			'--rootless[ignore cgroup permission errors ('\''true'\'', '\''false'\'', or '\''auto'\'')]:value:_files' \
			'1:command:->command' '*::argument:->argument'
	case $state in
	command)
		_values command \
			'create[create a container]' \
			'delete[delete any resources held by the container often used with detached container]' \
			'events[display container events such as OOM notifications, cpu, memory, and IO usage statistics]' \
			'exec[execute new process inside the container]' \
			'features[show the enabled features]' \
			'kill[kill sends the specified signal (default\: SIGTERM) to the container'\''s init process]' \
			'list[lists containers started by teu with the given root]' \
			'pause[pause suspends all processes inside the container]' \
			'ps[ps displays the processes running inside a container]' \
			'resume[resumes all processes that have been previously paused]' \
			'run[create and run a container]' \
			'spec[create a new specification file]' \
			'start[executes the user defined process in a created container]' \
			'state[output the state of a container]' \
			'update[update container resource constraints]' \
			'validate[check the configuration of a bundle]' ;;
	argument)
		case $line[1] in
		create) _arguments \
			'--bundle[path to the root of the bundle directory, defaults to the current directory]:value:_files' \
			'--console-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console'\''s pseudoterminal]:value:_files' \
			'--pidfd-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the init process]:value:_files' \
			'--pid-file[specify the file to write the process id to]:value:_files' \
			'--no-pivot[do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk]' \
			'--no-new-keyring[do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key]' \
			'--preserve-fds[Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)]:value:_files' '*:file:_files' ;;
		delete) _arguments \
			'--force[Forcibly deletes the container if it is still running (uses SIGKILL)]' '*:container:_teu_containers' ;;
		events) _arguments \
			'--interval[set the stats collection interval]:value:_files' \
			'--stats[display the container'\''s stats then exit]' '*:container:_teu_containers' ;;
		exec) _arguments \
			'--console-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console'\''s pseudoterminal]:value:_files' \
			'--pidfd-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the init process]:value:_files' \
			'--cwd[current working directory in the container]:value:_files' \
			'--env[set environment variables]:value:_files' \
			'--tty[allocate a pseudo-TTY]' \
			'--user[UID (format\: <uid>\[\:<gid>\])]:value:_files' \
			'--additional-gids[additional gids]:value:_files' \
			'--process[path to the process.json]:value:_files' \
			'--detach[detach from the container'\''s process]' \
			'--pid-file[specify the file to write the process id to]:value:_files' \
			'--process-label[set the asm process label for the process commonly used with selinux]:value:_files' \
			'--apparmor[set the apparmor profile for the process]:value:_files' \
			'--no-new-privs[set the no new privileges value for the process]' \
			'--cap[add a capability to the bounding set for the process]:value:_files' \
			'--preserve-fds[Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)]:value:_files' \
			'--cgroup[run the process in an (existing) sub-cgroup(s). Format is \[<controller>\:\]<cgroup>.]:value:_files' \
			'--ignore-paused[allow exec in a paused container]' '*:container:_teu_containers' ;;
		features) _arguments '*:file:_files' ;;
		kill) _arguments \
			'--all[send the specified signal to all processes inside the container]' '*:container:_teu_containers' ;;
		list) _arguments \
			'--format[select one of\: table or json]:value:_files' \
			'--quiet[display only container IDs]' '*:file:_files' ;;
		pause) _arguments '*:container:_teu_containers' ;;
		ps) _arguments \
			'--format[select one of\: table or json]:value:_files' '*:container:_teu_containers' ;;
		resume) _arguments '*:container:_teu_containers' ;;
		run) _arguments \
			'--bundle[path to the root of the bundle directory, defaults to the current directory]:value:_files' \
			'--console-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console'\''s pseudoterminal]:value:_files' \
			'--pidfd-socket[path to an AF_UNIX socket which will receive a file descriptor referencing the init process]:value:_files' \
			'--pid-file[specify the file to write the process id to]:value:_files' \
			'--no-pivot[do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk]' \
			'--no-new-keyring[do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key]' \
			'--preserve-fds[Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)]:value:_files' \
			'--detach[detach from the container'\''s process]' \
			'--keep[do not delete the container after it exits]' \
			'--no-subreaper[disable the use of the subreaper used to reap reparented processes]' '*:file:_files' ;;
		spec) _arguments \
			'--bundle[path to the root of the bundle directory]:value:_files' \
			'--rootless[generate a configuration for a rootless container]' '*:file:_files' ;;
		start) _arguments '*:container:_teu_containers' ;;
		state) _arguments '*:container:_teu_containers' ;;
		update) _arguments \
			'--resources[path to the file containing the resources to update or '\''-'\'' to read from the standard input]:value:_files' \
			'--blkio-weight[Specifies per cgroup weight, range is from 10 to 1000]:value:_files' \
			'--cpu-period[CPU CFS period to be used for hardcapping (in usecs). 0 to use system default]:value:_files' \
			'--cpu-quota[CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period]:value:_files' \
			'--cpu-burst[CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for burst a given period]:value:_files' \
			'--cpu-share[CPU shares (relative weight vs. other containers)]:value:_files' \
			'--cpu-rt-period[CPU realtime period to be used for hardcapping (in usecs). 0 to use system default]:value:_files' \
			'--cpu-rt-runtime[CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period]:value:_files' \
			'--cpuset-cpus[CPU(s) to use]:value:_files' \
			'--cpuset-mems[Memory node(s) to use]:value:_files' \
			'--memory[Memory limit (in bytes)]:value:_files' \
			'--cpu-idle[set cgroup SCHED_IDLE or not, 0\: default behavior, 1\: SCHED_IDLE]:value:_files' \
			'--memory-reservation[Memory reservation or soft_limit (in bytes)]:value:_files' \
			'--memory-swap[Total memory usage (memory + swap); set '\''-1'\'' to enable unlimited swap]:value:_files' \
			'--pids-limit[Maximum number of pids allowed in the container]:value:_files' \
			'--l3-cache-schema[The string of Intel RDT/CAT L3 cache schema]:value:_files' \
			'--mem-bw-schema[The string of Intel RDT/MBA memory bandwidth schema]:value:_files' '*:container:_teu_containers' ;;
		validate) _arguments \
			'--format[select one of\: text or json]:value:_files' '*:file:_files' ;;
		esac ;;
	esac
}
_teu "$@"
