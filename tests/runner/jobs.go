package main

import (
	"slices"

	"teu/tests/vm/guests"
)

// tier is when a job runs. `make test` runs check and core, `make test-rest` the rest, `make test-all` everything.
type tier int

const (
	check tier = iota // no root, no daemon, no network beyond Go modules
	core              // root
	rest              // root, long
)

// job is a row of the table: a suite and how it is run.
type job struct {
	name string
	tier tier
	// args are the packages and flags of `go test`, or a command when command is set. A command is one test: it passes with exit
	// code 0, and is skipped with [skipped], its last line being the reason.
	args    []string
	command bool
	rows    bool     // a command that writes the rows of its own suites to the file that it is given as -results
	dir     string   // where it runs, below the top of the module: a module of its own
	env     []string // beside the runner's
	debs    []string // Debian packages that it needs
	alone   bool     // it runs when all others have ended
	idle    bool     // it waits most of its time, so it takes no processor from the others
	fuller  string   // the job of tier rest that includes everything this one tests; `make test-all` runs only that
	minutes int      // bound on its time; 10 where there is none
}

// skipped is the exit code of a command that did not run, as of Automake's tests.
const skipped = 77

const (
	staticcheck = "honnef.co/go/tools/cmd/staticcheck@v0.7.0"
	// faultEvery is of how many instructions and system calls the sample of the fault loop takes one.
	faultEvery = "16"
	// freeControllers are tests that mount a controller as cgroup v1, which no cgroup of v2 may have then.
	freeControllers = "^(TestHugepageLimits|TestNetwork)$"
)

// jobs are all there is, the longest of each tier first: what is left when all else has ended is short.
func jobs(o options) []job {
	sample := []string{"-fault.every", faultEvery, "-fault.seed", o.seed}
	caller := []string{"runc", "busybox-static", "iptables", "iproute2", "procps"}
	containerd := append(slices.Clone(caller), "containerd", "containernetworking-plugins")
	docker := append(slices.Clone(caller), "docker.io", "docker-compose", "debootstrap")
	podman := append(slices.Clone(caller), "podman", "conmon", "netavark", "aardvark-dns", "catatonit", "fuse-overlayfs")
	machines := []string{"qemu-system-x86", "busybox-static", "cpio", "debootstrap", "e2fsprogs", "kmod", "lz4", "xz-utils", "zstd"}
	fuzzers := []string{"clang", "libclang-rt-14-dev"}

	list := []job{
		{name: "lint: staticcheck", command: true, args: []string{"go", "run", staticcheck, "./..."}},
		{name: "unit tests", args: []string{"./nsenter/...", "./rootfs/...", "./cgroups/...", "./libcontainer/...", "./internal/...",
			"./tests/results", "./tests/runner", "./tests/vm", "./tests/bench", "."}},
		{name: "lint: vet", command: true, args: []string{"go", "vet", "./..."}},
		{name: "lint: rules and budgets", args: []string{"./tests/lint"}},
		{name: "lint: gofmt", command: true, args: []string{"tests/lint/run", "gofmt"}},
		{name: "lint: clang-format", command: true, args: []string{"tests/lint/run", "clang-format"}},
		{name: "lint: shellcheck", command: true, args: []string{"tests/lint/run", "shellcheck"}},

		{name: "security", tier: core, args: []string{"./tests/security"}},
		{name: "fields", tier: core, args: []string{"-skip", freeControllers, "./tests/fields"}},
		{name: "lifecycle", tier: core, args: []string{"./tests/lifecycle"}},
		{name: "churn", tier: core, args: []string{"./tests/churn"}},
		{name: "bad input", tier: core, args: []string{"./tests/badinput"}},
		{name: "cgroups", tier: core, args: []string{"./tests/cgroups"}},
		{name: "fault loop, a sample: fail", tier: core, fuller: "fault loop: fail", args: slices.Concat([]string{"-skip", "^TestKill$", "./tests/fault"}, sample)},
		{name: "fault loop, a sample: kill", tier: core, fuller: "fault loop: kill", args: slices.Concat([]string{"-run", "^TestKill$", "./tests/fault"}, sample)},
		{name: "containerd 1.6, a sample", tier: core, fuller: "containerd 1.6", debs: containerd, args: []string{"-run", "^TestSmoke$", "./tests/clients/containerd"}},
		{name: "systemd", tier: core, args: []string{"./tests/systemd"}},
		{name: "fuzzer seeds", tier: core, fuller: "fuzzing", command: true, args: []string{"nsenter/fuzz/run", "seeds"}},
		{name: "kit", tier: core, args: []string{"./tests/kit"}},
		{name: "fields, controllers that are free", tier: core, alone: true, args: []string{"-run", freeControllers, "./tests/fields"}},
	}
	for _, g := range guests.All {
		list = append(list, job{name: "guest " + g.Name, tier: rest, rows: true, debs: machines, minutes: 45, args: []string{"go", "run", "./tests/vm", "-guest", g.Name}})
	}
	return append(list,
		job{name: "fault loop: fail", tier: rest, minutes: 30, args: []string{"-skip", "^TestKill$", "./tests/fault"}},
		job{name: "fault loop: kill", tier: rest, minutes: 30, args: []string{"-run", "^TestKill$", "./tests/fault"}},
		job{name: "conformance", tier: rest, minutes: 20, idle: true, debs: caller, dir: "tests/conformance", args: []string{"."}},
		job{name: "Docker 20.10", tier: rest, minutes: 40, idle: true, debs: docker, args: []string{"./tests/clients/docker"}},
		job{name: "Podman 4.3", tier: rest, minutes: 40, idle: true, debs: podman, args: []string{"./tests/clients/podman"}},
		job{name: "CRI of containerd 1.6", tier: rest, minutes: 20, idle: true, debs: containerd, dir: "tests/clients/cri", args: []string{"./..."}},
		job{name: "containerd 1.6", tier: rest, minutes: 20, debs: containerd, args: []string{"-skip", "^TestSmoke$", "./tests/clients/containerd"}},
		job{name: "fuzzing", tier: rest, command: true, minutes: 20, debs: fuzzers, args: []string{"nsenter/fuzz/run", "20"}},
		job{name: "lifecycle, v2 of a hybrid host", tier: rest, env: []string{"TEU_TEST_CGROUP=v2"}, args: []string{"./tests/lifecycle"}},
		job{name: "cgroups, v2 of a hybrid host", tier: rest, env: []string{"TEU_TEST_CGROUP=v2"}, args: []string{"./tests/cgroups"}},
		job{name: "CRI suite: vet", tier: rest, command: true, dir: "tests/clients/cri", args: []string{"go", "vet", "./..."}},
		job{name: "CRI suite: staticcheck", tier: rest, command: true, dir: "tests/clients/cri", args: []string{"go", "run", staticcheck, "./..."}},
		job{name: "conformance suite: vet", tier: rest, command: true, dir: "tests/conformance", args: []string{"go", "vet", "./..."}},
		job{name: "conformance suite: staticcheck", tier: rest, command: true, dir: "tests/conformance", args: []string{"go", "run", staticcheck, "./..."}},
	)
}
