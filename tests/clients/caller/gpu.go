package caller

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a GPU's container finds, as GPUScript prints it.
const (
	GPUScript = "cat /lib/libgpu.so; grep -c libgpu.so /etc/gpu.cache; stat -c '%F %t:%T' /dev/gpu; head -c 4 /dev/gpu | wc -c"
	GPUOutput = "the library\n1\ncharacter special file 1:5\n4"
)

// gpuWrapper adds hooks to the config.json of what is created, whether it has some or not, and goes on as the runtime.
const gpuWrapper = `#!/bin/sh -e
create= bundle= last=
for arg; do
	[ "$arg" != create ] || create=yes
	case $last in --bundle|-b) bundle=$arg ;; esac
	last=$arg
done
if [ "$create" ]; then
	hooks='"createRuntime":[{"path":"DIR/create-runtime"}],"createContainer":[{"path":"DIR/create-container"}]'
	if grep -q '"hooks":{"' "$bundle/config.json"; then
		sed -i 's|"hooks":{|&'"$hooks"',|' "$bundle/config.json"
	else
		sed -i '1s|{|{"hooks":{'"$hooks"'},|' "$bundle/config.json"
	fi
fi
exec RUNTIME "$@"
`

// gpuHook is how both hooks begin: with the root's path on the host.
const gpuHook = `#!/bin/sh -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
state=$(cat)
field() { echo "$state" | sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\).*/\1/p'; }
bundle=$(field bundle)
root=$(sed -n 's/.*"root":{[^}]*"path":"\([^"]*\)".*/\1/p' "$bundle/config.json")
case $root in /*) ;; *) root=$bundle/$root ;; esac
`

// In the container's mount namespace: a library of the host's, and a device.
const gpuCreateRuntime = gpuHook + `
export root
nsenter --mount --target "$(field pid)" sh -ec '
	mkdir -p "$root/lib"
	: >"$root/lib/libgpu.so"
	mount --bind DIR/libgpu.so "$root/lib/libgpu.so"
	: >"$root/dev/gpu"
	mount --bind /dev/zero "$root/dev/gpu"'
`

// A program of the image writes down what libraries there are, as ldconfig(8) does; it starts in the root.
const gpuCreateContainer = gpuHook + `
[ -c dev/gpu ]
chroot "$root" /bin/busybox ls /lib >etc/gpu.cache
`

// GPURuntime makes, in the new directory dir, a program that calls the runtime r, and before gives each container hooks as those that
// bring a GPU's driver into it: see [GPUScript]. It returns its path.
func GPURuntime(t testing.TB, dir string, r Runtime) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("make the directory of the GPU's hooks: %v", err)
	}
	for name, text := range map[string]string{
		"libgpu.so": "the library\n", "create-runtime": gpuCreateRuntime, "create-container": gpuCreateContainer, "runtime": gpuWrapper,
	} {
		text = strings.NewReplacer("DIR", dir, "RUNTIME", r.Path).Replace(text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatalf("make the GPU's %s: %v", name, err)
		}
	}
	return filepath.Join(dir, "runtime")
}
