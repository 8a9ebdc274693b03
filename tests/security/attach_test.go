package security

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// What is attached to a running container, and taken off it, is where its own root says, however it exchanges names meanwhile, and whatever
// symlinks it has there: nothing is mounted, made or taken off on the host.
func TestAttachedWhileExchanged(t *testing.T) {
	for name, edits := range map[string][]edit{"of root": nil, "of a user namespace": {userNamespace}} {
		t.Run(name, func(t *testing.T) {
			b := kit.New(t, append(edits, writable)...)
			host := newCanary(t, b)
			attacker(b)
			source := b.Dir + "/source"
			for _, dir := range []string{source, b.Rootfs + "/tmp/d", b.Rootfs + "/tmp/d/sub"} {
				check(t, os.MkdirAll(dir, 0o755))
			}
			check(t, os.WriteFile(source+"/file", nil, 0o644))
			if name != "of root" {
				give(t, b.Rootfs, b.Rootfs+"/tmp", b.Rootfs+"/tmp/d", b.Rootfs+"/tmp/d/sub")
			}
			// Up and out to the canary, by one name; a plain directory by the other.
			check(t, os.Symlink("../../../../../../../../../.."+host.dir, b.Rootfs+"/tmp/e"))
			b.Edit(process("/bin/attacker", "exchange", "/tmp/d", "/tmp/e"))
			out := b.OK("create", b.ID)
			b.OK("start", b.ID)
			out.Output("ready\n")
			var files []string
			for _, dest := range []string{"/tmp/d/sub", "/tmp/d/new/sub", "/tmp/d/file"} {
				from := source
				if strings.HasSuffix(dest, "file") {
					from += "/file"
				}
				text, err := json.Marshal(map[string]any{"mounts": []specs.Mount{bind(from, dest, "ro")}})
				check(t, err)
				files = append(files, b.Dir+"/mounts"+strconv.Itoa(len(files)))
				check(t, os.WriteFile(files[len(files)-1], text, 0o644))
			}
			before := hostMounts(t, b)
			added, removed, last := 0, 0, ""
			for end := time.Now().Add(bounded / 3); time.Now().Before(end) && removed < rounds; {
				for _, file := range files {
					for what, count := range map[string]*int{"add": &added, "remove": &removed} {
						res := b.Teu("mounts", what, b.ID, file)
						if res.Code == 0 {
							*count++
						} else if last = res.Stderr; !oneLine(res) {
							t.Errorf("%v: want exit code 0 or an error in one line", res)
						}
						if now := hostMounts(t, b); now != before {
							t.Fatalf("%v: mounts of the host: got\n%s\nwant\n%s", res, now, before)
						}
					}
				}
				host.intact()
			}
			if added == 0 || removed == 0 {
				t.Errorf("mounts: got %d added and %d removed, want more than 0 of both", added, removed)
			}
			t.Logf("%d added, %d removed; the last error: %s", added, removed, last)
		})
	}
}

// hostMounts are the lines of the suite's mountinfo that name the bundle.
func hostMounts(t *testing.T, b *kit.Bundle) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	var list strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, b.ID) {
			list.WriteString(line)
		}
	}
	return list.String()
}

// In a user namespace what the host has made read-only stays so: root of the container, who may remount what has no such lock, cannot undo it.
func TestAttachedFlagsAreLocked(t *testing.T) {
	b := kit.New(t, writable, userNamespace, kit.Args("sleep", "forever"), caps("CAP_SYS_ADMIN"))
	give(t, b.Rootfs, b.Rootfs+"/tmp")
	var list []specs.Mount
	for _, name := range []string{"readonly", "free"} {
		dir := b.Dir + "/" + name
		check(t, os.Mkdir(dir, 0o777))
		check(t, syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
		t.Cleanup(func() { check(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
		if name == "readonly" {
			check(t, syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		}
		list = append(list, bind(dir, "/tmp/"+name, map[bool]string{true: "rw", false: "ro"}[name == "readonly"]))
	}
	file := b.Dir + "/mounts"
	text, err := json.Marshal(list)
	check(t, err)
	check(t, os.WriteFile(file, text, 0o644))
	b.Start()
	if res := b.Teu("mounts", "add", b.ID, file); res.Code == 0 || !strings.Contains(res.Stderr, "operation not permitted") {
		t.Errorf("rw of what the host has read-only: %v, want EPERM", res)
	}
	list[0].Options = []string{"bind"}
	text, err = json.Marshal(list)
	check(t, err)
	check(t, os.WriteFile(file, text, 0o644))
	b.OK("mounts", "add", b.ID, file)
	remount := strconv.Itoa(syscall.MS_BIND | syscall.MS_REMOUNT)
	for path, want := range map[string]string{"/tmp/readonly": "EPERM", "/tmp/free": "ok 0"} {
		res := b.Teu("exec", b.ID, kit.PayloadPath, "syscall", "mount", "s:none", "s:"+path, "s:none", remount, "0")
		if got := strings.TrimSpace(res.Stdout); got != want {
			t.Errorf("remount of %s without read-only: got %q, want %q", path, got, want)
		}
	}
}
