# bash completion for teu. Made by `make man` from the flags of the command line.
_teu() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb= word i
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--log | --log-format | --log-level | --root | --cgroup-manager | --rootless)
			i=$((i + 1)) ;;
		-*) ;;
		*)
			verb=$word
			break ;;
		esac
	done
	case $verb in
	create) COMPREPLY=($(compgen -W "--bundle --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --preserve-fds --help" -- "$cur")) ;;
	delete) COMPREPLY=($(compgen -W "--force --regex --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	events) COMPREPLY=($(compgen -W "--interval --stats --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	exec) COMPREPLY=($(compgen -W "--console-socket --pidfd-socket --cwd --env --tty --user --additional-gids --process --detach --pid-file --process-label --apparmor --no-new-privs --cap --preserve-fds --cgroup --ignore-paused --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	features) COMPREPLY=($(compgen -W "--help" -- "$cur")) ;;
	kill) COMPREPLY=($(compgen -W "--all --regex --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	list) COMPREPLY=($(compgen -W "--format --quiet --help" -- "$cur")) ;;
	mounts) COMPREPLY=($(compgen -W "--help" -- "$cur")) ;;
	pause) COMPREPLY=($(compgen -W "--help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	ps) COMPREPLY=($(compgen -W "--format --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	resume) COMPREPLY=($(compgen -W "--help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	run) COMPREPLY=($(compgen -W "--bundle --config --console-socket --pidfd-socket --pid-file --no-pivot --no-new-keyring --preserve-fds --detach --keep --no-subreaper --help" -- "$cur")) ;;
	spec) COMPREPLY=($(compgen -W "--bundle --rootless --help" -- "$cur")) ;;
	start) COMPREPLY=($(compgen -W "--help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	state) COMPREPLY=($(compgen -W "--help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	update) COMPREPLY=($(compgen -W "--resources --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --memory --cpu-idle --memory-reservation --memory-swap --pids-limit --l3-cache-schema --mem-bw-schema --help $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)" -- "$cur")) ;;
	validate) COMPREPLY=($(compgen -W "--format --help" -- "$cur")) ;;
	help) COMPREPLY=($(compgen -W "create delete events exec features kill list mounts pause ps resume run spec start state update validate" -- "$cur")) ;;
	'') COMPREPLY=($(compgen -W "--debug --log --log-format --log-level --root --systemd-cgroup --cgroup-manager --rootless --help --version create delete events exec features kill list mounts pause ps resume run spec start state update validate help" -- "$cur")) ;;
	esac
}
complete -o default -F _teu teu
