// Package conformance runs the validation programs of
// github.com/opencontainers/runtime-tools against teu, and for comparison
// against runc where it is installed, and prints a table of the outcome.
//
// It is a module of its own so that the product's go.mod stays lean. The
// programs are tools of this module (see the tool block of go.mod): go.sum pins
// them and everything they need, and "go build tool" builds them. The module
// also carries the root filesystem archive they unpack. Nothing else is
// fetched.
//
// A program's failure is accepted only where expect.go explains it; a failure
// without an explanation fails the run, and so does an explanation without its
// failure. A program counts as failed by stricter rules than its own:
//
//   - a test point "not ok", a bad exit status, a missing or wrong plan, a
//     program that does not end in time;
//   - a finding it prints as a diagnostic only, in a plan of no test points
//     (the hooks programs do that, and TAP consumers call it a success);
//   - a runtimetest inside the container that stopped before its plan (the
//     programs look for "not ok" in its output only);
//   - a process, mount, cgroup or container left behind.
//
// Each program runs under a supervisor (this test binary again) in a mount
// namespace of its own, as a child subreaper, with its own TMPDIR and its own
// --root of the runtime, so that what is left behind is found, attributed and
// removed. The programs use fixed cgroup names, so they run one at a time, and
// two runs on one host exclude each other with a lock.
//
// Run it with "make suite ONLY=conformance", as root. RUNTIMES names what to
// run ("teu=/path/to/teu,runc"), PROGRAMS a subset by shell patterns
// ("hooks*,kill").
package conformance
