package cgroups

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// tiny adds a program of a page to the bundle, which is all that is charged to its container: it exits, or sleeps.
func tiny(t testing.TB, b *kit.Bundle, sleeps bool) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the small program is one for amd64")
	}
	code := []byte{0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05} // xor edi, edi; mov eax, exit; syscall
	name := "/bin/exit"
	if sleeps {
		code = []byte{0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7} // mov eax, pause; syscall; jump to the beginning
		name = "/bin/sleeps"
	}
	const base, headers = 0x400000, 64 + 56
	var elf bytes.Buffer
	for _, v := range []any{ // elf(5): Elf64_Ehdr and one Elf64_Phdr
		[16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, uint16(2), uint16(62), uint32(1), uint64(base + headers), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), uint64(headers + len(code)), uint64(headers + len(code)), uint64(4096),
	} {
		check(t, binary.Write(&elf, binary.LittleEndian, v))
	}
	elf.Write(code)
	b.File(name, elf.String(), 0o755)
	return name
}

// little gives the container that much memory, in KiB, and swap no more.
func little(kib int64, args ...string) edit {
	return func(s *specs.Spec) {
		memory(kib << 10)(s)
		if len(args) > 0 {
			s.Process.Args = args
		}
	}
}

func needMemory(t testing.TB) {
	t.Helper()
	placesOf(t, kit.Running(t).State().Pid).dir(t, "memory", "memory")
}

// named wants what the kernel did to be said in the last line.
func named(t testing.TB, res kit.Result, kib int64) {
	t.Helper()
	want := fmt.Sprintf("killed: out of memory: linux.resources.memory.limit is %d bytes", kib<<10)
	// The program itself was, or on cgroup v2 the binary could not even be executed.
	if res.Code == 128+9 || strings.Contains(res.Stderr, "clone into namespaces") {
		want = fmt.Sprintf("out of memory: linux.resources.memory.limit is %d bytes", kib<<10)
	}
	if !strings.Contains(res.Stderr, want) {
		t.Errorf("%v: want %q in stderr", res, want)
	}
}

// TestSmallestMemory: with less and less memory containers run, or it is said what they have died of.
func TestSmallestMemory(t *testing.T) {
	t.Parallel()
	needMemory(t)
	b := kit.New(t)
	exit := tiny(t, b, false)
	smallest, failed := int64(0), 0
	for _, kib := range []int64{1024, 768, 512, 384, 320, 256, 224, 192, 160, 128, 96, 80, 64, 60, 56, 52, 48, 40, 32, 16, 8, 4} {
		b.Edit(little(kib, exit))
		res, log := b.Logged("run", b.ID)
		res.Stderr += log
		if res.Code == 0 {
			smallest = kib
			continue
		}
		failed++
		named(t, res, kib)
		t.Logf("%d KiB: %s", kib, res.Stderr)
	}
	t.Logf("smallest: %d KiB", smallest)
	if smallest == 0 || smallest > 512 || failed == 0 {
		t.Errorf("limits: the smallest that works is %d KiB, %d failed; want 1 to 512 KiB, and some that failed", smallest, failed)
	}
}

// TestSmallestMemoryOfStart: what create gets by with may be too little for start.
func TestSmallestMemoryOfStart(t *testing.T) {
	t.Parallel()
	needMemory(t)
	b := kit.New(t)
	exit := tiny(t, b, false)
	failures := map[string]int{}
	for kib := int64(4); kib <= 192; kib += 4 {
		b.Edit(little(kib, exit))
		for _, verb := range []string{"create", "start"} {
			res := b.Teu(verb, b.ID)
			if res.Code != 0 {
				failures[verb]++
				named(t, res, kib)
				break
			}
		}
		b.OK("delete", "--force", b.ID)
	}
	t.Logf("failures: %v", failures)
	if failures["create"] == 0 {
		t.Errorf("failures with 4 KiB: got %v, want some of create", failures)
	}
}

// TestExecOutOfMemory: the limit was lowered while the container ran, to just above what it uses.
func TestExecOutOfMemory(t *testing.T) {
	t.Parallel()
	needMemory(t)
	for _, spare := range []int64{0, 16, 32, 64} {
		b := kit.New(t)
		sleeps, exit := tiny(t, b, true), tiny(t, b, false)
		b.Edit(little(8<<10, sleeps))
		b.OK("create", b.ID)
		b.OK("start", b.ID)
		dir, v2 := placesOf(t, b.State().Pid).dir(t, "memory", "memory")
		usage, limit := "memory.usage_in_bytes", "memory.limit_in_bytes"
		if v2 {
			usage, limit = "memory.current", "memory.max"
		}
		used, err := strconv.ParseInt(read(t, dir, usage), 10, 64)
		check(t, err)
		lower := used + spare<<10
		if err := os.WriteFile(dir+"/"+limit, fmt.Append(nil, lower), 0o644); err != nil {
			t.Logf("%d bytes: %v", lower, err) // something is in use that was not a moment ago
			continue
		}
		now := read(t, dir, limit) // systemd removes the cgroup when it was the first process that was killed
		res, log := b.Logged("exec", b.ID, exit)
		res.Stderr += log
		if res.Code == 0 {
			t.Logf("%d bytes above what is in use: enough", spare<<10)
			continue
		}
		t.Logf("%d bytes above what is in use: %s", spare<<10, res.Stderr)
		if want := fmt.Sprintf("out of memory: linux.resources.memory.limit is %s bytes", now); !strings.Contains(res.Stderr, want) {
			t.Errorf("%v: want %q in stderr", res, want)
		}
	}
}

// TestOutOfMemoryLater is no error of start, nor of exec.
func TestOutOfMemoryLater(t *testing.T) {
	t.Parallel()
	needMemory(t)
	b := kit.New(t, kit.Args("oom", "64"), memory(32<<20))
	b.OK("create", b.ID)
	b.OK("start", b.ID)
	b.Ended()
	b.OK("delete", b.ID)
	b.OK("run", "--detach", b.ID)
	b.Ended()
	b.OK("delete", b.ID)
	res, log := b.Logged("run", b.ID)
	if res.Code != 137 || res.Stderr != "" || !strings.Contains(log, "level=warning") || strings.Contains(log, "level=error") {
		t.Errorf("%v: logged %q: want exit code 137, nothing on stderr, and a warning, but no error, in the log", res, log)
	}
	res.Stderr = log
	named(t, res, 32<<10)
	b.Edit(kit.Args("sleep", "forever"))
	b.Start()
	if res := b.Teu("exec", b.ID, kit.PayloadPath, "oom", "64"); res.Code != 137 || strings.Contains(res.Stderr, "level=error") {
		t.Errorf("%v: want exit code 137 and no error of teu", res)
	}
	if res := b.Teu("exec", b.ID, "/absent"); strings.Contains(res.Stderr, "memory") {
		t.Errorf("failure with another cause: %v: want no word of memory in stderr", res)
	}
}

// TestHookOutOfMemory: hooks in the container's cgroup have its limits.
func TestHookOutOfMemory(t *testing.T) {
	t.Parallel()
	needMemory(t)
	hook := []specs.Hook{{Path: kit.PayloadPath, Args: []string{"payload", "oom", "64"}}}
	b := kit.New(t, memory(32<<20), func(s *specs.Spec) { s.Hooks = &specs.Hooks{StartContainer: hook} })
	const want = "hooks.startContainer[0]: /bin/payload: signal: killed: out of memory: linux.resources.memory.limit is 33554432 bytes"
	b.Fails([]string{"run", b.ID}, want)
	b.OK("create", b.ID)
	b.Fails([]string{"start", b.ID}, want)
}
