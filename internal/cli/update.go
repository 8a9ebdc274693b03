package cli

import (
	"errors"
	"strconv"

	"github.com/urfave/cli/v2"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer"
)

var updateVerb = verb{
	name: "update", summary: "change the limits of a container", args: "CONTAINER", min: 1, max: 1,
	about: `Sets the cgroup limits that the options name, of a container that is created,
running or paused. Other limits stay as they are. When the kernel refuses one, those
that were set before it are put back.

SIZE is a number of bytes, which one of the letters k, m, g, t and p (powers of 1024)
may follow, or -1 for no limit. The times for the CPU scheduler are in microseconds.

With --resources the limits come from a file with the members of linux.resources in
config.json, any of them, devices included; other options have no effect then, but
for --l3-cache-schema and --mem-bw-schema.`,
	examples: `Allow half a gigabyte of memory and as much swap:

    teu update --memory 512m --memory-swap 1g web

Do the same, and allow one and a half CPUs, from a file:

    echo '{"memory": {"limit": 536870912, "swap": 1073741824},
           "cpu": {"period": 100000, "quota": 150000}}' |
        teu update --resources - web`,
	build: func(inv *invocation) ([]cli.Flag, cli.ActionFunc) {
		u := new(updateFlags)
		return u.flags(), func(c *cli.Context) error { return inv.rt.Update(c.Args().First(), u.options()) }
	},
}

// updateFlags gathers the values of the flags. Those of linux.resources stay nil until they are given.
type updateFlags struct {
	o       libcontainer.UpdateOptions
	memory  specs.LinuxMemory
	cpu     specs.LinuxCPU
	blockIO specs.LinuxBlockIO
	pids    specs.LinuxPids
}

func (u *updateFlags) options() libcontainer.UpdateOptions {
	u.o.Resources = specs.LinuxResources{Memory: &u.memory, CPU: &u.cpu, BlockIO: &u.blockIO, Pids: &u.pids}
	return u.o
}

func (u *updateFlags) flags() []cli.Flag {
	kernel := parsed(&u.memory.Kernel, memorySize, "SIZE", kernelMemoryUsage, "kernel-memory") //nolint:staticcheck // deprecated, and in use
	kernelTCP := parsed(&u.memory.KernelTCP, memorySize, "SIZE", kernelMemoryUsage, "kernel-memory-tcp")
	kernel.hidden, kernelTCP.hidden = true, true
	return []cli.Flag{
		text(&u.o.File, "FILE", "read the limits from FILE, which may be a pipe, or from standard input when it is -", "resources", "r"),
		parsed(&u.blockIO.Weight, unsigned16, "WEIGHT", "set the share of block I/O, from 10 to 1000", "blkio-weight"),
		parsed(&u.cpu.Period, unsigned, "TIME", "measure --cpu-quota against periods of this length; 0 for the kernel's", "cpu-period"),
		parsed(&u.cpu.Quota, signed, "TIME", "stop the container for the rest of a period after this much CPU time; -1 for no limit", "cpu-quota"),
		parsed(&u.cpu.Burst, unsigned, "TIME", "let a period use this much of what earlier ones left over", "cpu-burst"),
		parsed(&u.cpu.Shares, unsigned, "SHARES", "weigh the container against others when CPUs are busy, from 2 to 262144", "cpu-share", "cpu-shares"),
		parsed(&u.cpu.RealtimePeriod, unsigned, "TIME", "measure --cpu-rt-runtime against periods of this length (cgroup v1)", "cpu-rt-period"),
		parsed(&u.cpu.RealtimeRuntime, signed, "TIME", "grant real-time processes this much of each period (cgroup v1)", "cpu-rt-runtime"),
		text(&u.cpu.Cpus, "LIST", "run on these CPUs, such as 0-3,6", "cpuset-cpus"),
		text(&u.cpu.Mems, "LIST", "allocate memory from these NUMA nodes, such as 0,1", "cpuset-mems"),
		kernel,
		kernelTCP,
		parsed(&u.memory.Limit, memorySize, "SIZE", "limit the memory", "memory"),
		parsed(&u.cpu.Idle, signed, "0|1", "run only on CPUs that nobody else needs when 1 (SCHED_IDLE)", "cpu-idle"),
		parsed(&u.memory.Reservation, memorySize, "SIZE", "reclaim memory above this size first when the machine is short of it", "memory-reservation"),
		parsed(&u.memory.Swap, memorySize, "SIZE", "limit memory and swap together", "memory-swap"),
		parsed(&u.pids.Limit, signed, "N", "limit the number of processes and threads; -1 for no limit", "pids-limit"),
		text(&u.o.L3CacheSchema, "SCHEMA", "write this L3 line, such as L3:0=ff, to the resctrl group of the container", "l3-cache-schema"),
		text(&u.o.MemBwSchema, "SCHEMA", "write this MB line, such as MB:0=50, to the resctrl group of the container", "mem-bw-schema"),
	}
}

// kernelMemoryUsage is for limits that newer kernels no longer have.
const kernelMemoryUsage = "limit kernel memory, where the kernel still can"

// parsed is a flag whose value is read by parse. An empty one counts as not given, as with runc.
func parsed[T any](p **T, parse func(string) (T, error), value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, store: func(s string) error {
		*p = nil
		if s == "" {
			return nil
		}
		v, err := parse(s)
		if err != nil {
			return err
		}
		*p = &v
		return nil
	}}
}

func unsigned(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, errors.New("want a number, 0 or more")
	}
	return n, nil
}

func signed(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errors.New("want a number")
	}
	return n, nil
}

func unsigned16(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, errors.New("want a number from 0 to 65535")
	}
	return uint16(n), nil
}
