package cli

import (
	"strconv"

	"github.com/urfave/cli/v2"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/libcontainer"
)

func updateCommand(inv *invocation) *cli.Command {
	u := new(updateFlags)
	return &cli.Command{
		ArgsUsage: `<container-id>

Where "<container-id>" is the name for the instance of the container.`,
		Description: `The update command changes the limits of a container that is created, running
or paused. What is not named stays as it is. When the kernel refuses a part of
it, the rest is taken back.

EXAMPLE:
For example, if the container id is "ubuntu01" the following lets it have half
a gigabyte of memory and as much of swap:

       # teu update --memory 512m --memory-swap 1g ubuntu01

With --resources the limits are read from a file, and all other options but
those of Intel RDT are ignored. The format is that of linux.resources in
config.json, all of it; unchanged values can be omitted:

       {
         "memory": {
           "limit": 0,
           "reservation": 0,
           "swap": 0,
           "checkBeforeUpdate": true
         },
         "cpu": {
           "shares": 0,
           "quota": 0,
           "burst": 0,
           "period": 0,
           "realtimeRuntime": 0,
           "realtimePeriod": 0,
           "cpus": "",
           "mems": "",
           "idle": 0
         },
         "blockIO": {
           "weight": 0
         }
       }

Devices are changed when the list is another one than before.`,
		Flags: u.flags(),
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return inv.rt.Update(c.Args().First(), u.options())
		},
	}
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
	kernel := parsed(&u.memory.Kernel, memorySize, "(obsoleted; do not use)", "kernel-memory") //nolint:staticcheck // deprecated, and in use
	kernelTCP := parsed(&u.memory.KernelTCP, memorySize, "(obsoleted; do not use)", "kernel-memory-tcp")
	kernel.hidden, kernelTCP.hidden = true, true
	return []cli.Flag{
		text(&u.o.File, "path to the file containing the resources to update or '-' to read from the standard input", "resources", "r"),
		parsed(&u.blockIO.Weight, unsigned16, "Specifies per cgroup weight, range is from 10 to 1000", "blkio-weight"),
		parsed(&u.cpu.Period, unsigned, "CPU CFS period to be used for hardcapping (in usecs). 0 to use system default", "cpu-period"),
		parsed(&u.cpu.Quota, signed, "CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period", "cpu-quota"),
		parsed(&u.cpu.Burst, unsigned, "CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for burst a given period", "cpu-burst"),
		parsed(&u.cpu.Shares, unsigned, "CPU shares (relative weight vs. other containers)", "cpu-share", "cpu-shares"),
		parsed(&u.cpu.RealtimePeriod, unsigned, "CPU realtime period to be used for hardcapping (in usecs). 0 to use system default", "cpu-rt-period"),
		parsed(&u.cpu.RealtimeRuntime, signed, "CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period", "cpu-rt-runtime"),
		text(&u.cpu.Cpus, "CPU(s) to use", "cpuset-cpus"),
		text(&u.cpu.Mems, "Memory node(s) to use", "cpuset-mems"),
		kernel,
		kernelTCP,
		parsed(&u.memory.Limit, memorySize, "Memory limit (in bytes)", "memory"),
		parsed(&u.cpu.Idle, signed, "set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE", "cpu-idle"),
		parsed(&u.memory.Reservation, memorySize, "Memory reservation or soft_limit (in bytes)", "memory-reservation"),
		parsed(&u.memory.Swap, memorySize, "Total memory usage (memory + swap); set '-1' to enable unlimited swap", "memory-swap"),
		parsed(&u.pids.Limit, signed, "Maximum number of pids allowed in the container", "pids-limit"),
		text(&u.o.L3CacheSchema, "The string of Intel RDT/CAT L3 cache schema", "l3-cache-schema"),
		text(&u.o.MemBwSchema, "The string of Intel RDT/MBA memory bandwidth schema", "mem-bw-schema"),
	}
}

// parsed is a flag whose value is read by parse. An empty one counts as not given, as with runc.
func parsed[T any](p **T, parse func(string) (T, error), usage string, names ...string) *option {
	return &option{names: names, usage: usage, store: func(s string) error {
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

func unsigned(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }
func signed(s string) (int64, error)    { return strconv.ParseInt(s, 10, 64) }

func unsigned16(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err
}
