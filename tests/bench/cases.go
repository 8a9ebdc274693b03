package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A benchCase is something a runtime is asked to do, again and again. Its operations are what is reported: most cases have
// one, the lifecycle has one per verb.
type benchCase struct {
	name       string
	operations []operation
	// bare says that the C program can do it too.
	bare bool
	// setup starts the container that once needs, teardown removes it.
	setup    func(b *bench, r *ociRuntime) (container, error)
	teardown func(b *bench, r *ociRuntime, c container) error
	// once does it one time and returns one sample per operation.
	once func(b *bench, r *ociRuntime, c container) ([]sample, error)
}

// A container is one that was created and not yet deleted.
type container struct {
	id  string
	pid int // of its init, which becomes our child when the runtime has exited
}

// An operation is a row of the report. Targets are the largest allowed ratios of teu's time to another's; none is no claim.
type operation struct {
	name    string
	title   string
	targets map[string]float64
}

// runTargets is what the project promises of its most frequent path.
var runTargets = map[string]float64{"crun": 0.7, "runc": 0.3, "bare": 2.2}

var timedCases = []benchCase{
	{
		name: "run", bare: true, once: runOnce("default"),
		operations: []operation{{"run", "`run` /bin/true, bundle of `runc spec`", runTargets}},
	},
	{
		name: "docker", once: runOnce("docker"),
		operations: []operation{{"docker", "`run` /bin/true, bundle as Docker sends it", nil}},
	},
	{
		name: "lifecycle", once: lifecycleOnce,
		operations: []operation{
			{"create", "`create`", nil},
			{"start", "`start`", nil},
			{"delete", "`delete`", nil},
			{"lifecycle", "the three together", nil},
		},
	},
	{
		name: "exec", setup: startSleeper, once: execOnce, teardown: stopSleeper,
		operations: []operation{{"exec", "`exec` /bin/true", nil}},
	},
}

func runOnce(bundle string) func(*bench, *ociRuntime, container) ([]sample, error) {
	return func(b *bench, r *ociRuntime, _ container) ([]sample, error) {
		id := b.work.newID()
		args := r.args("run", "--bundle", b.bundle(bundle), id)
		if r.bare {
			args = []string{r.path, id, b.work.rootfs, "/bin/true"}
		}
		s, err := b.launcher.run(args...)
		return []sample{s}, err
	}
}

func execOnce(b *bench, r *ociRuntime, c container) ([]sample, error) {
	s, err := b.launcher.run(r.args("exec", c.id, "/bin/true")...)
	return []sample{s}, err
}

func startSleeper(b *bench, r *ociRuntime) (container, error) {
	_, c, err := b.create(r, "sleep")
	if err == nil {
		_, err = b.launcher.run(r.args("start", c.id)...)
	}
	return c, err
}

func stopSleeper(b *bench, r *ociRuntime, c container) error {
	if _, err := b.launcher.run(r.args("kill", c.id, "KILL")...); err != nil {
		return err
	}
	if _, _, err := wait(c.pid); err != nil {
		return err
	}
	_, err := b.launcher.run(r.args("delete", c.id)...)
	return err
}

// lifecycleOnce times the verbs apart. The init's processor time is charged to the verb during which it was used: what it had
// used when create returned, and the rest. Waiting for the init to end, between start and delete, is nobody's time.
func lifecycleOnce(b *bench, r *ociRuntime, _ container) ([]sample, error) {
	create, c, err := b.create(r, "default")
	if err != nil {
		return nil, err
	}
	setupCPU, err := processCPU(c.pid)
	if err != nil {
		return nil, err
	}
	start, err := b.launcher.run(r.args("start", c.id)...)
	if err != nil {
		return nil, err
	}
	_, usage, err := wait(c.pid)
	if err != nil {
		return nil, err
	}
	del, err := b.launcher.run(r.args("delete", c.id)...)
	if err != nil {
		return nil, err
	}
	create.cpu += setupCPU
	start.cpu += max(0, cpuTime(usage)-setupCPU)
	sum := sample{wall: create.wall + start.wall + del.wall, cpu: create.cpu + start.cpu + del.cpu}
	return []sample{create, start, del, sum}, nil
}

// create runs the verb on one of the bundles.
func (b *bench) create(r *ociRuntime, bundle string) (sample, container, error) {
	c := container{id: b.work.newID()}
	file := filepath.Join(b.work.dir, "pid")
	s, err := b.launcher.run(r.args("create", "--bundle", b.bundle(bundle), "--pid-file", file, c.id)...)
	if err != nil {
		return s, c, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return s, c, err
	}
	c.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return s, c, err
}

// forceDelete removes a container whatever its state; that there is none is no error, and what it leaves is found later.
func (b *bench) forceDelete(r *ociRuntime, id string) {
	if _, err := b.launcher.run(r.args("delete", "--force", id)...); err != nil {
		fmt.Fprintln(os.Stderr, "bench: clean up:", err)
	}
}

// sweep removes the containers that a case which failed half-way has left.
func (b *bench) sweep() {
	for _, r := range b.runtimes {
		entries, err := os.ReadDir(r.root)
		if err != nil {
			continue // bare keeps no state, and a runtime that was never called has none
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), b.work.prefix) {
				b.forceDelete(r, e.Name())
			}
		}
	}
}

// settle leaves the machine idle before a run for as long as was asked: the first container after a pause may wait for an RCU
// grace period that the hundredth in a row is spared. It returns an error when the user has had enough.
func (b *bench) settle() error {
	select {
	case caught := <-b.signals:
		return fmt.Errorf("%s", caught)
	case <-time.After(b.gap):
		return nil
	}
}
