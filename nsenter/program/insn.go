// Package program is the language teu compiles a bundle into: a flat list of instructions, nearly all of them one
// system call each, which the interpreter in nsenter runs inside the new namespaces before the Go runtime starts.
//
// The package is pure: it builds, prints, verifies, encodes and decodes programs, and runs none. FORMAT.md beside
// this file is the encoding, field by field.
package program

import (
	"strings"
	"syscall"
)

// Op says what kind of instruction an Insn is. All but OpSyscall are built in because they need more than one call
// or have to look at a result.
type Op uint16

// The instructions. The numbers are part of the encoding; nsenter/interp.h holds the same list.
const (
	// OpSyscall makes one system call, Nr, with Args.
	OpSyscall Op = 1 + iota
	// OpJump goes to its label.
	OpJump
	// OpFail fails with the errno in its first argument.
	OpFail
	// OpTarget opens a path inside a root and makes what is missing of it.
	OpTarget
	// OpCheckDev checks the type and device number of a file.
	OpCheckDev
	// OpCheckFs checks the filesystem magic of a file.
	OpCheckFs
	// OpFork goes on in a child; the parent reports the child's pid and exits.
	OpFork
	// OpSync sends a byte to the parent and waits for one.
	OpSync
	// OpSendFd sends a descriptor with a payload over a Unix socket.
	OpSendFd
	// OpGate waits for `start`.
	OpGate
	// OpHook runs an OCI hook and waits for it.
	OpHook
	// OpSigReset gives every signal its default action and unblocks all.
	OpSigReset
	// OpCheckCwd checks that the working directory is inside the root.
	OpCheckCwd
	// OpCopy copies what a directory holds to a new filesystem.
	OpCopy
	// OpCopyLink makes a symlink anew.
	OpCopyLink
	// OpExec replaces the process by the workload.
	OpExec
	// OpListen loads a filter with a listener and passes that on over a Unix socket.
	OpListen
	// OpFind checks that there is a file to execute.
	OpFind
	// OpCheckOwner checks which user namespace a mount namespace belongs to.
	OpCheckOwner
	// OpCheckRoot checks which directory the root is.
	OpCheckRoot
	// OpIdentify has a number of a file as its result.
	OpIdentify
	// OpCheckCover checks that a path is masked or read-only.
	OpCheckCover
	opEnd
)

// Kind says what an argument is.
type Kind uint8

// The kinds of argument.
const (
	Imm  Kind = iota // the number itself
	Use              // the value of a slot
	Str              // the address of a NUL-terminated string
	Buf              // the address of a buffer
	Len              // the length of the buffer that argument Val holds
	Vec              // the address of a NULL-terminated array of strings
	Prog             // the address of a struct sock_fprog
)

// Arg is one argument of an instruction.
type Arg struct {
	Kind Kind
	Val  uint64 // Imm: the number; Use: the slot; Len: the index of the argument measured; Vec: how many strings
	Text string // Str: the string; Buf, Prog: the bytes; Vec: the strings, each with a NUL after it
}

// list is the strings of a Vec.
func (a *Arg) list() []string {
	if a.Val == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(a.Text, "\x00"), "\x00")
}

// Slot names a descriptor or number that an earlier instruction produced or that the parent passed in. Negative
// values are not slots.
type Slot int16

const (
	// None is the absent slot.
	None Slot = -1
	// Host stands for AT_FDCWD before the pivot: it goes with absolute paths only, which the verifier checks.
	Host Slot = -2
)

// MaxArgs is the number of arguments a system call can have.
const MaxArgs = 6

// maxErrno is the highest number an error of the kernel can have.
const maxErrno = 4095

// MaxBranches is the number of errno values an instruction can branch on.
const MaxBranches = 4

// Branch sends an instruction that failed with Errno to Label instead of failing the program.
type Branch struct {
	Errno syscall.Errno
	Label *Label
}

// Label is a place further on in the program.
type Label struct{ pos int }

// Pos is the index of the instruction the label stands before, or -1 as long as it has not been placed.
func (l *Label) Pos() int { return l.pos }

// Insn is one instruction.
type Insn struct {
	Op     Op
	Nr     uint16 // OpSyscall: the system call number
	Args   []Arg
	Out    Slot // the slot the result goes to, or None
	Branch []Branch
	Label  *Label // OpJump
	Whole  bool   // the result must be the whole length of the buffer argument: no short write

	Where string // the place in config.json, e.g. "mounts[3]"
	What  string // what is being done, e.g. "bind /data on /var/lib/data"
}

// Program is a list of instructions and what it needs to run.
type Program struct {
	Inputs  []string // names of the descriptors the parent passes; slot i is input i
	Streams []Slot   // those of the inputs from which no path leads on
	Insns   []Insn
	Slots   int
}
