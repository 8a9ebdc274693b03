package badinput

import (
	"os"
	"strings"
	"testing"

	"teu/tests/kit"
)

// TestPause: pause and resume.
func TestPause(t *testing.T) {
	sleeping := func(b *kit.Bundle) { b.Start("sleep", "forever") }
	paused := func(b *kit.Bundle) {
		sleeping(b)
		b.OK("pause", b.ID)
	}
	stopped := func(b *kit.Bundle) {
		b.Start("true")
		b.Ended()
	}
	for _, r := range []row{
		{name: "pause of none", args: []string{"pause", "$ID"}, want: []string{`container "$ID" does not exist`}},
		{name: "resume of none", args: []string{"resume", "$ID"}, want: []string{`container "$ID" does not exist`}},
		{name: "pause of one that was stopped", set: stopped, args: []string{"pause", "$ID"}, want: []string{`cannot pause container "$ID": it is stopped: container not running`}},
		{name: "pause of one that is paused", set: paused, args: []string{"pause", "$ID"}, want: []string{`cannot pause container "$ID": it is paused: container not running`}},
		{name: "resume of one that runs", set: sleeping, args: []string{"resume", "$ID"}, want: []string{`cannot resume container "$ID": it is running: container not paused`}},
		{name: "resume of one that was stopped", set: stopped, args: []string{"resume", "$ID"}, want: []string{`cannot resume container "$ID": it is stopped: container not paused`}},
		{name: "start of one that is paused", set: paused, args: []string{"start", "$ID"}, want: []string{`cannot start container "$ID": it is paused, want created`}},
		{name: "delete of one that is paused", set: paused, args: []string{"delete", "$ID"}, want: []string{`cannot delete container "$ID": it is paused, not stopped`}},
		{name: "exec in one that is paused", set: paused, args: []string{"exec", "$ID", "true"}, code: 255, want: []string{`cannot exec in container "$ID": it is paused`}},
		{name: "a bad id", args: []string{"pause", "../x"}, want: []string{"invalid container id"}},
	} {
		r.run(t)
	}
}

// TestUpdateFlags: what the command line of update cannot mean, or this container not do.
func TestUpdateFlags(t *testing.T) {
	sleeping := func(b *kit.Bundle) { b.Start("sleep", "forever") }
	for _, r := range []row{
		{name: "of none", args: []string{"update", "--pids-limit", "5", "$ID"}, want: []string{`container "$ID" does not exist`}},
		{name: "of one that was stopped", set: func(b *kit.Bundle) { b.Start("true"); b.Ended() }, args: []string{"update", "$ID"}, want: []string{`cannot update container "$ID": it is stopped: container not running`}},
		{name: "memory in words", args: []string{"update", "--memory", "lots", "$ID"}, want: []string{"update: --memory lots: want bytes"}, usage: updateUsage},
		{name: "memory below nothing", args: []string{"update", "--memory", "-5", "$ID"}, want: []string{"update: --memory -5: want bytes"}, usage: updateUsage},
		{name: "memory beyond all", args: []string{"update", "--memory", "9000p", "$ID"}, want: []string{"update: --memory 9000p: want bytes"}, usage: updateUsage},
		{name: "a weight beyond 16 bits", args: []string{"update", "--blkio-weight", "70000", "$ID"}, want: []string{"update: --blkio-weight 70000: want a number from 0 to 65535"}, usage: updateUsage},
		{name: "a flag that is no limit", args: []string{"update", "--bogus", "1", "$ID"}, want: []string{"update: unknown flag --bogus"}, usage: updateUsage},
		{name: "a file that is absent", set: sleeping, args: []string{"update", "--resources", "$BUNDLE/absent", "$ID"}, want: []string{"absent: no such file or directory"}},
		{name: "a directory", set: sleeping, args: []string{"update", "--resources", "$BUNDLE", "$ID"}, want: []string{"is a directory"}},
		{name: "a record that is torn", args: []string{"update", "--pids-limit", "50", "$ID"}, want: []string{"resources.json:1:9: pids: unexpected end of file"}, set: func(b *kit.Bundle) {
			sleeping(b)
			must(b, os.WriteFile(b.Root+"/"+b.ID+"/resources.json", []byte(`{"pids":`), 0o600))
		}},
		{name: "a cache without one", set: sleeping, args: []string{"update", "--l3-cache-schema", "L3:0=f", "$ID"}, want: []string{"updating a non-existent Intel RDT configuration is not supported"}},
	} {
		r.run(t)
	}
}

// TestUpdateResources: what is no resources, or none that the container can have. Nothing of it is written.
func TestUpdateResources(t *testing.T) {
	rows := []struct{ name, text, want string }{
		{"no text", "", "the file is empty"},
		{"no JSON", "{", "unexpected end of file"},
		{"a list", "[]", "want object"},
		{"more than one", `{}{}`, "unexpected text after the end"},
		{"a word for a number", `{"memory":{"limit":"lots"}}`, "limit"},
		{"a number out of range", `{"memory":{"limit":92233720368547758080}}`, "limit"},
		{"a name twice", `{"pids":{"limit":1},"pids":{"limit":2}}`, "pids"},
		{"swap below memory", `{"memory":{"limit":67108864,"swap":33554432}}`, "linux.resources.memory.swap: 33554432: smaller than the memory limit 67108864"},
		{"a burst above the quota", `{"cpu":{"quota":5000,"burst":6000}}`, "linux.resources.cpu.burst: 6000: larger than the quota 5000"},
		{"a file of the runtime's", `{"unified":{"cgroup.freeze":"1"}}`, `linux.resources.unified["cgroup.freeze"]: is the runtime's to write`},
		{"a file elsewhere", `{"unified":{"../cgroup.procs":"1"}}`, "not a file of a cgroup controller"},
		{"a type of devices", `{"devices":[{"allow":true,"type":"x","access":"r"}]}`, `linux.resources.devices[0].type: "x"`},
		{"an access to devices", `{"devices":[{"allow":true,"type":"c","access":"x"}]}`, `linux.resources.devices[0].access: "x"`},
		{"a page size", `{"hugepageLimits":[{"pageSize":"../x","limit":1}]}`, "linux.resources.hugepageLimits[0].pageSize"},
		{"a device number", `{"blockIO":{"throttleReadBpsDevice":[{"major":-5,"minor":0,"rate":1}]}}`, "linux.resources.blockIO.throttleReadBpsDevice[0].major"},
	}
	for _, c := range rows {
		r := row{
			name: c.name, args: []string{"update", "--resources", "$BUNDLE/new.json", "$ID"}, want: []string{c.want},
			set: func(b *kit.Bundle) {
				b.Start("sleep", "forever")
				must(b, os.WriteFile(b.Dir+"/new.json", []byte(c.text), 0o644))
			},
		}
		r.run(t)
		r.name += ", on standard input"
		r.args = []string{"update", "--resources", "-", "$ID"}
		r.as = func(p *process) { p.c.Stdin = strings.NewReader(c.text) }
		r.run(t)
	}
}

// TestUpdateOnAFullDisk: what cannot be recorded is not set, and what is refused is not recorded.
func TestUpdateOnAFullDisk(t *testing.T) {
	kit.NeedsController(t, "pids")
	b := kit.New(t)
	tmpfs("size=64k")(b)
	b.Start("sleep", "forever")
	limit := func() string {
		t.Helper()
		res := b.OK("events", "--stats", b.ID)
		_, rest, _ := strings.Cut(res.Stdout, `"pids":{`)
		list, _, _ := strings.Cut(rest, "}")
		return list
	}
	b.OK("update", "--pids-limit", "50", b.ID)
	record := b.Root + "/" + b.ID + "/resources.json"
	before, err := os.ReadFile(record)
	must(b, err)
	if !strings.Contains(limit(), `"limit":50`) {
		t.Fatalf("after an update: pids are %s, want the limit 50", limit())
	}
	os.WriteFile(b.Root+"/full", make([]byte, 1<<16), 0o600) // as far as it goes
	b.Fails([]string{"update", "--pids-limit", "60", b.ID}, b.ID, "no space left on device")
	if !strings.Contains(limit(), `"limit":50`) {
		t.Errorf("after an update on a full disk: pids are %s, want the limit 50", limit())
	}
	must(b, os.Remove(b.Root+"/full"))
	b.Fails([]string{"update", "--pids-limit", "60", "--cpuset-cpus", "4000", b.ID}, "cpuset")
	for _, when := range []string{"after one that was refused", "after the next"} {
		if now, err := os.ReadFile(record); err != nil || (string(now) == string(before)) != (when == "after one that was refused") {
			t.Errorf("record %s: got %s, %v, before it %s", when, now, err, before)
		}
		b.OK("update", "--pids-limit", "60", b.ID)
	}
	b.OK("delete", "--force", b.ID)
}
