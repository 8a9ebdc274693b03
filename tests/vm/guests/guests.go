// Package guests is the list of virtual machines and of the suites that run in each.
package guests

// Suite is a test binary and how it is run.
type Suite struct {
	Dir    string // of the package, below the module
	Env    []string
	Run    string // -test.run; "" for all
	Sample string // the same, unless the whole of the suite is asked for
}

// Samples take those tests of a suite that depend on what the guest has and the host has not; -whole runs all.
const (
	// driven are the tests of tests/lifecycle in which the cgroup driver, or the cgroup version, has a part.
	driven = "Cgroup|Lifecycle|DuplicateID|Parallel|PidFile|Exec$|ExecDetach|ExecFlags|Stop|Frozen|Kill|Delete|Large|NoFdLeaks|" +
		"Limits|AtWork|PidsOfOne|SmallMemory|DeviceRules|ListSurvives|RunDetach|RunKeep|RunOrphans|Start"
	// delegated are those of tests/cgroups and tests/lifecycle that show what a user's manager is asked for, and grants.
	delegated = "Update$|Pause$|DeleteNested|Events|Ps$|Join|SmallestMemory$|Lifecycle|ExecFlags|DeleteForce|RunDetach"
	// limited are those of tests/fields that write files of cgroup v2.
	limited = "Captured//(limits|quota|cpu|cgroup|memory|pids)|BlockIO|HugepageLimits|Rdma|Unified|CPU|Memory$|Pids|DeviceList|CgroupsPath|Network$|ExecTakes"
	// watched are those of tests/security that attack cgroups.
	watched = "DevicesAreDenied|SharedCgroups|OwnCgroup"
)

// Environment is a set of circumstances, and the suites that run one after another under it.
type Environment struct {
	Name   string
	Suites []Suite
}

// Guest is one boot of a machine.
type Guest struct {
	Name, Flag   string // flag of tests/vm/boot
	Environments []Environment
}

// All are the guests, the longest first.
var All = []Guest{
	{Name: "bare", Flag: "--bare", Environments: []Environment{
		{"bare", []Suite{
			{Dir: "cgroups", Run: "Rooted"},
			{Dir: "tests/cgroups"},
			{Dir: "tests/lifecycle", Sample: driven},
			{Dir: "tests/fields", Sample: limited},
			{Dir: "tests/security", Sample: watched},
		}},
	}},
	{Name: "systemd", Flag: "--systemd", Environments: []Environment{
		{"systemd, systemd driver", []Suite{
			{Dir: "tests/systemd"},
			{Dir: "tests/cgroups", Env: []string{"TEU_TESTDRIVER=systemd"}},
		}},
	}},
	{Name: "systemd-user", Flag: "--systemd", Environments: []Environment{
		{"systemd, systemd driver", []Suite{
			{Dir: "tests/lifecycle", Env: []string{"TEU_TESTDRIVER=systemd"}, Sample: driven},
		}},
		{"systemd, driver of a user's manager", []Suite{
			{Dir: "tests/cgroups", Env: []string{"TEU_TESTDRIVER=systemd-user"}, Sample: delegated},
			{Dir: "tests/lifecycle", Env: []string{"TEU_TESTDRIVER=systemd-user"}, Sample: delegated},
		}},
		{"systemd, cgroupfs driver", []Suite{
			{Dir: "tests/fields", Sample: "AppArmor|Captured//apparmor"},
		}},
	}},
}
