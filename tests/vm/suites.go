package main

// suite is a test binary and how it is run.
type suite struct {
	dir    string // of the package, below the module
	env    []string
	run    string // -test.run; "" for all
	sample string // the same, unless the whole of the suite is asked for
}

// driven are the tests of tests/lifecycle in which the cgroup driver has a part. Of two managers that are driven in one way
// one runs the others too.
const driven = "Cgroup|Lifecycle|DuplicateID|Parallel|PidFile|Exec$|ExecDetach|ExecFlags|Stop|Frozen|Kill|Delete|Large|NoFdLeaks|" +
	"Limits|AtWork|PidsOfOne|SmallMemory|DeviceRules|ListSurvives|RunDetach|RunKeep|RunOrphans|Start"

// environment is a row of the table: suites that run one after another under one set of circumstances.
type environment struct {
	name   string
	suites []suite
}

// guest is one boot of a machine. The guests run side by side where the host has room for it, the longest first.
type guest struct {
	name, flag   string // flag of tests/vm/boot
	environments []environment
}

var guests = []guest{
	{name: "systemd-lifecycle", flag: "--systemd", environments: []environment{
		{"systemd, systemd driver", []suite{
			{dir: "tests/lifecycle", env: []string{"TEU_TESTDRIVER=systemd"}},
		}},
	}},
	{name: "systemd-driver", flag: "--systemd", environments: []environment{
		{"systemd, systemd driver", []suite{
			{dir: "tests/systemd"},
			{dir: "tests/cgroups", env: []string{"TEU_TESTDRIVER=systemd"}},
		}},
	}},
	{name: "systemd-user", flag: "--systemd", environments: []environment{
		{"systemd, driver of a user's manager", []suite{
			{dir: "tests/cgroups", env: []string{"TEU_TESTDRIVER=systemd-user"}},
			{dir: "tests/lifecycle", env: []string{"TEU_TESTDRIVER=systemd-user"}, sample: driven},
		}},
	}},
	{name: "systemd-cgroupfs", flag: "--systemd", environments: []environment{
		{"systemd, cgroupfs driver", []suite{{dir: "cgroups", run: "Rooted"}, {dir: "tests/cgroups"}, {dir: "tests/fields"}, {dir: "tests/security"}}},
	}},
	{name: "bare", flag: "--bare", environments: []environment{
		{"bare", []suite{{dir: "cgroups", run: "Rooted"}, {dir: "tests/cgroups"}, {dir: "tests/lifecycle"}}},
	}},
}
