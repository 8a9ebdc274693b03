package cli

import (
	"encoding/json"
	"testing"

	"teu/libcontainer"
)

// TestUpdateFlags compares the resources as JSON.
func TestUpdateFlags(t *testing.T) {
	const none = `{"memory":{},"cpu":{},"pids":{},"blockIO":{}}`
	for line, want := range map[string]string{
		"x":                        none,
		"--memory 64m x":           `{"memory":{"limit":67108864},"cpu":{},"pids":{},"blockIO":{}}`,
		"x --memory 64m":           `{"memory":{"limit":67108864},"cpu":{},"pids":{},"blockIO":{}}`,
		"--memory= --cpu-share= x": none,
		"--memory -1 --memory-swap -1 --memory-reservation 0 x": `{"memory":{"limit":-1,"reservation":0,"swap":-1},"cpu":{},"pids":{},"blockIO":{}}`,
		"--kernel-memory 1k --kernel-memory-tcp 2k x":           `{"memory":{"kernel":1024,"kernelTCP":2048},"cpu":{},"pids":{},"blockIO":{}}`,
		"--cpu-period 1 --cpu-quota -1 --cpu-burst 0 --cpu-share 2 --cpu-rt-period 3 --cpu-rt-runtime 4 --cpu-idle 1 --cpuset-cpus 0-1,3 --cpuset-mems 0 x": `{"memory":{},` +
			`"cpu":{"shares":2,"quota":-1,"burst":0,"period":1,"realtimeRuntime":4,"realtimePeriod":3,"cpus":"0-1,3","mems":"0","idle":1},"pids":{},"blockIO":{}}`,
		"--cpu-shares 5 x":                   `{"memory":{},"cpu":{"shares":5},"pids":{},"blockIO":{}}`,
		"--pids-limit 0 --blkio-weight 10 x": `{"memory":{},"cpu":{},"pids":{"limit":0},"blockIO":{"weight":10}}`,
		"--pids-limit 5 --pids-limit -1 x":   `{"memory":{},"cpu":{},"pids":{"limit":-1},"blockIO":{}}`,
	} {
		r := teu(t, "update "+line, nil)
		if len(r.rec.calls) != 3 || r.rec.calls[1] != "x" {
			t.Errorf("update %s: got calls %+v, stderr %s, want a call with 2 arguments, the first x", line, r.rec.calls, r.stderr)
			continue
		}
		o := r.rec.calls[2].(libcontainer.UpdateOptions)
		if got, err := json.Marshal(o.Resources); err != nil || string(got) != want {
			t.Errorf("resources of %s:\n got %s, %v\nwant %s", line, got, err, want)
		}
	}
	for _, line := range []string{
		"update --resources - --l3-cache-schema L3:0=f --mem-bw-schema MB:0=10 x", "update --resources=- --l3-cache-schema=L3:0=f --mem-bw-schema=MB:0=10 x",
		"update -r - x --l3-cache-schema L3:0=f --mem-bw-schema MB:0=10",
	} {
		o := teu(t, line, nil).rec.calls[2].(libcontainer.UpdateOptions)
		if o.File != "-" || o.L3CacheSchema != "L3:0=f" || o.MemBwSchema != "MB:0=10" {
			t.Errorf("%s: got %+v, want the file -, L3:0=f and MB:0=10", line, o)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	const size = "want bytes, which k, m, g, t or p may follow, or -1"
	for line, want := range map[string]string{
		"":                            "want one argument CONTAINER",
		"a b":                         "want one argument CONTAINER, got 2",
		"--memory lots x":             "--memory lots: " + size,
		"--memory -2 x":               "--memory -2: " + size,
		"--cpu-quota much x":          "--cpu-quota much: want a number",
		"--cpu-share -1 x":            "--cpu-share -1: want a number, 0 or more",
		"--cpu-idle yes x":            "--cpu-idle yes: want a number",
		"--pids-limit 1k x":           "--pids-limit 1k: want a number",
		"--blkio-weight 65537 x":      "--blkio-weight 65537: want a number from 0 to 65535",
		"--cpu-period 1.5 --memory x": "--cpu-period 1.5: want a number, 0 or more",
		"--devices x":                 "unknown flag --devices",
		"--memmory 1 x":               `unknown flag --memmory; did you mean "--memory"?`,
	} {
		checkError(t, "update "+line, 1, "update: "+want, "teu update [OPTION...] CONTAINER")
	}
}

// TestMemorySize has the values of go-units' own test of RAMInBytes, and some of the edges.
func TestMemorySize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "32": 32, "32b": 32, "32B": 32, "32k": 32 << 10, "32K": 32 << 10, "32kb": 32 << 10, "32Kb": 32 << 10, "32KiB": 32 << 10,
		"32Mb": 32 << 20, "32MiB": 32 << 20, "32gb": 32 << 30, "32tib": 32 << 40, "32Pb": 32 << 50, "32 mb": 32 << 20,
		"32.5kB": 32*1024 + 512, "32.5 kB": 32*1024 + 512, "32.": 32, ".3kB": 307, "0.3 MB": 314572, "1.9": 1,
		"-1": -1, "9223372036854775807": 1<<63 - 1, "8191p": 8191 << 50, "9007199254740993": 9007199254740993,
	} {
		if got, err := memorySize(in); err != nil || got != want {
			t.Errorf("size %q: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "hello", "-32", "-1k", "-0", ".", "1..2", "1.2.3", " 32 ", "32m b", "32bm", "32mm", "32bb", "32kibs", "32zb", "k", "1e3", "0x10", "1_0", "+1",
		"NaN", "inf", "8192p", "9223372036854775808", "99999999999999999999", "1k ", "٣",
	} {
		if got, err := memorySize(in); err == nil {
			t.Errorf("size %q: got %d, want an error", in, got)
		}
	}
}

func FuzzMemorySize(f *testing.F) {
	f.Add("32.5 kB")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := memorySize(s); err == nil && n < 0 && s != "-1" {
			t.Errorf("size %q: got %d, want an error or 0 or more", s, n)
		}
	})
}
