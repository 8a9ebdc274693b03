// Package guests is the list of virtual machines and of the suites that run in each.
package guests

// Suite is a test binary and how it is run.
type Suite struct {
	Dir    string // of the package, below the module
	Env    []string
	Run    string // -test.run; "" for all
	Sample string // the same, unless the whole of the suite is asked for
}

// driven are the tests of tests/lifecycle in which the cgroup driver has a part. Of two managers that are driven in one way
// one runs the others too.
const driven = "Cgroup|Lifecycle|DuplicateID|Parallel|PidFile|Exec$|ExecDetach|ExecFlags|Stop|Frozen|Kill|Delete|Large|NoFdLeaks|" +
	"Limits|AtWork|PidsOfOne|SmallMemory|DeviceRules|ListSurvives|RunDetach|RunKeep|RunOrphans|Start"

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
	{Name: "systemd-lifecycle", Flag: "--systemd", Environments: []Environment{
		{"systemd, systemd driver", []Suite{
			{Dir: "tests/lifecycle", Env: []string{"TEU_TESTDRIVER=systemd"}},
		}},
	}},
	{Name: "systemd-driver", Flag: "--systemd", Environments: []Environment{
		{"systemd, systemd driver", []Suite{
			{Dir: "tests/systemd"},
			{Dir: "tests/cgroups", Env: []string{"TEU_TESTDRIVER=systemd"}},
		}},
	}},
	{Name: "systemd-user", Flag: "--systemd", Environments: []Environment{
		{"systemd, driver of a user's manager", []Suite{
			{Dir: "tests/cgroups", Env: []string{"TEU_TESTDRIVER=systemd-user"}},
			{Dir: "tests/lifecycle", Env: []string{"TEU_TESTDRIVER=systemd-user"}, Sample: driven},
		}},
	}},
	{Name: "systemd-cgroupfs", Flag: "--systemd", Environments: []Environment{
		{"systemd, cgroupfs driver", []Suite{{Dir: "cgroups", Run: "Rooted"}, {Dir: "tests/cgroups"}, {Dir: "tests/fields"}, {Dir: "tests/security"}}},
	}},
	{Name: "bare", Flag: "--bare", Environments: []Environment{
		{"bare", []Suite{{Dir: "cgroups", Run: "Rooted"}, {Dir: "tests/cgroups"}, {Dir: "tests/lifecycle"}}},
	}},
}
