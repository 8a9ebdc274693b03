package libcontainer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"teu/libcontainer/spec"
	"teu/nsenter/program"
	"teu/rootfs"
)

// FuzzBundle takes any text through loader, validation and compilers: it gives problems, or a program that the verifier
// accepts and that can be encoded, of a size in proportion to the text.
func FuzzBundle(f *testing.F) {
	for _, text := range bundleSeeds(f) {
		f.Add(text)
	}
	f.Fuzz(checkBundle)
}

// FuzzEdits edits the golden entries and the files that callers emit: values that mean something take the place of others,
// which bytes at random seldom come to.
func FuzzEdits(f *testing.F) {
	seeds := bundleSeeds(f)
	for i := range seeds {
		f.Add(uint16(i), []byte{byte(i), 3, byte(i), 9})
	}
	f.Fuzz(func(t *testing.T, seed uint16, edits []byte) {
		var tree any
		d := json.NewDecoder(bytes.NewReader(seeds[int(seed)%len(seeds)]))
		d.UseNumber()
		if err := d.Decode(&tree); err != nil {
			t.Fatalf("decode a seed: %v", err)
		}
		for ; len(edits) >= 3; edits = edits[3:] {
			editTree(tree, binary.LittleEndian.Uint16(edits), edits[2])
		}
		text, err := json.Marshal(tree)
		if err != nil {
			t.Fatalf("marshal the edited tree: %v", err)
		}
		checkBundle(t, text)
	})
}

// editTree changes value number at of a tree, as how says.
func editTree(tree any, at uint16, how byte) {
	type place struct {
		value any
		set   func(any)
	}
	var places []place
	var visit func(v any, set func(any))
	visit = func(v any, set func(any)) {
		places = append(places, place{v, set})
		switch v := v.(type) {
		case []any:
			for i := range v {
				visit(v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				visit(v[key], func(x any) { v[key] = x })
			}
		}
	}
	visit(tree, func(any) {})
	p := places[int(at)%len(places)]
	switch v := p.value.(type) {
	case []any:
		switch {
		case how%4 == 0 && len(v) > 0:
			p.set(v[1:])
		case how%4 == 1 && len(v) > 0:
			p.set(append(slices.Clone(v), v[int(how/4)%len(v)]))
		default:
			p.set([]any{})
		}
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		if len(keys) > 0 && how%2 == 0 {
			delete(v, keys[int(how/2)%len(keys)])
		} else {
			v[words[int(how/2)%len(words)]] = map[string]any{}
		}
	case json.Number:
		p.set(numbers[int(how)%len(numbers)])
	case bool:
		p.set(!v)
	case string:
		p.set(words[int(how)%len(words)])
	}
}

// numbers and words are values at the edges of what fields take.
var (
	numbers = []json.Number{
		"0", "1", "-1", "2", "7", "1000", "4095", "65535", "65536", "1000000000", "2147483647", "2147483648", "4294967294",
		"4294967295", "4294967296", "9223372036854775807", "18446744073709551615", "-9223372036854775808",
	}
	words = []string{
		"", "x", "/", "//", ".", "..", "/..", "../x", "/dev", "/dev/pts", "/dev/null", "/proc", "/proc/self/fd/3", "/sys", "a b",
		"a,b", "a=b", "=", "none", "bind", "rbind", "tmpfs", "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "overlay", "ro", "rro",
		"rw", "nosuid", "rshared", "slave", "runbindable", "remount", "tmpcopyup", "idmap", "ridmap", "copy-symlink", "src-nofollow", "dest-nofollow",
		"idmap=uids=0-1-2#5-@6-7;gids=@0-0-9", "ridmap=gids=@0-1-2", "sync", "nofail", "user",
		"mode=755", "size=1k", "CAP_SYS_ADMIN", "CAP_X", "RLIMIT_NOFILE", "SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY", "SCMP_CMP_MASKED_EQ",
		"SCMP_ARCH_X32", "SECCOMP_FILTER_FLAG_LOG", "read", "execve", "c", "b", "p", "u", "rwm", "0-3", "0-", "1,2", "pid", "mount", "user", "time",
		"network", "net.ipv4.ip_forward", "kernel.shmmax", "SCHED_DEADLINE", "SCHED_FIFO", "IOPRIO_CLASS_RT", "MPOL_BIND", "MPOL_F_STATIC_NODES",
		"LINUX32", "system.slice:a:b", "unconfined", "a_u:b_r:c_t:s0", "memory.high", "64KB", "2MB", "eth0", "%d", "monotonic", "boottime",
		"\n", "ä", strings.Repeat("x", 300), strings.Repeat("/x", 3000),
	}
)

func checkBundle(t *testing.T, text []byte) {
	s, err := spec.Decode("config.json", text)
	if err != nil {
		return
	}
	if report := spec.Validate(s, spec.Facts{}); len(report.Problems) > 0 {
		if report.Err("config.json") == nil {
			t.Fatalf("error of a report with the problems %v: got none, want one", report.Problems)
		}
		return
	}
	for _, cg := range []rootfs.Cgroups{{Unified: "/sys/fs/cgroup"}, {Hierarchy: v1Hierarchies()}} {
		facts := factsFor(s)
		ns := parseNamespaces(s)
		facts.cgroups, facts.cgroups.OwnNS = cg, ns.has(1<<25)
		if ns.inUserNS() {
			facts.parentSources = sourcesOf(s)
		}
		p, err := planOf(s, facts)
		if err != nil {
			continue
		}
		checkProgram(t, p.prog, len(text))
	}
}

// FuzzProcess is FuzzBundle for the process file of exec.
func FuzzProcess(f *testing.F) {
	for _, w := range allEntries() {
		s := smallSpec()
		w.do(s, factsFor(s))
		text, err := json.Marshal(s.Process)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := spec.DecodeProcess("process.json", text)
		if err != nil {
			return
		}
		if report := spec.ValidateProcess(p, spec.Facts{}); len(report.Problems) > 0 {
			return
		}
		s := smallSpec()
		s.Process = p
		facts := factsFor(s)
		if _, err := compileExecOutside(p); err != nil {
			return
		}
		checkProgram(t, compileExec(p, facts, wayOf(1<<17)), len(text))
	})
}

// Bounds of a program: what any has, and what each byte of the text may add. "[{}]" as mounts takes four bytes.
const (
	fixedInsns   = 400
	insnsPerByte = 12
)

func checkProgram(t *testing.T, p *program.Program, size int) {
	t.Helper()
	if n := len(p.Insns); n > fixedInsns+insnsPerByte*size {
		t.Fatalf("instructions from %d bytes: got %d, want at most %d", size, n, fixedInsns+insnsPerByte*size)
	}
	if err := p.Verify(); err != nil {
		t.Fatalf("verify the program: %v\n%s", err, p)
	}
	enc, err := p.Encode(program.Options{})
	if err != nil {
		return // it is too large: refused by name
	}
	if len(enc) > program.MaxImage {
		t.Fatalf("encoded program: got %d bytes, want at most %d", len(enc), program.MaxImage)
	}
}

// bundleSeeds are the golden entries and the files that callers emit.
func bundleSeeds(f testing.TB) (seeds [][]byte) {
	all := allEntries()
	for _, name := range slices.Sorted(maps.Keys(all)) { // the number of a seed is part of an input
		s := smallSpec()
		all[name].do(s, factsFor(s))
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, text)
	}
	files := captured(f)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		seeds = append(seeds, files[name])
	}
	return seeds
}
