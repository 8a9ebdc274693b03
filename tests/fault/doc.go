// Package fault takes teu apart while it works, over bundles that use every feature there is:
//
//   - the interpreter fails, or dies, at each instruction of the program of create, start, run and exec;
//   - teu itself is killed before each system call of create, start, run, exec and delete.
//
// After each of them `teu list` works, `teu delete --force` succeeds, and no process, mount, cgroup, record or
// temporary file is left. Nothing here sleeps: the killer is a ptrace(2) tracer that stops teu at system calls.
//
// A kill before a system call that concerns nothing but teu's own memory, threads, signals or time finds the same world
// as the kill before the next, and how many of those the Go runtime makes depends on its mood. They are not counted,
// unless TEU_FAULT=all asks for each.
package fault
