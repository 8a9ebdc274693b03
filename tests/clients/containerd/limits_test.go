package containerd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/clients/caller"
)

var limitChecks = checks{
	{Name: "cgroup", Do: func(c ctr) {
		id := c.up(caller.Sleeper)
		pid, _ := c.task(id)
		groups, err := os.ReadFile("/proc/" + pid + "/cgroup")
		c.Check(err)
		if n := strings.Count(string(groups), "/"+c.ID+"/"+id+"\n"); n == 0 {
			c.Errorf("cgroups: got\n%s\nwant /%s/%s", groups, c.ID, id)
		}
		c.run("there", "grep -q ':/"+c.ID+"/other$' /proc/self/cgroup && echo there", "--cgroup", "/"+c.ID+"/other")
	}},
	{Name: "memory limit", Do: func(c ctr) {
		id := c.up(caller.Sleeper, "--memory-limit", "33554432")
		c.limit(id, "33554432", "memory/memory.limit_in_bytes", "memory.max")
	}},
	{Name: "cpu limits", Do: func(c ctr) {
		id := c.up(caller.Sleeper, "--cpu-quota", "50000", "--cpu-period", "200000", "--cpu-shares", "300")
		if _, err := os.Stat(c.cgroup(id, "cpu")); err == nil {
			c.limit(id, "50000", "cpu/cpu.cfs_quota_us", "")
			c.limit(id, "200000", "cpu/cpu.cfs_period_us", "")
			c.limit(id, "300", "cpu/cpu.shares", "")
		} else {
			c.limit(id, "50000 200000", "", "cpu.max")
		}
		id = c.up(caller.Sleeper, "--cpus", "0.25")
		c.limit(id, "25000", "cpu/cpu.cfs_quota_us", "cpu.max")
	}},
	{Name: "pids limit", Do: func(c ctr) {
		// ctr has no flag for it: the whole configuration is given.
		config := c.config(`{"process": {"args": ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait"], "terminal": false},
			"linux": {"resources": {"pids": {"limit": 5}}}}`)
		o := c.do("run", "--runc-binary", c.Runtime.Path, "--rm", "--config", config, c.id())
		if o.Code != 2 || !strings.Contains(o.Err, "can't fork: Resource temporarily unavailable") {
			c.Errorf("%v: want exit code 2 and that it can't fork", o)
		}
	}},
	{Name: "metrics", Do: func(c ctr) {
		id := c.up(caller.Sleeper, "--memory-limit", "33554432")
		text := c.ok("task", "metrics", id)
		for _, want := range []string{"memory.usage", "pids.current"} {
			if !strings.Contains(text, want) {
				c.Errorf("metrics: got\n%s\nwant %s in them", text, want)
			}
		}
		if text := c.ok("task", "metrics", "--format", "json", id); !strings.Contains(text, "33554432") {
			c.Errorf("metrics: got\n%s\nwant the limit 33554432 in them", text)
		}
	}},
	{Name: "out of memory", Do: func(c ctr) {
		events := c.events()
		// containerd 1.6 begins to watch a cgroup of v1 when start has returned: what runs out of memory before that is not reported.
		id := c.up("until [ -e /go ]; do sleep 0.02; done; exec tail /dev/zero", "--memory-limit", "16777216")
		c.Check(os.WriteFile(fmt.Sprintf("/proc/%d/root/go", c.pid(id)), nil, 0o644))
		if code := c.ended(id); code != "137" {
			c.Errorf("exit code after out of memory: got %s, want 137", code)
		}
		caller.Until(c.T, "it is reported", func() bool {
			for line := range strings.Lines(events()) {
				if strings.Contains(line, "/tasks/oom") && strings.Contains(line, id) {
					return true
				}
			}
			return false
		})
	}},
	{Name: "events", Do: func(c ctr) {
		events := c.events()
		id := c.id()
		c.want(3, "", c.args([]string{"--rm"}, id, "sh", "-c", "exit 3")...)
		for _, topic := range []string{"create", "start", "exit", "delete"} {
			caller.Until(c.T, topic+" is reported", func() bool {
				for line := range strings.Lines(events()) {
					if strings.Contains(line, "/tasks/"+topic+" ") && strings.Contains(line, id) {
						return true
					}
				}
				return false
			})
		}
	}},
}

// cgroup is where a file of a container's cgroup is, in a hierarchy of v1 or, with "", in the tree of v2.
func (c ctr) cgroup(id, file string) string {
	controller, name, _ := strings.Cut(file, "/")
	return "/sys/fs/cgroup/" + controller + "/" + c.ID + "/" + id + "/" + name
}

// limit asks for a file of the container's cgroup: that of v1, or that of v2, of which the first word is meant when one is
// wanted.
func (c ctr) limit(id, want, v1, v2 string) {
	text, err := os.ReadFile(c.cgroup(id, v1))
	if v1 == "" || err != nil {
		text, err = os.ReadFile("/sys/fs/cgroup/" + c.ID + "/" + id + "/" + v2)
	}
	got := strings.TrimSpace(string(text))
	if !strings.Contains(want, " ") {
		got, _, _ = strings.Cut(got, " ")
	}
	if err != nil || got != want {
		c.Errorf("%s or %s: got %q, %v; want %s", v1, v2, got, err, want)
	}
}

// config is the path of a configuration: what the runtime gives for an example, with the root of the suite, and the
// fields of another put over it.
func (c ctr) config(over string) string {
	dir := filepath.Dir(c.file("bundle/file", ""))
	os.Remove(dir + "/config.json") // of another check
	if out, err := exec.Command(c.Runtime.Path, "spec", "--bundle", dir).CombinedOutput(); err != nil {
		c.Fatalf("make a configuration by spec: %v: %s", err, out)
	}
	text, err := os.ReadFile(dir + "/config.json")
	c.Check(err)
	var spec specs.Spec
	c.Check(json.Unmarshal(text, &spec))
	spec.Root.Path = c.root
	c.Check(json.Unmarshal([]byte(over), &spec))
	text, err = json.Marshal(spec)
	c.Check(err)
	c.Check(os.WriteFile(dir+"/config.json", text, 0o644))
	return dir + "/config.json"
}

// events listens to the daemon, and returns what tells all it has heard.
func (c ctr) events() func() string {
	cmd, cancel := c.Command("events")
	var out locked
	cmd.Stdout = &out
	c.Check(cmd.Start())
	c.Cleanup(func() {
		cancel()
		cmd.Wait() // was killed
	})
	// It listens when it hears of what is done for that.
	caller.Until(c.T, "events are heard", func() bool {
		c.ok("container", "create", image, "heard")
		c.ok("container", "delete", "heard")
		return strings.Contains(out.String(), "heard")
	})
	return out.String
}

// locked is a buffer that is written to meanwhile.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
