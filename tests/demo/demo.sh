#!/bin/bash
# Runs a container from a bundle made of busybox and shows the same process from inside and from outside.
set -euo pipefail
teu=$(realpath "${1:-./teu}")
id=demo-$$
dir=$(mktemp -d)
cleanup() {
	"$teu" delete --force "$id" || true
	rm -rf "$dir"
}
trap cleanup EXIT
bold='' plain=''
[ ! -t 1 ] || bold=$'\033[1m' plain=$'\033[0m'
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

say "a bundle: a root with busybox, and a config.json from 'teu spec'"
mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc"
cp "$(command -v busybox)" "$dir/rootfs/bin/busybox"
for applet in sh ps id hostname cat ls mount sleep ip; do ln -s busybox "$dir/rootfs/bin/$applet"; done
"$teu" spec --bundle "$dir"
sed -i \
	-e 's/"terminal": true/"terminal": false/' \
	-e 's/"sh"/"sleep", "1000"/' \
	-e 's/"hostname": "[^"]*"/"hostname": "demo"/' \
	-e 's/"resources": {/"resources": { "memory": { "limit": 33554432 }, "pids": { "limit": 20 }, /' \
	"$dir/config.json"
ls "$dir"

say "teu create: everything is set up, nothing runs yet"
# The container outlives this command: it must not hold our output open.
"$teu" create --bundle "$dir" "$id" </dev/null >"$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }
"$teu" state "$id"

say "teu start"
"$teu" start "$id"
"$teu" list
pid=$("$teu" state "$id" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')

say "inside: the container sees itself alone, as process 1"
"$teu" exec "$id" ps
# shellcheck disable=SC2016 # the container's shell expands it
"$teu" exec "$id" sh -c 'echo "hostname: $(hostname)"; id; ip -o addr; grep -c . /proc/self/mountinfo | sed "s/$/ mounts/"'

say "outside: the same process among the host's"
ps -o pid,ppid,user,args -p "$pid"

say "its namespaces, beside this shell's"
for ns in cgroup ipc mnt net pid time user uts; do
	a=$(readlink "/proc/$pid/ns/$ns") b=$(readlink "/proc/self/ns/$ns")
	[ "$a" = "$b" ] && mark="the host's" || mark="its own"
	printf '  %-7s %-22s %s\n' "$ns" "$a" "$mark"
done

say "its limits, as the kernel has them"
while IFS=: read -r _ name path; do
	case "$name" in
	memory) printf '  memory.limit_in_bytes %s\n' "$(cat "/sys/fs/cgroup/memory$path/memory.limit_in_bytes")" ;;
	pids) printf '  pids.max              %s\n' "$(cat "/sys/fs/cgroup/pids$path/pids.max")" ;;
	'') [ -e "/sys/fs/cgroup$path/memory.max" ] && printf '  memory.max            %s\n  pids.max              %s\n' \
		"$(cat "/sys/fs/cgroup$path/memory.max")" "$(cat "/sys/fs/cgroup$path/pids.max")" ;;
	esac
done <"/proc/$pid/cgroup" || true
grep -E '^(CapEff|NoNewPrivs)' "/proc/$pid/status" | sed 's/^/  /'

say "teu kill, teu delete"
"$teu" kill "$id" KILL
# delete waits for nothing: ask until the process is gone
for _ in $(seq 100); do "$teu" state "$id" | grep -q '"status": "stopped"' && break; done
"$teu" delete "$id"
"$teu" list

say "done: the container is gone, and the list above is empty"
